import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import mongoose from 'mongoose';
import { type EventSourcedStorageService, getEventSourcedStorageToken, type TransactionSession } from 'nestjs-event-sourced-storage';
import { changesDuring } from '../support/commits.js';
import { consistent } from '../support/consistent.js';
import { databaseName, dropDatabase, type Game, type GamesApp, startGames } from '../support/games.js';
import { firsts } from '../support/numbers.js';
import { featureModule } from '../support/storage-app.js';
import { everythingStored } from '../support/traces.js';
import { gate, until } from '../support/until.js';

const { ObjectId } = mongoose.Types;
const database = databaseName('transactions');

interface Player {
  readonly _id: mongoose.Types.ObjectId;
  name: string;
  gold: number;
  version: number;
}
const PlayerSchema = new mongoose.Schema({ name: { type: String, required: true }, gold: { type: Number, default: 0, min: 0 } }, { versionKey: 'version', collection: 'players' });
const players = { name: 'Player', schema: PlayerSchema };

describe('transactions over several documents', () => {
  let first: GamesApp;
  let second: GamesApp;
  let people: EventSourcedStorageService<Player>;
  const playerCollections = { documents: () => first.raw('players'), events: () => first.raw('players_events') };

  beforeAll(async () => {
    await dropDatabase(database);
    first = await startGames({ database, imports: [featureModule([players])] });
    second = await startGames({ database });
    people = first.app.get(getEventSourcedStorageToken('Player'), { strict: false });
  });
  afterAll(async () => {
    await first?.close();
    await second?.close();
  });

  const addGold = (document: { gold: number }): void => void (document.gold += 1);
  const game = async (gold = 0): Promise<Game> => (await first.games.findOneAndUpsert({ name: 'raid', gold }, 'creator')).document;
  const player = async (gold = 0): Promise<Player> => (await people.findOneAndUpsert({ name: 'anna', gold }, 'creator')).document;

  it('row 51: writes of two features are committed together, in one transaction that their events name', async () => {
    const [raid, anna] = [await game(10), await player()];
    let answer: unknown;
    const changes = await changesDuring(first.connection, async () => {
      answer = await first.games.withTransaction(async (session) => {
        await first.games.findOneAndUpdate(raid._id, (each) => void (each.gold -= 10), 'payout', { session });
        const { document } = await people.findOneAndUpdate(anna._id, (each) => void (each.gold += 10), 'payout', { session });
        return document;
      });
    });
    expect(answer).toEqual({ ...anna, gold: 10, version: 2 });
    expect(changes.map(({ collection, operation }) => `${operation} ${collection}`).toSorted()).toEqual(['insert games_events', 'insert players_events', 'update games', 'update players']);
    expect(new Set(changes.map(({ transaction }) => transaction)).size).toBe(1);
    expect(await consistent(first, raid._id)).toMatchObject({ numbers: [1, 2], stored: { gold: 0 } });
    expect(await consistent(playerCollections, anna._id)).toMatchObject({ numbers: [1, 2], stored: { gold: 10 } });
    const [[gameEvent], [playerEvent]] = [await first.games.getMissingEvents(raid._id, 1), await people.getMissingEvents(anna._id, 1)];
    expect(gameEvent?.transactionId).toEqual(expect.stringMatching(/./));
    expect(playerEvent?.transactionId).toBe(gameEvent?.transactionId);
    expect((await first.games.getMissingEvents(raid._id, 0))[0]).not.toHaveProperty('transactionId');
  });

  it('row 51: when a transaction is aborted nothing of it is there, in no feature, and nothing was ever visible', async () => {
    const [raid, doomed, anna] = [await game(10), await game(), await player()];
    const newcomer = new ObjectId();
    const before = await everythingStored(first.connection);
    const boom = new Error('second thoughts');
    const aborted = first.games.withTransaction(async (session) => {
      await first.games.findOneAndUpdate(raid._id, addGold, 'payout', { session });
      await first.games.deleteOne(doomed._id, 'payout', { session });
      await first.games.findOneAndUpsert({ _id: newcomer, name: 'new' }, 'payout', { session });
      await people.findOneAndUpdate(anna._id, addGold, 'payout', { session });
      for (const { games } of [first, second]) {
        expect(await games.findOne(raid._id, { fresh: true })).toEqual(raid);
        expect(await games.findOne(doomed._id)).toEqual(doomed);
        expect(await games.findOne(newcomer)).toBeNull();
        expect(await games.getMissingEvents(raid._id, 1)).toEqual([]);
      }
      throw boom;
    });
    await expect(aborted).rejects.toBe(boom);
    expect(await everythingStored(first.connection)).toEqual(before);
    for (const { games } of [first, second]) {
      expect(await games.findOne(raid._id)).toEqual(raid);
      expect(await games.findOne(newcomer)).toBeNull();
    }
    expect(await people.findOne(anna._id)).toEqual(anna);
    // what was touched can be written again at once
    expect((await first.games.findOneAndUpdate(raid._id, addGold, 'next')).document).toMatchObject({ gold: 11, version: 2 });
  });

  it('row 51: one refused write aborts the whole transaction', async () => {
    const [raid, anna] = [await game(), await player(5)];
    const before = await everythingStored(first.connection);
    const refused = first.games.withTransaction(async (session) => {
      await first.games.findOneAndUpdate(raid._id, addGold, 'payout', { session });
      await people.findOneAndUpdate(anna._id, (each) => void (each.gold -= 6), 'payout', { session });
    });
    await expect(refused).rejects.toMatchObject({ code: 'DOCUMENT_VALIDATION' });
    expect(await everythingStored(first.connection)).toEqual(before);
  });

  it('row 51: inside, later calls see what earlier ones wrote, and one document may go through many versions', async () => {
    const id = new ObjectId();
    const seen = await first.games.withTransaction(async (session) => {
      const versions: unknown[] = [];
      versions.push((await first.games.findOneAndUpsert({ _id: id, name: 'raid' }, 'a', { session })).document.version);
      versions.push((await first.games.findOneAndUpdate(id, addGold, 'b', { session })).document.version);
      versions.push((await first.games.findOneAndUpdate(id, () => undefined, 'b', { session })).diff.hasChanges);
      versions.push((await first.games.deleteOne(id, 'c', { session })).version);
      versions.push(await first.games.findOne(id, { session }));
      versions.push(await first.games.findMany({ _id: id }, { session }));
      versions.push((await first.games.findOneAndUpsert({ _id: id, name: 'again' }, 'd', { session })).document.version);
      return versions;
    });
    expect(seen).toEqual([1, 2, false, 3, null, [], 4]);
    expect(await consistent(first, id)).toMatchObject({ operations: ['create', 'update', 'delete', 'create'], stored: { name: 'again', version: 4 } });
    expect(await first.games.findOne(id)).toMatchObject({ name: 'again', version: 4 });
  });

  it('row 51: a transaction that lost a race is run again from the start on current data', async () => {
    const [raid, anna] = [await game(), await player()];
    const runs: { readonly found: number | undefined; readonly current: number }[] = [];
    let races = 0;
    await first.games.withTransaction(async (session) => {
      const current = 10 * races; // by the faster one, before this run began
      runs.push({ found: (await first.games.findOne(raid._id, { session }))?.gold, current });
      await people.findOneAndUpdate(anna._id, addGold, 'payout', { session });
      if (races < 2) await second.games.findOneAndUpdate(raid._id, (each) => void (each.gold += 10), 'faster').then(() => races++);
      await first.games.findOneAndUpdate(raid._id, addGold, 'payout', { session });
    });
    // at least once for each race: the server may end a transaction for reasons of its own, too
    for (const { found, current } of runs) expect(found).toBe(current);
    expect(firsts(runs.map(({ current }) => current))).toEqual([0, 10, 20]);
    expect(await consistent(first, raid._id)).toMatchObject({ numbers: [1, 2, 3, 4], stored: { gold: 21 } });
    expect(await consistent(playerCollections, anna._id)).toMatchObject({ numbers: [1, 2], stored: { gold: 1 } });
  });

  it('row 51: a transaction that always loses gives up after maxRetries, and leaves nothing', async () => {
    const raid = await game();
    const app = await startGames({ database, root: { maxRetries: 2, retryDelayMs: 0 } });
    try {
      let runs = 0;
      const lost = app.games.withTransaction(async (session) => {
        runs++;
        await app.games.findOne(raid._id, { session });
        await second.games.findOneAndUpdate(raid._id, addGold, 'faster');
        await app.games.findOneAndUpdate(raid._id, (each) => void (each.name = 'too late'), 'slower', { session });
      });
      await expect(lost).rejects.toMatchObject({ code: expect.stringMatching(/^(VERSION_CONFLICT|DOCUMENT_LOCKED)$/) });
      expect(runs).toBe(3);
      expect(await consistent(first, raid._id)).toMatchObject({ numbers: [1, 2, 3, 4], stored: { name: 'raid', gold: 3 } });
    } finally {
      await app.close();
    }
  });

  it('row 51: transactions that move gold between the same documents in two applications lose none of it', async () => {
    const documents = [await game(100), await game(100), await game(100)];
    const move = async (app: GamesApp, from: number, to: number): Promise<void> => {
      await app.games.withTransaction(async (session) => {
        await app.games.findOneAndUpdate(documents[from]?._id ?? '', (each) => void (each.gold -= 1), 'mover', { session });
        await app.games.findOneAndUpdate(documents[to]?._id ?? '', (each) => void (each.gold += 1), 'mover', { session });
      });
    };
    const mover = async (app: GamesApp, from: number, to: number): Promise<void> => {
      for (let turn = 0; turn < 6; turn++) await move(app, (from + turn) % 3, (to + turn) % 3);
    };
    await Promise.all([mover(first, 0, 1), mover(second, 1, 0), mover(first, 2, 1), mover(second, 0, 2)]);
    const found = await Promise.all(documents.map(({ _id }) => consistent(first, _id)));
    expect(found.reduce((sum, { stored }) => sum + Number(stored?.['gold']), 0)).toBe(300);
    expect(found.reduce((sum, { numbers }) => sum + numbers.length, 0)).toBe(3 + 48);
  });

  it('row 51: writes that are started together inside a transaction are all in it, or the transaction is refused as a whole', async () => {
    for (let round = 0; round < 8; round++) {
      const documents = await Promise.all([game(), game(), game(), game(), game()]);
      const [outcome] = await Promise.allSettled([
        first.games.withTransaction((session) => Promise.all(documents.map(({ _id }) => first.games.findOneAndUpdate(_id, addGold, 'together', { session })))),
      ]);
      const gold = outcome.status === 'fulfilled' ? 1 : 0;
      for (const { _id } of documents) expect(await consistent(first, _id)).toMatchObject({ stored: { gold, version: 1 + gold } });
      if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: expect.stringMatching(/^[A-Z_]+$/) });
    }
  });

  it.each(['commits', 'throws'])('row 51: a write that nobody waited for, and that is still deciding when its transaction %s, is in that transaction or not written at all', async (end) => {
    const raid = await game();
    let late: PromiseSettledResult<unknown>[] = [];
    const changes = await changesDuring(first.connection, async () => {
      let forgotten: Promise<unknown> = Promise.resolve();
      const over: Promise<unknown> = first.games
        .withTransaction(async (session) => {
          const { passed: hasBegun, open: begin } = gate();
          // ends with the transaction; a storage that waits for its writes before it ends one goes on after a second
          const edit = async (each: Game): Promise<void> => {
            begin();
            await Promise.race([over, pause(1_000)]);
            addGold(each);
          };
          forgotten = first.games.findOneAndUpdate(raid._id, edit, 'forgotten', { session });
          forgotten.catch(() => undefined);
          await hasBegun;
          if (end === 'throws') throw new Error('no');
        })
        .catch(() => undefined);
      await over;
      late = await Promise.allSettled([forgotten]);
    });
    for (const { transaction } of changes) expect(transaction).toBeDefined();
    expect(new Set(changes.map(({ transaction }) => transaction)).size).toBe(changes.length === 0 ? 0 : 1);
    expect(changes).toHaveLength(late[0]?.status === 'fulfilled' && end === 'commits' ? 2 : 0);
    expect(late[0]?.status).toBe(changes.length === 0 ? 'rejected' : 'fulfilled');
    await consistent(first, raid._id);
  });

  it('row 51: an edit that is refused, and caught inside, does not spoil the rest of the transaction', async () => {
    const raid = await game();
    await first.games.withTransaction(async (session) => {
      await first.games.findOneAndUpdate(raid._id, addGold, 'a', { session });
      await expect(first.games.findOneAndUpdate(raid._id, (each) => void (each.gold = 'x' as never), 'b', { session })).rejects.toMatchObject({ code: 'DOCUMENT_VALIDATION' });
      await expect(first.games.findOneAndUpdate(new ObjectId(), addGold, 'b', { session })).rejects.toMatchObject({ code: 'DOCUMENT_NOT_FOUND' });
      await expect(first.games.findOneAndUpdate(raid._id, addGold, 'b', { session, expectedVersion: 1 })).rejects.toMatchObject({ code: 'VERSION_CONFLICT', expected: 1, found: 2 });
      await first.games.findOneAndUpdate(raid._id, addGold, 'c', { session, expectedVersion: 2 });
    });
    expect(await consistent(first, raid._id)).toMatchObject({ numbers: [1, 2, 3], stored: { gold: 2 } });
  });

  it('row 51: an operation that is repeated inside a transaction answers its first result', async () => {
    const raid = await game();
    const once = await first.games.findOneAndUpdate(raid._id, addGold, 'editor', { operationId: 'op-1' });
    const again = await first.games.withTransaction((session) => first.games.findOneAndUpdate(raid._id, addGold, 'editor', { operationId: 'op-1', session }));
    expect(again).toEqual(once);
    await first.games.withTransaction((session) => first.games.findOneAndUpdate(raid._id, addGold, 'editor', { operationId: 'op-2', session }));
    await first.games.findOneAndUpdate(raid._id, addGold, 'editor', { operationId: 'op-2' });
    expect(await consistent(first, raid._id)).toMatchObject({ numbers: [1, 2, 3], stored: { gold: 2 } });
  });

  it("row 51: Mongoose's own connection.transaction() works: its session carries writes of several features, and an abort leaves nothing", async () => {
    const [raid, anna] = [await game(10), await player()];
    await first.connection.transaction(async (session) => {
      await first.games.findOneAndUpdate(raid._id, (each) => void (each.gold -= 10), 'payout', { session });
      await people.findOneAndUpdate(anna._id, (each) => void (each.gold += 10), 'payout', { session });
      expect(await first.games.findOne(raid._id)).toEqual(raid);
    });
    expect(await first.games.findOne(raid._id)).toMatchObject({ gold: 0, version: 2 });
    expect(await people.findOne(anna._id)).toMatchObject({ gold: 10, version: 2 });
    await consistent(first, raid._id);
    await consistent(playerCollections, anna._id);

    const before = await everythingStored(first.connection);
    const aborted = first.connection.transaction(async (session) => {
      await first.games.findOneAndUpdate(raid._id, addGold, 'payout', { session });
      throw new Error('no');
    });
    await expect(aborted).rejects.toThrow('no');
    expect(await everythingStored(first.connection)).toEqual(before);
    expect(await first.games.findOne(raid._id)).toMatchObject({ gold: 0, version: 2 });
    expect((await first.games.findOneAndUpdate(raid._id, addGold, 'next')).document).toMatchObject({ gold: 1, version: 3 });
  });

  it('row 51: a session that the caller starts, commits and aborts by hand carries writes, beside those of the application itself', async () => {
    const raid = await game();
    const session = await first.connection.startSession();
    try {
      session.startTransaction();
      await first.games.findOneAndUpdate(raid._id, addGold, 'by hand', { session });
      await first.raw('notes').insertOne({ about: raid._id }, { session });
      expect(await first.games.findOne(raid._id)).toEqual(raid);
      await session.commitTransaction();
      session.startTransaction();
      await first.games.findOneAndUpdate(raid._id, addGold, 'by hand', { session });
      await first.games.deleteOne(raid._id, 'by hand', { session });
      await session.abortTransaction();
    } finally {
      await session.endSession();
    }
    expect(await first.games.findOne(raid._id)).toMatchObject({ gold: 1, version: 2 });
    expect(await first.raw('notes').countDocuments({ about: raid._id })).toBe(1);
    expect(await consistent(first, raid._id)).toMatchObject({ numbers: [1, 2] });
  });

  it('row 51: while a transaction holds a document, other writers wait for it, and then go on from its result', async () => {
    const raid = await game();
    let waiting: Promise<unknown> = Promise.resolve();
    await first.games.withTransaction(async (session) => {
      await first.games.findOneAndUpdate(raid._id, addGold, 'holder', { session });
      let decided = 0;
      waiting = second.games.findOneAndUpdate(raid._id, (each) => (decided++, addGold(each)), 'waiter');
      await until(() => decided >= 2, 'the other writer was turned away once');
    });
    expect(await waiting).toMatchObject({ document: { gold: 2, version: 3 } });
    expect(await consistent(first, raid._id)).toMatchObject({ numbers: [1, 2, 3] });
  });

  it('row 51: a writer whose time is over before the transaction that holds the document, learns that it is locked', async () => {
    const raid = await game();
    await first.games.withTransaction(async (session) => {
      await first.games.findOneAndUpdate(raid._id, addGold, 'holder', { session });
      const locked = second.games.findOneAndUpdate(raid._id, addGold, 'waiter', { timeoutMs: 2_000 }); // it has to be turned away once before that
      await expect(locked).rejects.toMatchObject({ name: 'DocumentLockedError', code: 'DOCUMENT_LOCKED' });
    });
    expect(await consistent(first, raid._id)).toMatchObject({ numbers: [1, 2], stored: { gold: 1 } });
  });

  it('row 51: a session is refused when it is none, has no transaction, has ended, or belongs to another connection; nothing is written', async () => {
    const raid = await game();
    const foreign = await second.connection.startSession();
    const idle = await first.connection.startSession();
    const ended = await first.connection.startSession();
    await ended.endSession();
    foreign.startTransaction();
    const before = await everythingStored(first.connection);
    try {
      for (const session of [foreign, idle, ended, {}, { inTransaction: () => true }, 'session', 7, null] as unknown as TransactionSession[]) {
        for (const write of [
          () => first.games.findOneAndUpsert({ name: 'x' }, 'x', { session }),
          () => first.games.findOneAndUpdate(raid._id, addGold, 'x', { session }),
          () => first.games.deleteOne(raid._id, 'x', { session }),
        ]) {
          await expect(write()).rejects.toMatchObject({ code: 'INVALID_ARGUMENT', argument: 'session' });
        }
      }
      expect(await everythingStored(first.connection)).toEqual(before);
    } finally {
      await foreign.abortTransaction();
      for (const session of [foreign, idle]) await session.endSession();
    }
  });

  it('row 51: a transaction that its function ends by itself is an error that says so', async () => {
    const raid = await game();
    const meddling = first.games.withTransaction(async (session) => {
      await first.games.findOneAndUpdate(raid._id, addGold, 'x', { session });
      await (session as mongoose.mongo.ClientSession).abortTransaction();
    });
    await expect(meddling).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    expect(await consistent(first, raid._id)).toMatchObject({ numbers: [1] });
    expect((await first.games.findOneAndUpdate(raid._id, addGold, 'next')).document).toMatchObject({ gold: 1, version: 2 });
  });

  it('row 51: withTransaction() without a function is refused', async () => {
    for (const run of [undefined, null, 'x', {}]) await expect(first.games.withTransaction(run as never)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT', argument: 'run' });
  });
});
