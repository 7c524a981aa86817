import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type DynamicModule, Injectable, Module, type Type } from '@nestjs/common';
import { CqrsModule } from '@nestjs/cqrs';
import { MongooseModule } from '@nestjs/mongoose';
import { Test, type TestingModule } from '@nestjs/testing';
import mongoose from 'mongoose';
import {
  EventSourcedStorageModule,
  EventSourcedStorageService,
  type FeatureDefinition,
  getEventSourcedStorageToken,
  InjectEventSourcedStorage,
  type StorageModuleOptions,
} from 'nestjs-event-sourced-storage';
import { type BareMongod, startBareMongod } from '../support/bare-mongod.js';
import { consistent } from '../support/consistent.js';
import { databaseName, dropDatabase, Game, GameSchema, startGames } from '../support/games.js';
import { Log } from '../support/log.js';
import { clientOptions, started, testUri } from '../support/storage-app.js';

const database = databaseName('configuration');

interface Player {
  readonly _id: mongoose.Types.ObjectId;
  name: string;
  version: number;
}
const PlayerSchema = new mongoose.Schema<Player>({ name: String }, { versionKey: 'version', collection: 'players' });
const gameFeature: FeatureDefinition = { name: Game.name, schema: GameSchema };
const playerFeature: FeatureDefinition = { name: 'Player', schema: PlayerSchema };

describe('configuration', () => {
  const running: TestingModule[] = [];

  beforeAll(() => dropDatabase(database));
  afterAll(async () => {
    for (const app of running) await app.close();
  });

  /** Starts an application of these modules and classes, or fails as it does. */
  async function start(imports: readonly (DynamicModule | Type)[], providers: readonly Type[] = [], { uri = testUri(), logger = new Log() } = {}): Promise<TestingModule> {
    const app = await started(async () => {
      const connection = MongooseModule.forRoot(uri, { dbName: database, retryAttempts: 0, ...clientOptions });
      const compiled = await Test.createTestingModule({ imports: [connection, CqrsModule.forRoot(), ...imports], providers: [...providers] })
        .setLogger(logger)
        .compile();
      return compiled.init();
    });
    running.push(app);
    return app;
  }
  const { forRoot, forFeature } = { forRoot: EventSourcedStorageModule.forRoot.bind(EventSourcedStorageModule), forFeature: EventSourcedStorageModule.forFeature.bind(EventSourcedStorageModule) };
  const storage = <T extends object>(app: TestingModule, name: string): EventSourcedStorageService<T> => app.get(getEventSourcedStorageToken(name), { strict: false });
  const withFeature = (feature: Partial<FeatureDefinition>): DynamicModule => forFeature([{ ...gameFeature, ...feature }]);

  it('row 59: all wrong options, of the module and of its features, are told in one message, and the application does not start', async () => {
    const root = { cacheTTL: -1, maxRetries: 1.5, timeoutMs: Number.NaN, maxQueued: 0, publish: 'sometimes', watchFullDocument: 'always', watchEnabled: 'yes', cache: 'redis', now: 1 } as unknown as StorageModuleOptions;
    const feature = { retryDelayMs: -5, versionField: 'a.b', eventsCollection: '', snapshotsCollection: 'a$b', maxDocumentBytes: 16 * 1_048_576, schemaVersion: 0 };
    const error: Error & { readonly problems?: readonly string[] } = await start([forRoot(root), withFeature(feature)]).then(
      () => new Error('it started'),
      (reason: unknown) => reason as Error,
    );
    expect(error).toMatchObject({ name: 'InvalidOptionsError', code: 'INVALID_OPTIONS' });
    for (const option of [...Object.keys(root), ...Object.keys(feature)]) expect(error.message).toContain(option);
    expect(error.problems).toHaveLength(Object.keys(root).length + Object.keys(feature).length);
  });

  it.each<[string, unknown]>([
    ['cacheTTL', -1],
    ['cacheTTL', '600'],
    ['cacheTTL', 2 ** 31],
    ['cacheMaxBytes', 0],
    ['cacheTimeoutMs', -1],
    ['cacheTimeoutMs', Infinity],
    ['maxRetries', -1],
    ['maxRetries', null],
    ['retryDelayMs', 0.5],
    ['maxRetryDelayMs', '1'],
    ['timeoutMs', -1],
    ['timeoutMs', 2 ** 31],
    ['maxQueued', 0],
    ['maxFlightChanges', 0],
    ['maxFlightBytes', 9 * 1_048_576],
    ['flights', 0],
    ['flights', 17],
    ['maxDocumentBytes', 0],
    ['maxDocumentBytes', 15 * 1_048_576 + 1],
    ['maxEventBytes', 0],
    ['warnEventBytes', -1],
    ['warnHistoryLength', -1],
    ['publish', 'everybody'],
    ['watchEnabled', 1],
    ['watchFullDocument', 'yes'],
    ['cache', {}],
    ['cache', true],
    ['cache', null],
    ['now', 'now'],
    ['random', 4],
    ['newFlightId', 'x'],
    ['snapshots', 100],
    ['snapshots', { everyEvents: -1 }],
    ['snapshots', { everyMs: 0.5 }],
    ['snapshots', { onDelete: 'yes' }],
    ['snapshots', { policy: 'daily' }],
    ['snapshots', { keepLast: '3' }],
    ['snapshots', { every: 3 }],
    ['snapshotScheduler', true],
    ['snapshotScheduler', { batch: 0 }],
    ['snapshotScheduler', { leaseMs: 0 }],
    ['snapshotScheduler', { everyMs: 2 ** 31 }],
    ['snapshotScheduler', { sweepBatch: -1 }],
    ['snapshotScheduler', { cron: '* * * * *' }],
    ['cacheTtl', 600],
    ['toString', 1],
  ])('row 59: forRoot({ %s: %p }) is refused at start by name', async (option, value) => {
    await expect(start([forRoot({ [option]: value }), withFeature({})])).rejects.toMatchObject({ code: 'INVALID_OPTIONS', problems: [expect.stringContaining(option)] });
  });

  it.each<[string, unknown]>([
    ['cacheTTL', -1],
    ['maxRetries', '3'],
    ['versionField', '_id'],
    ['versionField', ''],
    ['versionField', '$v'],
    ['versionField', 7],
    ['eventsCollection', 'system.events'],
    ['eventsCollection', 'a$b'],
    ['snapshotsCollection', ''],
    ['schemaVersion', 0],
    ['schemaVersion', '2'],
    ['eventCollection', 'typo'],
    ['cacheMaxBytes', 1_000],
  ])('row 59: forFeature([{ …, %s: %p }]) is refused at start by name', async (option, value) => {
    await expect(start([forRoot({}), withFeature({ [option]: value })])).rejects.toMatchObject({ code: 'INVALID_OPTIONS', problems: [expect.stringMatching(new RegExp(`forFeature "Game".*${option}`, 's'))] });
  });

  it.each<[string, () => DynamicModule]>([
    ['an empty list', () => forFeature([])],
    ['no list', () => forFeature(gameFeature as never)],
    ['nothing', () => forFeature(undefined as never)],
  ])('row 59: forFeature() with %s is refused with an example', (_, make) => {
    expect(make).toThrow(expect.objectContaining({ code: 'INVALID_OPTIONS', message: expect.stringContaining('forFeature') }));
  });

  it('row 59: a forgotten forRoot() is named in the message', async () => {
    await expect(start([withFeature({})])).rejects.toThrow('EventSourcedStorageModule.forRoot()');
  });

  it.each<[string, () => readonly DynamicModule[]]>([
    ['the same events collection', () => [forFeature([{ ...gameFeature, eventsCollection: 'events' }, { ...playerFeature, eventsCollection: 'events' }])]],
    ['the same documents', () => [forFeature([gameFeature, { ...playerFeature, collection: 'games', schema: new mongoose.Schema({ name: String }) }])]],
    ['events where the other has its documents', () => [forFeature([gameFeature, { ...playerFeature, eventsCollection: 'games' }])]],
    ['snapshots where the other has its events', () => [forFeature([gameFeature, { ...playerFeature, snapshotsCollection: 'games_events' }])]],
    ['the same events, in two modules', () => [inModule(forFeature([gameFeature])), inModule(forFeature([{ ...playerFeature, eventsCollection: 'games_events' }]))]],
  ])('row 59: two features with %s are refused, and both are named', async (_, features) => {
    await expect(start([forRoot({}), ...features()])).rejects.toMatchObject({ code: 'INVALID_OPTIONS', message: expect.stringMatching(/"(Player|Game)".*already used.*"(Game|Player)"/s) });
  });

  it.each(['eventsCollection', 'snapshotsCollection'])('row 59: a feature whose %s is its own collection of documents is refused', async (option) => {
    await expect(start([forRoot({}), withFeature({ [option]: 'games' })])).rejects.toMatchObject({ code: 'INVALID_OPTIONS' });
  });

  it('row 59: two features work side by side, each under its own name', async () => {
    @Injectable()
    class Service {
      constructor(
        @InjectEventSourcedStorage('Game') readonly games: EventSourcedStorageService<Game>,
        @InjectEventSourcedStorage('Player') readonly players: EventSourcedStorageService<Player>,
      ) {}
    }
    const app = await start([forRoot({}), forFeature([gameFeature, playerFeature])], [Service]);
    const { games, players } = app.get(Service);
    expect((await games.findOneAndUpsert({ name: 'raid' }, 'x')).document).toMatchObject({ name: 'raid', gold: 0 });
    expect((await players.findOneAndUpsert({ name: 'anna' }, 'x')).document).toEqual({ _id: expect.anything(), name: 'anna', version: 1 });
  });

  it('row 59: one module may import two features by two calls of forFeature()', async () => {
    @Injectable()
    class Service {
      constructor(
        @InjectEventSourcedStorage('Game') readonly games: EventSourcedStorageService<Game>,
        @InjectEventSourcedStorage('Player') readonly players: EventSourcedStorageService<Player>,
      ) {}
    }
    const app = await start([forRoot({}), forFeature([gameFeature]), forFeature([playerFeature])], [Service]);
    expect((await app.get(Service).games.findOneAndUpsert({ name: 'raid' }, 'x')).created).toBe(true);
    expect((await app.get(Service).players.findOneAndUpsert({ name: 'anna' }, 'x')).created).toBe(true);
  });

  it('row 59: the bare class can be injected where there is one feature', async () => {
    @Injectable()
    class Service {
      constructor(readonly games: EventSourcedStorageService<Game>) {}
    }
    const app = await start([forRoot({}), forFeature([gameFeature])], [Service]);
    expect(app.get(Service).games).toBe(storage(app, 'Game'));
    expect((await app.get(Service).games.findOneAndUpsert({ name: 'raid' }, 'x')).created).toBe(true);
  });

  it('row 59: the bare class where there are two features stops the start, and the message names the decorator', async () => {
    @Injectable()
    class Service {
      constructor(readonly games: EventSourcedStorageService<Game>) {}
    }
    const message = expect.stringMatching(/@InjectEventSourcedStorage\(/);
    await expect(start([forRoot({}), forFeature([gameFeature, playerFeature])], [Service])).rejects.toMatchObject({ message });
    await expect(start([forRoot({}), forFeature([gameFeature]), forFeature([playerFeature])], [Service])).rejects.toMatchObject({ message });
  });

  it('row 59: options may come from other providers, also asynchronously, and wrong ones are refused as well', async () => {
    @Module({ providers: [{ provide: 'settings', useValue: { retries: 0 } }], exports: ['settings'] })
    class Settings {}
    const async_ = (options: (settings: { retries: number }) => StorageModuleOptions | Promise<StorageModuleOptions>): DynamicModule =>
      EventSourcedStorageModule.forRootAsync({ imports: [Settings], inject: ['settings'], useFactory: options });
    const app = await start([async_(async ({ retries }) => Promise.resolve({ maxRetries: retries })), forFeature([gameFeature])]);
    const games = storage<Game>(app, 'Game');
    const { document } = await games.findOneAndUpsert({ name: 'raid' }, 'x');
    const other = await startGames({ database });
    try {
      const lost = games.findOneAndUpdate(document._id, async (game) => void (await other.games.findOneAndUpdate(document._id, (each) => void (each.gold += 1), 'faster'), (game.gold = 9)), 'slower');
      await expect(lost).rejects.toMatchObject({ code: 'VERSION_CONFLICT', attempts: 1 });
    } finally {
      await other.close();
    }
    await expect(start([async_(() => ({ maxRetries: -1 })), forFeature([gameFeature])])).rejects.toMatchObject({ code: 'INVALID_OPTIONS' });
    await expect(start([async_(() => Promise.reject(new Error('no settings'))), forFeature([gameFeature])])).rejects.toThrow('no settings');
    await expect(start([async_(() => undefined as never), forFeature([gameFeature])])).rejects.toMatchObject({ code: 'INVALID_OPTIONS' });
  });

  it('row 59: features may live on named connections, also under one name on two of them', async () => {
    const connections = ['one', 'two'].map((name) => MongooseModule.forRoot(testUri(), { ...clientOptions, connectionName: name, dbName: `${database}_${name}` }));
    for (const name of ['one', 'two']) await dropDatabase(`${database}_${name}`);
    const app = await start([...connections, forRoot({}), inModule(forFeature([gameFeature], 'one')), inModule(forFeature([gameFeature], 'two')), forFeature([gameFeature])]);
    const storages = ['one', 'two', undefined].map((name): EventSourcedStorageService<Game> => app.get(getEventSourcedStorageToken('Game', name), { strict: false }));
    const _id = new mongoose.Types.ObjectId();
    for (const [index, games] of storages.entries()) expect(await games.findOneAndUpsert({ _id, name: `game ${index}` }, 'x')).toMatchObject({ created: true, document: { version: 1 } });
    for (const [index, games] of storages.entries()) expect(await games.findOne(_id)).toMatchObject({ name: `game ${index}` });
    const [one, two] = storages as [EventSourcedStorageService<Game>, EventSourcedStorageService<Game>];
    const crossed = one.withTransaction((session) => two.findOneAndUpdate(_id, (game) => void (game.gold = 1), 'x', { session }));
    await expect(crossed).rejects.toMatchObject({ code: 'INVALID_ARGUMENT', argument: 'session' });
  });

  it('row 59: an event that is large is said so in the log, with its address', async () => {
    const logger = new Log();
    const app = await start([forRoot({ warnEventBytes: 2_000 }), forFeature([{ ...gameFeature, collection: 'warned' }])], [], { logger });
    const games = storage<Game>(app, 'Game');
    const { document } = await games.findOneAndUpsert({ name: 'raid' }, 'x');
    await games.findOneAndUpdate(document._id, (game) => void (game.gold = 1), 'x');
    const warned = (): string[] => logger.warnings.filter((line) => line.startsWith('warned/'));
    expect(warned()).toEqual([]);
    await games.findOneAndUpdate(document._id, (game) => void (game.extra = 'x'.repeat(2_000)), 'x');
    expect(warned()).toEqual([expect.stringMatching(new RegExp(`^warned/${document._id.toHexString()}.*warnEventBytes`))]);
  });

  it('row 59: a history that grows long is said so in the log, at each multiple of warnHistoryLength', async () => {
    const logger = new Log();
    const app = await start([forRoot({ warnHistoryLength: 5 }), forFeature([{ ...gameFeature, collection: 'long' }])], [], { logger });
    const games = storage<Game>(app, 'Game');
    const { document } = await games.findOneAndUpsert({ name: 'raid' }, 'x');
    for (let turn = 0; turn < 10; turn++) await games.findOneAndUpdate(document._id, (game) => void (game.gold += 1), 'x');
    expect(logger.warnings.filter((line) => line.startsWith('long/'))).toEqual([5, 10].map((length) => expect.stringMatching(new RegExp(`^long/${document._id.toHexString()}.*\\b${length}\\b`))));
  });

  it('row 59: names of collections and of the version field are what the options say', async () => {
    const schema = new mongoose.Schema({ name: String }, { collection: 'renamed' });
    const app = await start([forRoot({}), forFeature([{ name: 'Renamed', schema, versionField: 'revision', eventsCollection: 'renamed_log', snapshotsCollection: 'renamed_states', schemaVersion: 3 }])]);
    const renamed = storage<{ _id: mongoose.Types.ObjectId; name: string; revision: number }>(app, 'Renamed');
    const { document } = await renamed.findOneAndUpsert({ name: 'a' }, 'x');
    expect(document).toEqual({ _id: document._id, name: 'a', revision: 1 });
    await renamed.findOneAndUpdate(document._id, (each) => void ((each.name = 'b'), (each.revision = 9)), 'x');
    await renamed.createSnapshot(document._id);
    const client = await mongoose.mongo.MongoClient.connect(testUri());
    try {
      const db = client.db(database);
      expect(await db.collection('renamed').findOne()).toEqual({ _id: document._id, name: 'b', revision: 2 });
      expect(await db.collection('renamed_log').countDocuments({ schemaVersion: 3 })).toBe(2);
      expect(await db.collection('renamed_states').countDocuments()).toBe(1);
    } finally {
      await client.close();
    }
  });

  it("row 59: the version field is the schema's versionKey, and `version` where that is Mongoose's own __v", async () => {
    const schemas = { own: new mongoose.Schema({ name: String }, { versionKey: 'edition', collection: 'own' }), usual: new mongoose.Schema({ name: String }, { collection: 'usual' }), none: new mongoose.Schema({ name: String }, { versionKey: false, collection: 'none' }) };
    const app = await start([forRoot({}), forFeature(Object.entries(schemas).map(([name, schema]) => ({ name, schema })))]);
    const fields = await Promise.all(Object.keys(schemas).map(async (name) => Object.keys((await storage(app, name).findOneAndUpsert({ name: 'x' }, 'x')).document)));
    expect(fields).toEqual([['_id', 'name', 'edition'], ['_id', 'name', 'version'], ['_id', 'name', 'version']]);
  });

  it('row 59: what a schema expects of Mongoose and does not get is said at start', async () => {
    const schema = new mongoose.Schema({ name: String }, { collection: 'hooked', optimisticConcurrency: true });
    schema.pre('save', () => undefined);
    const logger = new Log();
    await start([forRoot({}), forFeature([{ name: 'Hooked', schema }])], [], { logger });
    expect(logger.warnings.filter((line) => line.startsWith('Hooked: '))).toEqual([expect.stringContaining('save'), expect.stringContaining('optimisticConcurrency')]);
  });

  it('row 59: the unique index of operations is made where it is missing, and used', async () => {
    const app = await start([forRoot({}), forFeature([{ ...gameFeature, collection: 'indexed' }])]);
    await storage<Game>(app, 'Game').findOneAndUpsert({ name: 'raid' }, 'x');
    const client = await mongoose.mongo.MongoClient.connect(testUri());
    try {
      const indexes = await client.db(database).collection('indexed_events').listIndexes().toArray();
      expect(indexes).toContainEqual(expect.objectContaining({ key: { '_id.d': 1, operationId: 1 }, unique: true }));
      const snapshots = await client.db(database).collection('indexed_snapshots').listIndexes().toArray();
      expect(snapshots).toContainEqual(expect.objectContaining({ key: { documentId: 1, serverSeq: 1 }, unique: true }));
    } finally {
      await client.close();
    }
  });

  it.each<[string, (events: mongoose.mongo.Collection) => Promise<unknown>]>([
    ['stored duplicates forbid it', async (events) => events.insertMany([1, 2].map((v) => ({ _id: { d: 'x', v }, operationId: 'same' })) as never)],
    ['another index, not unique, is in its place', async (events) => events.createIndex({ '_id.d': 1, operationId: 1 })],
    ['it holds for a part of the events only', async (events) => events.createIndex({ '_id.d': 1, operationId: 1 }, { unique: true, partialFilterExpression: { operationId: { $gt: 'm' } } })],
    ['its name is taken', async (events) => events.createIndex({ clientId: 1 }, { name: '_id.d_1_operationId_1' })],
  ])('row 59: without its unique index the application does not start: %s', async (problem, spoil) => {
    const collection = `spoilt_${problem.length}`;
    const client = await mongoose.mongo.MongoClient.connect(testUri());
    try {
      await spoil(client.db(database).collection(`${collection}_events`));
      const refused = start([forRoot({}), forFeature([{ ...gameFeature, collection }])]);
      await expect(refused).rejects.toMatchObject({ name: 'IndexMismatchError', code: 'INDEX_MISMATCH', collection: `${collection}_events` });
    } finally {
      await client.close();
    }
  });

  it('row 59: two applications that start at once make the collections and indexes together', async () => {
    const apps = await Promise.all([1, 2, 3].map(() => startGames({ database, feature: { collection: 'together' } })));
    const { document } = await apps[0]!.games.findOneAndUpsert({ name: 'raid' }, 'x');
    await Promise.all(apps.map(({ games }) => games.findOneAndUpdate(document._id, (game) => void (game.gold += 1), 'x')));
    expect(await consistent({ documents: () => apps[0]!.raw('together'), events: () => apps[0]!.raw('together_events') }, document._id)).toMatchObject({ stored: { gold: 3, version: 4 } });
    for (const app of apps) await app.close();
  });

  it('row 59: an index that the schema itself declares is there before the first write, and what it refuses has a name', async () => {
    const schema = new mongoose.Schema({ name: { type: String, unique: true } }, { collection: 'unique' });
    const app = await start([forRoot({}), forFeature([{ name: 'Unique', schema }])]);
    const unique = storage<{ _id: mongoose.Types.ObjectId; name: string; version: number }>(app, 'Unique');
    const [one, other] = [(await unique.findOneAndUpsert({ name: 'a' }, 'x')).document, (await unique.findOneAndUpsert({ name: 'b' }, 'x')).document];
    const refusal = { name: 'DuplicateValueError', code: 'DUPLICATE_VALUE', index: 'name_1' };
    await expect(unique.findOneAndUpsert({ name: 'a' }, 'x')).rejects.toMatchObject(refusal);
    await expect(unique.findOneAndUpdate(other._id, (each) => void (each.name = 'a'), 'x')).rejects.toMatchObject(refusal);
    expect((await unique.findOneAndUpdate(one._id, (each) => void (each.name = 'c'), 'x')).document.version).toBe(2);
    expect(await unique.getMissingEvents(other._id, 1)).toEqual([]);
  });

  describe('on a server that cannot do it', () => {
    let mongod: BareMongod | undefined;
    const stop = async (): Promise<void> => mongod?.stop();

    it('row 59: a standalone server is refused, and the message says what to do', async () => {
      mongod = await startBareMongod();
      try {
        const refused = start([forRoot({}), forFeature([gameFeature])], [], { uri: mongod.uri });
        await expect(refused).rejects.toMatchObject({ name: 'UnsupportedTopologyError', code: 'UNSUPPORTED_TOPOLOGY', found: 'standalone', message: expect.stringContaining('--replSet') });
      } finally {
        await stop();
      }
    });

    it('row 59: a replica set that was never initiated is refused, and the message says what to do', async () => {
      mongod = await startBareMongod(['--replSet', 'rs0']);
      try {
        const refused = start([forRoot({}), forFeature([gameFeature])], [], { uri: mongod.uri });
        await expect(refused).rejects.toMatchObject({ name: 'UnsupportedTopologyError', code: 'UNSUPPORTED_TOPOLOGY', found: 'not-initiated', message: expect.stringContaining('rs.initiate()') });
      } finally {
        await stop();
      }
    });
  });
});

function inModule(feature: DynamicModule): DynamicModule {
  class FeatureModule {}
  return { module: FeatureModule, imports: [feature] };
}
