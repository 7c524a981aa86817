import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import mongoose from 'mongoose';
import type { EventSourcedStorageService } from 'nestjs-event-sourced-storage';
import { consistent } from '../support/consistent.js';
import { databaseName, dropDatabase, type Game, type GamesApp, startGames } from '../support/games.js';
import { everythingStored } from '../support/traces.js';
import { gate, until } from '../support/until.js';

const { ObjectId } = mongoose.Types;
const database = databaseName('shutdown');

describe('shutting down', () => {
  let witness: GamesApp;

  beforeAll(async () => {
    await dropDatabase(database);
    witness = await startGames({ database });
  });
  afterAll(() => witness?.close());

  const addGold = (game: Game): void => void (game.gold += 1);
  const create = async (): Promise<Game> => (await witness.games.findOneAndUpsert({ name: 'raid' }, 'creator')).document;

  /** Every method of a storage, called rightly. */
  const calls: Record<Exclude<keyof EventSourcedStorageService<Game>, symbol>, (games: EventSourcedStorageService<Game>, id: mongoose.Types.ObjectId) => Promise<unknown>> = {
    findOne: (games, id) => games.findOne(id),
    findMany: (games) => games.findMany({ name: 'raid' }),
    findOneAndUpsert: (games) => games.findOneAndUpsert({ name: 'late' }, 'late'),
    findOneAndUpdate: (games, id) => games.findOneAndUpdate(id, addGold, 'late'),
    deleteOne: (games, id) => games.deleteOne(id, 'late'),
    getMissingEvents: (games, id) => games.getMissingEvents(id, 0),
    catchUp: (games, id) => games.catchUp(id),
    compact: (games, id) => games.compact(id, { keepLast: 1 }),
    compactMany: async (games) => {
      for await (const progress of games.compactMany({ keepLast: 1 })) return progress;
      return undefined;
    },
    purge: (games, id) => games.purge(id),
    renewEpochs: (games) => games.renewEpochs(),
    getEvents: (games, id) => games.getEvents(id),
    streamEvents: async (games, id) => {
      for await (const event of games.streamEvents(id)) return event;
      return undefined;
    },
    stateAt: (games, id) => games.stateAt(id, { version: 1 }),
    createSnapshot: (games, id) => games.createSnapshot(id),
    snapshotStatus: (games) => Promise.resolve().then(() => games.snapshotStatus()),
    runSnapshots: (games) => games.runSnapshots(),
    getEventsWithSnapshot: (games, id) => games.getEventsWithSnapshot(id),
    withTransaction: (games) => games.withTransaction(() => Promise.resolve('ran')),
    createMany: (games) => games.createMany([{ name: 'late' }], 'late'),
    updateMany: (games, id) => games.updateMany([id], addGold, 'late'),
    diffBetween: (games, id) => games.diffBetween(id, 1, 2),
    revert: (games, id) => games.revert(id, { toVersion: 1 }, 'c'),
    verify: (games, id) => games.verify(id),
    verifyAll: (games) => games.verifyAll(),
    rebuild: (games, id) => games.rebuild(id),
    adopt: (games) => games.adopt({ clientId: 'c' }),
    watch: (games, id) => Promise.resolve().then(() => games.watch(id)),
    feedStatus: (games) => Promise.resolve().then(() => games.feedStatus()),
    resolveOperation: (games, id) => games.resolveOperation('op', { documentId: id }),
  };

  it('row 58: after the shutdown every method says that the storage is closed, and nothing is written', async () => {
    const { _id } = await create();
    const app = await startGames({ database });
    await app.games.findOne(_id);
    await app.close();
    const before = await everythingStored(witness.connection);
    for (const [name, call] of Object.entries(calls)) {
      const outcome = await Promise.resolve()
        .then(() => call(app.games, _id))
        .then(
          (value) => ({ name, value }),
          (error: unknown) => error,
        );
      expect({ method: name, outcome }).toMatchObject({ method: name, outcome: { name: 'StorageClosedError', code: 'STORAGE_CLOSED', collection: 'games' } });
    }
    expect(await everythingStored(witness.connection)).toEqual(before);
  });

  it('row 58: none of the methods was forgotten in the list above', async () => {
    const app = await startGames({ database });
    try {
      const methods = Object.getOwnPropertyNames(Object.getPrototypeOf(app.games)).filter((name) => name !== 'constructor');
      expect(Object.keys(calls).toSorted()).toEqual(methods.toSorted());
    } finally {
      await app.close();
    }
  });

  it('row 58: closing waits for writes under way, refuses new ones meanwhile, and loses none', async () => {
    const [held, queued] = [await create(), await create()];
    const app = await startGames({ database });
    const { passed, open } = gate();
    const { passed: hasBegun, open: begin } = gate();
    const running = app.games.findOneAndUpdate(held._id, async (game) => (begin(), passed.then(() => addGold(game))), 'running');
    const behind = app.games.findOneAndUpdate(held._id, addGold, 'behind');
    const beside = Array.from({ length: 20 }, () => app.games.findOneAndUpdate(queued._id, addGold, 'beside'));
    await hasBegun;

    let isClosed = false;
    const closing = app.close().then(() => (isClosed = true));
    await until(async () => {
      const refused = await app.games.findOne(held._id).catch((error: unknown) => error);
      return (refused as { code?: string }).code === 'STORAGE_CLOSED';
    }, 'new calls are refused');
    await expect(app.games.findOneAndUpdate(queued._id, addGold, 'late')).rejects.toMatchObject({ code: 'STORAGE_CLOSED' });
    expect(isClosed).toBe(false);

    open();
    expect(await running).toMatchObject({ document: { gold: 1, version: 2 } });
    expect(await behind).toMatchObject({ document: { gold: 2, version: 3 } });
    expect(await Promise.all(beside)).toHaveLength(20);
    await closing;
    expect(await consistent(witness, held._id)).toMatchObject({ numbers: [1, 2, 3], stored: { gold: 2 } });
    expect(await consistent(witness, queued._id)).toMatchObject({ stored: { gold: 20, version: 21 } });
  });

  it('row 58: closing waits for a transaction under way', async () => {
    const { _id } = await create();
    const app = await startGames({ database, root: { timeoutMs: 5_000 } });
    const { passed, open } = gate();
    const { passed: hasBegun, open: begin } = gate();
    const running = Promise.allSettled([
      app.games.withTransaction(async (session) => {
        await app.games.findOneAndUpdate(_id, addGold, 'running', { session });
        begin();
        await passed;
        return 'done';
      }),
    ]);
    await hasBegun;
    let isClosed = false;
    const closing = app.close().then(() => (isClosed = true));
    await until(async () => {
      const refused = await app.games.findOne(_id).catch((error: unknown) => error);
      return (refused as { code?: string }).code === 'STORAGE_CLOSED' || isClosed;
    }, 'new calls are refused');
    open();
    expect(await running).toEqual([{ status: 'fulfilled', value: 'done' }]);
    await closing;
    expect(await consistent(witness, _id)).toMatchObject({ numbers: [1, 2], stored: { gold: 1 } });
  });

  it('row 58: closing twice, also at the same time, is harmless', async () => {
    const app = await startGames({ database });
    const { document } = await app.games.findOneAndUpsert({ name: 'raid' }, 'creator');
    await Promise.all([app.close(), app.close()]);
    await app.close();
    expect(await consistent(witness, document._id)).toMatchObject({ numbers: [1] });
  });

  it('row 58: an application that never wrote closes as well', async () => {
    const app = await startGames({ database });
    await app.close();
    await expect(app.games.findOne(new ObjectId())).rejects.toMatchObject({ code: 'STORAGE_CLOSED' });
  });

  it('row 58: a closed application leaves nothing behind on the server: no session, no open transaction, no lease', async () => {
    const app = await startGames({ database, client: { appName: 'row-58' } });
    const { document } = await app.games.findOneAndUpsert({ name: 'raid' }, 'creator');
    await app.games.withTransaction((session) => app.games.findOneAndUpdate(document._id, addGold, 'editor', { session }));
    const leases = witness.raw('ess_leases');
    const idle = async (): Promise<number> => {
      const operations = witness.connection.getClient().db('admin').aggregate([{ $currentOp: { idleSessions: true, idleConnections: true } }, { $match: { appName: 'row-58' } }]);
      return (await operations.toArray()).length;
    };
    expect(await idle()).toBeGreaterThan(0);
    const before = await leases.countDocuments();
    await app.close();
    await until(async () => (await idle()) === 0, 'the connections are gone');
    expect(await leases.countDocuments()).toBe(before - 1);
  });

  it('row 58: two applications in one process do not close each other', async () => {
    const [one, other] = [await startGames({ database }), await startGames({ database })];
    await one.close();
    const { document } = await other.games.findOneAndUpsert({ name: 'raid' }, 'creator');
    expect(await other.games.findOne(document._id)).toEqual(document);
    await other.close();
  });
});
