import { afterAll, describe, expect, it } from '@jest/globals';
import mongoose from 'mongoose';
import { allOf, everyEvents, everyMs, HistoryCorruptError, type SnapshotOptions, type SnapshotSchedulerOptions, type StorageModuleOptions } from 'nestjs-event-sourced-storage';
import { canonical } from '../support/canonical.js';
import { databaseName, dropDatabase, type Game, type GamesApp, startGames } from '../support/games.js';
import { Log } from '../support/log.js';
import { until } from '../support/until.js';

const { Long } = mongoose.mongo;
type Id = mongoose.Types.ObjectId;

/** Rounds only when the test says so. */
const byHand: SnapshotSchedulerOptions = { everyMs: 0, leaseMs: 600_000 };
const addGold = (game: Game): void => void (game.gold += 1);

describe('snapshots', () => {
  const apps: GamesApp[] = [];
  const databases: string[] = [];
  let made = 0;

  afterAll(async () => {
    for (const app of apps) await app.close();
    for (const name of databases) await dropDatabase(name);
  });

  async function newDatabase(): Promise<string> {
    const database = databaseName(`snapshots_${++made}`);
    databases.push(database);
    await dropDatabase(database);
    return database;
  }

  async function start(database: string, snapshots: SnapshotOptions, root: StorageModuleOptions = {}, logger = new Log()): Promise<GamesApp> {
    const app = await startGames({ database, root: { publish: 'never', snapshotScheduler: byHand, snapshots, ...root }, logger });
    apps.push(app);
    return app;
  }

  async function newGame(app: GamesApp, version: number): Promise<Id> {
    const { document } = await app.games.findOneAndUpsert({ name: 'raid' }, 'creator');
    await edit(app, document._id, version - 1);
    return document._id;
  }

  async function edit(app: GamesApp, id: Id, times: number): Promise<void> {
    for (let i = 0; i < times; i++) await app.games.findOneAndUpdate(id, addGold, 'editor');
  }

  async function numbersOf(app: GamesApp, id: Id): Promise<number[]> {
    const found = await app.raw('games_snapshots').find({ documentId: id }).sort({ serverSeq: 1 }).toArray();
    return found.map((each) => Number(each['serverSeq']));
  }

  /** Each state of a history, from the events alone. */
  async function statesWithoutSnapshots(app: GamesApp, id: Id, head: number): Promise<string[]> {
    await app.raw('games_snapshots').deleteMany({ documentId: id });
    return statesOf(app, id, head);
  }

  async function statesOf(app: GamesApp, id: Id, head: number): Promise<string[]> {
    const states: string[] = [];
    for (let version = 1; version <= head; version++) states.push(canonical(await app.games.stateAt(id, { version })));
    return states;
  }

  describe('by rules', () => {
    it('row 41: every five versions there is one, which is the state at exactly that number', async () => {
      const app = await start(await newDatabase(), { everyEvents: 5 });
      const id = await newGame(app, 1);
      const answers: string[] = [];
      for (let version = 2; version <= 12; version++) {
        answers[version] = canonical((await app.games.findOneAndUpdate(id, addGold, 'editor')).document);
        await app.games.runSnapshots();
      }
      expect(await numbersOf(app, id)).toEqual([5, 10]);
      for (const version of [5, 10]) {
        const record = await app.raw('games_snapshots').findOne({ documentId: id, serverSeq: Long.fromNumber(version) });
        expect(canonical(record?.['state'])).toBe(answers[version]);
      }
      expect(app.games.snapshotStatus()).toMatchObject({ isEnabled: true, isHolder: true, made: 2, failed: 0 });
    });

    it('row 41: while others write, each is still what the events up to its number lead to', async () => {
      const database = await newDatabase();
      const [app, other] = [await start(database, { everyEvents: 2 }), await start(database, {})];
      const id = await newGame(app, 1);
      const state = { isWriting: true };
      // the second half waits for a snapshot of the first: all of it between two rounds would prove nothing
      const half = async (by: GamesApp): Promise<void> => {
        await edit(by, id, 15);
        await until(async () => (await numbersOf(app, id)).length > 0, 'a snapshot');
        await edit(by, id, 15);
      };
      const writing = Promise.all([half(app), half(other)]).finally(() => (state.isWriting = false));
      while (state.isWriting) await app.games.runSnapshots();
      await writing;
      await app.games.runSnapshots();
      const found = await app.raw('games_snapshots').find({ documentId: id }).toArray();
      expect(found.length).toBeGreaterThan(1);
      const states = await statesWithoutSnapshots(app, id, 61);
      for (const { serverSeq, state: kept } of found) expect(canonical(kept)).toBe(states[Number(serverSeq) - 1]);
    });

    it('by time: a document that changed gets one when the newest is old enough, by the clock given', async () => {
      let now = 1_000_000;
      const app = await start(await newDatabase(), { everyMs: 60_000 }, { now: () => now });
      const id = await newGame(app, 2);
      await app.games.runSnapshots();
      expect(await numbersOf(app, id)).toEqual([]);
      now += 60_000;
      expect(await app.games.runSnapshots()).toMatchObject({ ran: true, made: 1 });
      now += 60_000;
      expect(await app.games.runSnapshots()).toMatchObject({ made: 0 });
      await edit(app, id, 1);
      expect(await app.games.runSnapshots()).toMatchObject({ made: 1 });
      expect(await numbersOf(app, id)).toEqual([2, 3]);
    });

    it('by size of the events since, and by a rule of the application', async () => {
      const database = await newDatabase();
      const app = await start(database, { everyBytes: 4_096, policy: allOf(everyEvents(20), everyMs(0)) });
      const small = await newGame(app, 3);
      const large = await newGame(app, 1);
      await app.games.findOneAndUpdate(large, (game) => void (game.name = 'x'.repeat(5_000)), 'editor');
      const long = await newGame(app, 20);
      expect(await app.games.runSnapshots()).toMatchObject({ made: 2, failed: 0 });
      expect([await numbersOf(app, small), await numbersOf(app, large), await numbersOf(app, long)]).toEqual([[], [2], [20]]);
    });

    it('row 42: on delete there is one of nothing, and a document created again goes on after it', async () => {
      const app = await start(await newDatabase(), { onDelete: true });
      const id = await newGame(app, 3);
      await app.games.deleteOne(id, 'deleter');
      await app.games.runSnapshots();
      expect(await app.games.getEventsWithSnapshot(id)).toMatchObject({ snapshot: { serverSeq: 4, state: null }, events: [] });
      await app.games.findOneAndUpsert({ _id: id, name: 'again' }, 'creator');
      await app.games.runSnapshots();
      expect(await numbersOf(app, id)).toEqual([4]);
      expect(await app.games.stateAt(id, { version: 5 })).toMatchObject({ name: 'again', version: 5 });
      await app.games.deleteOne(id, 'deleter');
      await app.games.runSnapshots();
      expect(await numbersOf(app, id)).toEqual([4, 6]);
    });

    it('without a rule none is made, and without a scheduler nobody makes any', async () => {
      const database = await newDatabase();
      const [noRule, noScheduler] = [await start(database, { keepLast: 3 }), await startGames({ database, root: { publish: 'never', snapshots: { everyEvents: 1 } } })];
      apps.push(noScheduler);
      const id = await newGame(noRule, 3);
      for (const app of [noRule, noScheduler]) {
        expect(await app.games.runSnapshots()).toEqual({ ran: false, examined: 0, made: 0, removed: 0, failed: 0 });
        expect(app.games.snapshotStatus()).toMatchObject({ isEnabled: false, rounds: 0 });
      }
      expect(await numbersOf(noRule, id)).toEqual([]);
    });

    it('row 43: the tail starts at the event after the snapshot, and both together are the document', async () => {
      const app = await start(await newDatabase(), { everyEvents: 4 });
      const id = await newGame(app, 4);
      await app.games.runSnapshots();
      await edit(app, id, 3);
      const { snapshot, events } = await app.games.getEventsWithSnapshot(id);
      expect(snapshot?.serverSeq).toBe(4);
      expect(events.map(({ serverSeq }) => serverSeq)).toEqual([5, 6, 7]);
      expect(snapshot?.state).toMatchObject({ gold: 3, version: 4 });
      expect(await app.games.findOne(id, { fresh: true })).toMatchObject({ gold: 6, version: 7 });
    });
  });

  describe('by the scheduler', () => {
    it('of three applications one runs, and when it leaves another one goes on', async () => {
      const database = await newDatabase();
      const three = [await start(database, { everyEvents: 3 }), await start(database, { everyEvents: 3 }), await start(database, { everyEvents: 3 })] as const;
      const ids = [await newGame(three[0], 3), await newGame(three[1], 3), await newGame(three[2], 3)];
      const rounds = await Promise.all(three.map((app) => app.games.runSnapshots()));
      expect(rounds.filter(({ ran }) => ran)).toHaveLength(1);
      const holder = three[rounds.findIndex(({ ran }) => ran)] as GamesApp;
      await holder.games.runSnapshots();
      for (const id of ids) expect(await numbersOf(holder, id)).toEqual([3]);
      expect(three.map((app) => app.games.snapshotStatus().isHolder)).toEqual(three.map((app) => app === holder));
      expect(three.reduce((sum, app) => sum + app.games.snapshotStatus().made, 0)).toBe(3);

      const [next, last] = three.filter((app) => app !== holder) as [GamesApp, GamesApp];
      await holder.close();
      await edit(last, ids[0] as Id, 3);
      expect(await next.games.runSnapshots()).toMatchObject({ ran: true, made: 1 });
      expect(await numbersOf(next, ids[0] as Id)).toEqual([3, 6]);
    });

    it('documents that no notice told of are found on the way through all of them, the deleted too, in batches', async () => {
      const database = await newDatabase();
      const writer = await startGames({ database, root: { publish: 'never' } });
      apps.push(writer);
      const ids: Id[] = [];
      for (let i = 0; i < 5; i++) ids.push(await newGame(writer, 3));
      await writer.games.deleteOne(ids[2] as Id, 'deleter');
      const app = await start(database, { everyEvents: 3 }, { watchEnabled: false, snapshotScheduler: { ...byHand, sweepBatch: 2 } });
      const rounds = [await app.games.runSnapshots(), await app.games.runSnapshots(), await app.games.runSnapshots()];
      expect(rounds.map(({ examined }) => examined)).toEqual([2, 2, 1]);
      expect(app.games.snapshotStatus()).toMatchObject({ made: 5, sweeps: 1 });
      for (const [index, id] of ids.entries()) expect(await numbersOf(app, id)).toEqual([index === 2 ? 4 : 3]);
      // and once more from the beginning
      await edit(writer, ids[0] as Id, 3);
      expect(await app.games.runSnapshots()).toMatchObject({ examined: 2, made: 1 });
    });

    it('who takes over goes on where the other one was', async () => {
      const database = await newDatabase();
      const options = { watchEnabled: false, snapshotScheduler: { ...byHand, sweepBatch: 2 } };
      const first = await start(database, { everyEvents: 1 }, options);
      const writer = await startGames({ database, root: { publish: 'never' } });
      apps.push(writer);
      for (let i = 0; i < 4; i++) await newGame(writer, 1);
      expect(await first.games.runSnapshots()).toMatchObject({ examined: 2, made: 2 });
      await first.close();
      const second = await start(database, { everyEvents: 1 }, options);
      expect(await second.games.runSnapshots()).toMatchObject({ examined: 2, made: 2 });
    });

    it('rounds by themselves make them too', async () => {
      const app = await start(await newDatabase(), { everyEvents: 3 }, { snapshotScheduler: { everyMs: 1 } });
      const id = await newGame(app, 3);
      await until(async () => (await numbersOf(app, id)).length > 0, 'a snapshot');
      expect(await numbersOf(app, id)).toEqual([3]);
    });

    it('row 42: a failure is logged and counted, fails no write, and is made up for', async () => {
      const log = new Log();
      const app = await start(await newDatabase(), { everyEvents: 3 }, {}, log);
      const refuse = (validator: object): Promise<unknown> => app.connection.getClient().db(app.connection.name).command({ collMod: 'games_snapshots', validator });
      await refuse({ never: { $exists: true } });
      const id = await newGame(app, 3);
      expect(await app.games.runSnapshots()).toMatchObject({ ran: true, made: 0 });
      expect(app.games.snapshotStatus()).toMatchObject({ made: 0, lastError: { message: expect.stringContaining(`games/${id.toHexString()}`) as unknown } });
      expect(app.games.snapshotStatus().failed).toBeGreaterThan(0);
      expect(log.warnings.some((warning) => warning.includes(`no snapshot of games/${id.toHexString()}`))).toBe(true);
      await edit(app, id, 1);
      await refuse({});
      expect(await app.games.runSnapshots()).toMatchObject({ made: 1, failed: 0 });
      expect(await numbersOf(app, id)).toEqual([4]);
    });
  });

  describe('retention', () => {
    it('row 42: the newest n stay, also of those made by hand', async () => {
      const app = await start(await newDatabase(), { everyEvents: 2, keepLast: 2 });
      const id = await newGame(app, 1);
      for (let i = 0; i < 4; i++) {
        await edit(app, id, 2);
        await app.games.runSnapshots();
      }
      expect(await numbersOf(app, id)).toEqual([7, 9]);
      await edit(app, id, 1);
      await app.games.createSnapshot(id);
      expect(await numbersOf(app, id)).toEqual([9, 10]);
      expect(app.games.snapshotStatus()).toMatchObject({ made: 4, removed: 2 });
    });

    it('row 42: older ones go, the newest stays however old', async () => {
      let now = 1_000_000;
      const app = await start(await newDatabase(), { everyEvents: 1, keepForMs: 10_000 }, { now: () => now });
      const id = await newGame(app, 1);
      await app.games.runSnapshots();
      now += 9_999;
      await edit(app, id, 1);
      await app.games.runSnapshots();
      expect(await numbersOf(app, id)).toEqual([1, 2]);
      now += 1_000_000;
      await app.games.runSnapshots(); // by the way through all documents: nothing has changed
      expect(await numbersOf(app, id)).toEqual([2]);
    });

    it('never the one that carries the floor', async () => {
      const app = await start(await newDatabase(), { everyEvents: 2, keepLast: 1 });
      const id = await newGame(app, 4);
      await app.games.compact(id, { upTo: 3 });
      for (let i = 0; i < 3; i++) {
        await edit(app, id, 2);
        await app.games.runSnapshots();
      }
      expect(await numbersOf(app, id)).toEqual([3, 10]);
      expect(await app.games.stateAt(id, { version: 3 })).toMatchObject({ gold: 2, version: 3 });
    });
  });

  describe('damaged', () => {
    it('row 43: one that is not what was stored is passed over, logged, and changes no answer', async () => {
      const log = new Log();
      const app = await start(await newDatabase(), { everyEvents: 3 }, {}, log);
      const id = await newGame(app, 3);
      await app.games.runSnapshots();
      await edit(app, id, 3);
      await app.games.runSnapshots();
      await edit(app, id, 1);
      expect(await numbersOf(app, id)).toEqual([3, 6]);
      await app.raw('games_snapshots').updateOne({ documentId: id, serverSeq: Long.fromNumber(6) }, { $set: { 'state.gold': 1_000 } });
      expect(await app.games.stateAt(id, { version: 7 })).toMatchObject({ gold: 6 });
      expect((await app.games.getEventsWithSnapshot(id)).snapshot?.serverSeq).toBe(3);
      expect(log.warnings.some((warning) => warning.includes(`${id.toHexString()}@6`) && warning.includes('damaged'))).toBe(true);
    });

    it('one that stands for events that are gone fails loudly', async () => {
      const app = await start(await newDatabase(), {});
      const id = await newGame(app, 5);
      await app.games.compact(id, { upTo: 4 });
      await app.raw('games_snapshots').updateOne({ documentId: id, serverSeq: Long.fromNumber(4) }, { $set: { 'state.gold': 1_000 } });
      await expect(app.games.stateAt(id, { version: 5 })).rejects.toThrow(HistoryCorruptError);
    });
  });

  describe('and answers', () => {
    it('deleting all of them changes no answer, over random histories and versions', async () => {
      const app = await start(await newDatabase(), { everyEvents: 3, onDelete: true });
      const seed = Math.floor(Math.random() * 2 ** 31);
      const next = random(seed);
      for (let run = 0; run < 6; run++) {
        const id = await newGame(app, 1);
        let head = 1;
        for (let step = 0; step < 15; step++) {
          const choice = next();
          if (choice < 0.15) head += (await app.games.deleteOne(id, 'deleter')).deleted ? 1 : 0;
          else if (choice < 0.3) head += (await app.games.findOneAndUpsert({ _id: id, name: `again ${step}` }, 'creator')).created ? 1 : 0;
          else if ((await app.games.findOne(id)) !== null) {
            await app.games.findOneAndUpdate(id, (game) => void (game.extra = { step, list: [next(), step] }), 'editor');
            head += 1;
          }
          if (next() < 0.3 || step === 14) await app.games.runSnapshots(); // by chance, but at least one of each document
          if (next() < 0.1) await app.games.createSnapshot(id);
        }
        const withSnapshots = await statesOf(app, id, head);
        try {
          expect(await statesWithoutSnapshots(app, id, head)).toEqual(withSnapshots);
        } catch (error) {
          throw new Error(`seed ${seed}, run ${run}`, { cause: error });
        }
      }
      expect(app.games.snapshotStatus().made).toBeGreaterThanOrEqual(6);
    });

    it('with one every 100 events, no state costs more than 100 events', async () => {
      const app = await start(await newDatabase(), { everyEvents: 100 });
      const id = await newGame(app, 1);
      for (let hundred = 1; hundred <= 4; hundred++) {
        await edit(app, id, hundred === 1 ? 99 : 100);
        await app.games.runSnapshots();
      }
      expect(await numbersOf(app, id)).toEqual([100, 200, 300, 400]);
      const db = app.connection.getClient().db(app.connection.name);
      // reads nothing of itself
      const reader = await startGames({ database: app.connection.name, root: { publish: 'never', watchEnabled: false }, client: { appName: 'profiled' } });
      apps.push(reader);
      for (const version of [1, 99, 100, 101, 199, 200, 350, 399, 400]) {
        await db.command({ profile: 0 });
        await db.collection('system.profile').drop();
        await db.command({ profile: 2 });
        expect(await reader.games.stateAt(id, { version })).toMatchObject({ gold: version - 1, version });
        const operations = await db.collection('system.profile').find({ ns: `${app.connection.name}.games_events`, appName: 'profiled' }).toArray();
        const sumOf = (fact: string): number => operations.reduce((sum, operation) => sum + Number(operation[fact] ?? 0), 0);
        expect(operations.length).toBeGreaterThan(0);
        expect(operations.map((operation) => String(operation['planSummary'])).filter((plan) => plan.includes('COLLSCAN'))).toEqual([]);
        expect(sumOf('docsExamined')).toBeLessThanOrEqual(100);
        expect(sumOf('keysExamined')).toBeLessThanOrEqual(102);
      }
      await db.command({ profile: 0 });
    });
  });
});

/** mulberry32. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}
