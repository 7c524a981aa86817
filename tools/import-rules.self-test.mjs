// Plants imports into a copy of the sources: each bad one must be found, each good one must not.
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { checkImports, overlooked, ruleNames } from './import-rules.mjs';
import { removeFolder, temporaryFolder } from './temporary-folder.mjs';

const library = 'libs/event-sourced-storage/src';
const packageName = 'nestjs-event-sourced-storage';
const rooms = 'model/ errors/ options/ history/ read/ leases/ write/ publish/ watch/ delivery/ sync/ maintenance/ cache/ mongoose/ memory/ nest/ testing/ cli/'.split(' ');

/** `[rule, importing file, what it imports]`; `write/` stands for a file planted in that room. */
const bad = [
  ['room-model', 'model/', 'errors/'],
  ['room-errors', 'errors/', 'options/'],
  ['room-options', 'options/', 'history/'],
  ['room-history', 'history/', 'write/'],
  ['room-read', 'read/', 'history/'],
  ['room-leases', 'leases/', 'write/'],
  ['room-write', 'write/', 'publish/'],
  ['room-write', 'write/', 'maintenance/'],
  ['room-write', 'write/', 'mongoose/'],
  ['room-publish', 'publish/', 'watch/'],
  ['room-watch', 'watch/', 'delivery/'],
  ['room-delivery', 'delivery/', 'sync/'],
  ['room-sync', 'sync/', 'write/'],
  ['room-maintenance', 'maintenance/', 'sync/'],
  ['room-cache', 'cache/', 'memory/'],
  ['room-mongoose', 'mongoose/', 'nest/'],
  ['room-memory', 'memory/', 'mongoose/'],
  ['room-nest', 'nest/', 'testing/'],
  ['room-testing', 'testing/', 'cli/'],
  ['room-cli', 'cli/', 'history/'],
  ['room-read', 'read/', '../planted-facade.js'],
  ['known-rooms', `${library}/utils/planted.ts`, '../model/planted-target.js'],
  ['core-without-frameworks', 'write/', '@nestjs/common'],
  ['core-without-frameworks', 'history/', 'mongoose'],
  ['core-without-frameworks', 'model/', 'rxjs'],
  ['mongoose-in-its-rooms', 'publish/', 'mongoose'],
  ['mongoose-in-its-rooms', `${library}/planted-facade-2.ts`, '@nestjs/mongoose'],
  ['driver-through-mongoose', 'mongoose/', 'mongodb'],
  ['driver-through-mongoose', `${library}/mongoose/planted.mongo-spec.ts`, 'mongodb'],
  ['driver-through-mongoose', 'test/planted.e2e-spec.ts', 'mongodb'],
  ['driver-through-mongoose', 'model/', 'bson'],
  ['through-a-door', 'src/planted.ts', `../${library}/index.js`],
  ['through-a-door', 'src/planted.ts', `../${library}/model/planted-target.js`],
  ['through-a-door', 'test/planted.e2e-spec.ts', `../${library}/index.js`],
  ['through-a-door', 'test/planted.e2e-spec.ts', '../libs/event-sourced-storage/dist/planted.js'],
  ['workspaces-through-a-door', 'libs/planted-client/src/planted.ts', '../../event-sourced-storage/src/index.js'],
  ['product-without-tests', 'read/', '../read/planted.spec.js'],
  ['product-without-tests', 'src/planted.ts', '../test/planted.e2e-spec.js'],
  ['declared-packages', 'nest/', '@nestjs/swagger'],
  ['optional-package', 'nest/', '@nestjs/microservices'],
  ['client-everywhere', 'libs/sync-client/src/planted.ts', 'node:util'],
  ['client-everywhere', 'libs/sync-client/src/planted.ts', packageName],
  ['client-everywhere', 'libs/sync-client/src/planted.ts', 'rxjs'],
  ['product-without-tests', 'libs/sync-client/src/planted.ts', './testing/simulation.js'],
  ['resolvable', 'src/planted.ts', `${packageName}/dist/index.js`],
  ['resolvable', 'src/planted.ts', './nowhere.js'],
  ['no-cycles', `${library}/model/planted-a.ts`, './planted-b.js'],
];

const good = [
  ['write/', 'history/'],
  ['mongoose/', 'mongoose'],
  ['nest/', '@nestjs/common'],
  ['nest/', '../planted-facade.js'],
  ['src/planted.ts', packageName],
  ['src/planted.ts', 'mongoose'],
  ['test/planted.e2e-spec.ts', packageName],
  [`${library}/model/planted.spec.ts`, 'mongoose'],
  [`${library}/model/planted.spec.ts`, '../write/planted-target.js'],
];

const planted = 'export interface Planted { readonly planted: true }\n';
const others = [
  [`${library}/index.ts`, "export type { Planted } from './planted-facade.js';\n"],
  [`${library}/planted-facade.ts`, planted],
  [`${library}/read/planted.spec.ts`, planted],
  ['test/planted.e2e-spec.ts', planted],
  [`${library}/model/planted-b.ts`, "export type { Planted } from './planted-a.js';\n"],
  ['libs/event-sourced-storage/dist/planted.js', 'export const planted = true;\n'],
  ...rooms.map((room) => [`${library}/${room}planted-target.ts`, planted]),
];

export async function selfTest(root) {
  const copy = temporaryFolder();
  try {
    const problems = [...rulesWithoutProof(), ...blindness(), ...(await badNotFound(root, copy)), ...(await goodFound(root, copy))];
    return { summary: `${bad.length} planted bad imports were found, ${good.length} good ones left alone`, problems };
  } finally {
    removeFolder(copy);
  }
}

function rulesWithoutProof() {
  return ruleNames.filter((name) => !bad.some(([rule]) => rule === name)).map((name) => `no planted import proves the rule ${name}`);
}

function blindness() {
  return overlooked(['a.ts'], []).length === 2 ? [] : ['files that were not looked at go unnoticed'];
}

async function badNotFound(root, copy) {
  copySources(root, copy);
  const files = plant(
    copy,
    bad.map(([, from, to]) => [from, to]),
  );
  const { violations } = await checkImports(copy);
  const isFound = ([rule], index) => violations.some((violation) => violation.rule === rule && violation.from === files[index]);
  return bad.filter((each, index) => !isFound(each, index)).map((each) => `not found: ${each.join(' ')}`);
}

async function goodFound(root, copy) {
  copySources(root, copy);
  const files = plant(copy, good);
  const { violations } = await checkImports(copy);
  return violations.filter(({ from }) => files.includes(from)).map(({ rule, from, to }) => `wrongly found: ${rule} ${from} -> ${to}`);
}

/** Writes one file for each import and answers their paths. */
function plant(copy, imports) {
  for (const [file, text] of others) write(join(copy, file), text);
  return imports.map(([from, to], index) => {
    const file = rooms.includes(from) ? `${library}/${from}planted-${index}.ts` : from.replace('planted.', `planted-${index}.`);
    const target = rooms.includes(to) ? `../${to}planted-target.js` : to;
    write(join(copy, file), `export type { Planted } from '${target}';\n`);
    return file;
  });
}

function write(file, text) {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
}

/** The sources as they are, and links to all packages; the workspaces among them are those of the copy. */
function copySources(root, copy) {
  for (const name of ['libs', 'src', 'test', 'tools', 'package.json', 'tsconfig.json']) {
    rmSync(join(copy, name), { recursive: true, force: true });
    cpSync(join(root, name), join(copy, name), { recursive: true, filter: isSource });
  }
  linkPackages(root, copy);
}

const isSource = (path) => !['node_modules', 'dist'].includes(basename(path));

function linkPackages(root, copy) {
  const packages = join(copy, 'node_modules');
  if (existsSync(packages)) return;
  mkdirSync(packages);
  const libs = readdirSync(join(copy, 'libs'));
  const own = new Map(libs.map((lib) => [JSON.parse(readFileSync(join(copy, 'libs', lib, 'package.json'), 'utf8')).name, join(copy, 'libs', lib)]));
  for (const name of readdirSync(join(root, 'node_modules'))) {
    symlinkSync(own.get(name) ?? join(root, 'node_modules', name), join(packages, name), 'junction');
  }
}
