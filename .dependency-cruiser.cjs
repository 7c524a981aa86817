// Who may import whom; imports of types count. `node tools/check-imports.mjs` runs it, `--self-test` proves each rule.

const test = '\\.(spec|mongo-spec|e2e-spec|contract)\\.ts$';
const library = '^libs/event-sourced-storage/src/';
const client = '^libs/sync-client/src/';
const named = (...packages) => `(^|/)node_modules/(${packages.join('|')})/|^(${packages.join('|')})(/|$)`;

// The rooms in the order in which data flows, each with the rooms it may look into.
const ground = ['model', 'errors', 'options'];
const core = [...ground, 'history', 'read', 'write', 'leases'];
const upToWatch = [...core, 'publish', 'watch'];
const adapted = [...upToWatch, 'delivery', 'sync', 'maintenance'];
const adapters = ['cache', 'mongoose', 'memory'];
const mayImport = {
  model: [],
  errors: ['model'],
  options: ['model', 'errors'],
  history: [...ground, 'read'],
  read: ground,
  leases: [...ground, 'read'],
  write: [...ground, 'history', 'read'],
  publish: core,
  watch: [...core, 'publish'],
  delivery: [...upToWatch, 'maintenance'],
  sync: upToWatch.filter((room) => room !== 'write'),
  maintenance: upToWatch,
  cache: [...ground, 'read'],
  mongoose: adapted,
  memory: adapted,
  nest: [...adapted, ...adapters],
  testing: [...adapted, ...adapters, 'nest'],
  cli: ['mongoose', 'nest'],
};
const seesTheDoor = new Set(['nest', 'testing', 'cli']); // files directly in src: the façade and the door itself

const roomRule = ([room, allowed]) => ({
  name: `room-${room}`,
  comment: `${room}/ may import ${allowed.length ? allowed.join(', ') : 'no other room'}${seesTheDoor.has(room) ? ' and the door' : ''}`,
  severity: 'error',
  from: { path: `${library}${room}/`, pathNot: test },
  to: { path: library, pathNot: [`${library}(${[room, ...allowed].join('|')})/`, ...(seesTheDoor.has(room) ? [`${library}[^/]+$`] : [])] },
});

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    ...Object.entries(mayImport).map(roomRule),
    {
      name: 'known-rooms',
      comment: 'a new room gets its line in .dependency-cruiser.cjs',
      severity: 'error',
      from: { path: `${library}[^/]+/`, pathNot: `${library}(${Object.keys(mayImport).join('|')})/` },
      to: {},
    },
    {
      name: 'core-without-frameworks',
      comment: `${core.join(', ')} are tested without Nest, Mongoose and RxJS`,
      severity: 'error',
      from: { path: `${library}(${core.join('|')})/`, pathNot: test },
      to: { path: named('@nestjs', 'mongoose', 'rxjs') },
    },
    {
      name: 'mongoose-in-its-rooms',
      comment: 'Mongoose is imported in mongoose/, nest/ and cli/ only',
      severity: 'error',
      from: { path: '^libs/event-sourced-storage/', pathNot: [`${library}(mongoose|nest|cli|testing)/`, test] },
      to: { path: named('mongoose', '@nestjs/mongoose') },
    },
    {
      name: 'driver-through-mongoose',
      comment: 'mongoose.mongo is the driver; the packages mongodb and bson are other copies with other classes',
      severity: 'error',
      from: {},
      to: { path: named('mongodb', 'bson') },
    },
    {
      name: 'through-a-door',
      comment: 'another workspace is imported by its package name',
      severity: 'error',
      from: { path: '^(src|test|tools)/' },
      to: { path: '^libs/', dependencyTypesNot: ['aliased-workspace'] },
    },
    {
      name: 'workspaces-through-a-door',
      comment: 'another workspace is imported by its package name',
      severity: 'error',
      from: { path: '^libs/([^/]+)/', pathNot: `${client}.*${test}` }, // the client's tests compare it with the server's own rules
      to: { path: '^libs/', pathNot: '^libs/$1/', dependencyTypesNot: ['aliased-workspace'] },
    },
    {
      name: 'product-without-tests',
      comment: 'what is shipped imports no test, no test support and no tool',
      severity: 'error',
      from: { path: '^(libs/[^/]+/src|src)/', pathNot: [test, `${library}testing/`, `${client}testing/`] },
      to: { path: [test, '^(test|tools)/', `${client}testing/`] },
    },
    {
      name: 'declared-packages',
      comment: 'a published workspace declares what it imports in its own package.json',
      severity: 'error',
      from: { path: '^libs/[^/]+/src/', pathNot: [test, `${library}testing/`, `${client}testing/`] }, // testing/ is not shipped
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'], dependencyTypesNot: ['npm-peer'] }, // an optional peer counts as both: peerDependenciesMeta is read as a list too
    },
    {
      name: 'optional-package',
      comment: '@nestjs/microservices is an optional peer: one file knows it, and imports it when a relay needs it',
      severity: 'error',
      from: { path: library, pathNot: [`${library}nest/broker-message\\.ts$`, test, `${library}testing/`] },
      to: { path: named('@nestjs/microservices') },
    },
    {
      name: 'client-everywhere',
      comment: 'the client runs in browsers too: it imports nothing but its own files',
      severity: 'error',
      from: { path: client, pathNot: [test, `${client}testing/`] },
      to: { pathNot: client },
    },
    {
      name: 'resolvable',
      comment: 'an import that leads nowhere, or past the exports of a package',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
    { name: 'no-cycles', comment: 'no file imports itself by way of others', severity: 'error', from: {}, to: { circular: true } },
  ],
  options: {
    doNotFollow: { path: ['node_modules', '^libs/[^/]+/dist/', '^dist/'] },
    tsPreCompilationDeps: true,
    combinedDependencies: false,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['@event-sourced-storage/source', 'types', 'import', 'node', 'default'],
      mainFields: ['types', 'main'],
    },
  },
};
