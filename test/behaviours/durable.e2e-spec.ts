import { afterAll, afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Type } from '@nestjs/common';
import mongoose from 'mongoose';
import { type DeliveryContext, type DocumentEvent, type DurableHandler, DurableHandlers, DurableEventsHandler, type DurableHandlerOptions, InvalidOptionsError } from 'nestjs-event-sourced-storage';
import { databaseName, dropDatabase, Game, type GamesApp, startGames } from '../support/games.js';
import { Log } from '../support/log.js';
import { firsts, numbers as numbersOf, upTo } from '../support/numbers.js';
import { gate, until } from '../support/until.js';

const { ObjectId } = mongoose.Types;
const database = databaseName('durable');
type Event = DocumentEvent<Game>;

/**
 * A handler that does what the test says, and keeps what it was given. Nobody dies here, so no lease has to run out: one that did, on a
 * machine that stood still, would give a part to another process, and some events to the handler twice. As it is, every event comes
 * exactly once: what it writes in its own transaction, which the server may end, and a wish that is granted again, are the exceptions.
 */
function handlerOf(options: Partial<DurableHandlerOptions>, behaviour: (event: Event, context: DeliveryContext) => unknown = () => undefined) {
  const seen: { readonly id: string; readonly serverSeq: number; readonly deliveryId: string; readonly attempt: number }[] = [];
  @DurableEventsHandler({ name: 'board', model: Game.name, from: 'beginning', retryDelayMs: 1, maxRetryDelayMs: 5, leaseMs: 600_000, ...options })
  class Handler implements DurableHandler<Game> {
    async handle(event: Event, context: DeliveryContext): Promise<void> {
      seen.push({ id: String(event.documentId), serverSeq: event.serverSeq, deliveryId: context.deliveryId, attempt: context.attempt });
      await behaviour(event, context);
    }
  }
  const numbers = (id: unknown): number[] => numbersOf(seen.filter((each) => each.id === String(id)));
  return { type: Handler as Type<DurableHandler<Game>>, seen, numbers };
}

/** How much a handler finds that is added later; `npm run proof` takes more. */
const backlog = Number(process.env['PROOF_BACKLOG'] ?? 120);
/** A cap, not a measure. */
const backlogMs = 20_000 + 10 * backlog;
const addGold = (game: Game): void => void (game.gold += 1);

describe('durable handlers', () => {
  const open: GamesApp[] = [];

  beforeEach(() => dropDatabase(database));
  afterEach(async () => {
    await Promise.all(open.splice(0).map((app) => app.close()));
  });
  afterAll(() => dropDatabase(database));

  async function start(handlers: readonly { readonly type: Type<object> }[] = [], options: Partial<Parameters<typeof startGames>[0]> = {}): Promise<GamesApp> {
    const app = await startGames({ database, cqrs: false, root: { publish: 'never' }, providers: handlers.map(({ type }) => type), ...options });
    open.push(app);
    return app;
  }
  async function create(app: GamesApp, events: number, _id = new ObjectId()): Promise<mongoose.Types.ObjectId> {
    await app.games.findOneAndUpsert({ _id, name: 'raid' }, 'test');
    for (let count = 1; count < events; count++) await app.games.findOneAndUpdate(_id, addGold, 'test');
    return _id;
  }
  const durable = (app: GamesApp): DurableHandlers => app.app.get(DurableHandlers);
  const own = async (app: GamesApp): Promise<number> => (await durable(app).status('board')).ownPartitions.length;
  /** From then on nobody takes a part from the other. */
  const isShared = (one: GamesApp, other: GamesApp) => until(async () => (await own(one)) === 4 && (await own(other)) === 4, 'half each');
  const stop = async (app: GamesApp): Promise<void> => {
    open.splice(open.indexOf(app), 1);
    await app.close();
  };

  it('an event reaches the handler with its address, and every event of a document in order', async () => {
    const board = handlerOf({});
    const app = await start([board]);
    const ids = [await create(app, 5), await create(app, 3)];
    await until(() => board.seen.length >= 8, 'eight deliveries');
    expect(board.numbers(ids[0])).toEqual(upTo(5));
    expect(board.numbers(ids[1])).toEqual(upTo(3));
    expect(board.seen).toContainEqual(expect.objectContaining({ deliveryId: `board/games/${String(ids[0])}@1`, attempt: 1 }));
  });

  it('a new handler begins with the first event and goes on with the live ones, none missing, while writes go on', async () => {
    const writer = await start();
    const each = Math.ceil(backlog / 30);
    const ids = await Promise.all(upTo(30).map(() => create(writer, each)));
    const state = { isWriting: true };
    const written = new Map(ids.map((id) => [String(id), each]));
    const writing = (async () => {
      while (state.isWriting) {
        await Promise.all(
          ids.slice(0, 10).map(async (id) => {
            await writer.games.findOneAndUpdate(id, addGold, 'test');
            written.set(String(id), (written.get(String(id)) ?? 0) + 1);
          }),
        );
      }
    })();
    const board = handlerOf({});
    try {
      await start([board]);
      await until(() => new Set(board.seen.map(({ id }) => id)).size === 30, 'all documents', backlogMs);
    } finally {
      state.isWriting = false;
      await writing;
    }
    await until(() => ids.every((id) => board.numbers(id).length >= (written.get(String(id)) ?? 0)), 'all events', backlogMs);
    for (const id of ids) expect(board.numbers(id)).toEqual(upTo(written.get(String(id)) ?? 0));
  }, 40_000 + 3 * backlogMs);

  it('after a restart it goes on behind what it has handled', async () => {
    const board = handlerOf({});
    const first = await start([board]);
    const id = await create(first, 3);
    await until(() => board.numbers(id).length === 3, 'three deliveries');
    await stop(first);

    const writer = await start();
    await writer.games.findOneAndUpdate(id, addGold, 'test');
    const again = handlerOf({});
    const second = await start([again]);
    await second.games.findOneAndUpdate(id, addGold, 'test');
    await until(() => again.numbers(id).length === 2, 'two deliveries');
    expect(again.numbers(id)).toEqual([4, 5]);
  });

  it('with from "now" it begins with what is committed after its first start, also while it is away', async () => {
    const writer = await start();
    const old = await create(writer, 3);
    const board = handlerOf({ from: 'now' });
    const app = await start([board]);
    await until(async () => (await durable(app).status('board')).partitions.length === 8, 'the start');
    await app.games.findOneAndUpdate(old, addGold, 'test');
    const young = await create(app, 2);
    await until(() => board.seen.length >= 3, 'three deliveries');
    expect(board.numbers(old)).toEqual([4]);
    expect(board.numbers(young)).toEqual([1, 2]);
    await stop(app);

    await writer.games.findOneAndUpdate(old, addGold, 'test');
    const missed = await create(writer, 2);
    const again = handlerOf({ from: 'now' });
    await start([again]);
    await until(() => again.seen.length >= 3, 'three deliveries');
    expect(again.numbers(old)).toEqual([5]);
    expect(again.numbers(missed)).toEqual([1, 2]);
  });

  it('with a date it begins per document with the first event recorded since', async () => {
    let clock = Date.now() - 100_000;
    const writer = await start([], { root: { publish: 'never', now: () => clock } });
    const id = await create(writer, 3);
    const finished = await create(writer, 2);
    clock += 50_000;
    const since = new Date(clock);
    await writer.games.findOneAndUpdate(id, addGold, 'test');
    await writer.games.findOneAndUpdate(id, addGold, 'test');
    const board = handlerOf({ from: since });
    await start([board]);
    await until(() => board.seen.length >= 2, 'two deliveries');
    await writer.games.findOneAndUpdate(finished, addGold, 'test');
    await until(() => board.seen.length >= 3, 'the third');
    expect(board.numbers(id)).toEqual([4, 5]);
    expect(board.numbers(finished)).toEqual([3]);
  });

  it('what a handler writes in its session is there exactly once, also when it fails after writing', async () => {
    let failures = 0;
    const board = handlerOf({}, async (event, { session }) => {
      await app.raw('effects').insertOne({ d: event.documentId, v: event.serverSeq }, { session: session as mongoose.mongo.ClientSession });
      if (event.serverSeq === 2 && failures++ < 2) throw new Error('after the effect');
    });
    const app: GamesApp = await start([board]);
    await app.connection.createCollection('effects');
    const id = await create(app, 4);
    await until(() => board.numbers(id).includes(4), 'the last delivery');
    await until(async () => (await app.raw('effects').countDocuments({ d: id })) === 4, 'four effects');
    const effects = await app.raw('effects').find({ d: id }).toArray();
    expect(effects.map(({ v }) => v as number).toSorted((a, b) => a - b)).toEqual(upTo(4));
    // a transaction that lost a race runs again, with the same attempt
    expect(firsts(board.numbers(id))).toEqual(upTo(4));
    expect(new Set(board.seen.filter(({ serverSeq }) => serverSeq === 2).map(({ attempt }) => attempt))).toEqual(new Set([1, 2, 3]));
  });

  it('a failing event is tried again with the same delivery id, and later ones wait', async () => {
    const board = handlerOf({}, (event, { attempt }) => {
      if (event.serverSeq === 2 && attempt < 4) throw new Error('not yet');
    });
    const app = await start([board]);
    const id = await create(app, 3);
    await until(() => board.numbers(id).includes(3), 'the third event');
    expect(board.numbers(id)).toEqual([1, 2, 2, 2, 2, 3]);
    expect(board.seen.filter(({ serverSeq }) => serverSeq === 2).map(({ attempt }) => attempt)).toEqual([1, 2, 3, 4]);
    expect(new Set(board.seen.filter(({ serverSeq }) => serverSeq === 2).map(({ deliveryId }) => deliveryId)).size).toBe(1);
  });

  it('a poisoned document parks only itself, and redeliver() restores its order', async () => {
    let isPoisonous = true;
    const done: number[] = [];
    const poisoned = new ObjectId(); // known before the first event may come
    const board = handlerOf({ maxAttempts: 2 }, (event) => {
      if (!poisoned.equals(event.documentId as mongoose.Types.ObjectId)) return;
      if (event.serverSeq === 2 && isPoisonous) throw new Error('poison');
      done.push(event.serverSeq);
    });
    const app = await start([board]);
    await create(app, 2, poisoned);
    await until(async () => (await durable(app).parked('board')).length === 1, 'the parked document');
    await app.games.findOneAndUpdate(poisoned, addGold, 'test');
    const tries = board.seen.length;
    const healthy = await create(app, 3);
    await until(() => board.numbers(healthy).length === 3, 'the healthy document');
    expect(done).toEqual([1]);
    // nothing behind the parked event, and not that one again
    expect(board.seen.slice(tries).filter(({ id }) => id === String(poisoned))).toEqual([]);
    const [parked] = await durable(app).parked('board');
    expect(parked).toMatchObject({ documentId: poisoned, serverSeq: 2, attempts: 2, error: 'Error: poison' });
    expect(await durable(app).status('board')).toMatchObject({ parked: 1, oldestParkedMs: expect.any(Number), lastError: expect.stringContaining('poison') });

    isPoisonous = false;
    expect(await durable(app).redeliver('board', poisoned)).toBe(1);
    await until(async () => (await durable(app).status('board')).parked === 0, 'nothing parked');
    await app.games.findOneAndUpdate(poisoned, addGold, 'test');
    await until(() => done.length >= 4, 'the live one');
    expect(done).toEqual(upTo(4));
  });

  it('a parked document stays parked over a restart, and a redelivery that fails parks it again', async () => {
    const poison = (): never => {
      throw new Error('poison');
    };
    // one part: what is told later is handled later
    const board = handlerOf({ maxAttempts: 1, partitions: 1 }, poison);
    const first = await start([board]);
    const id = await create(first, 2);
    const before = await until(async () => (await durable(first).parked('board'))[0], 'parked');
    await stop(first);
    const again = handlerOf({ maxAttempts: 1, partitions: 1 }, poison);
    const app = await start([again]);
    await app.games.findOneAndUpdate(id, addGold, 'test');
    const other = await create(app, 1);
    await until(() => again.numbers(other).length === 1, 'the other document');
    expect(again.numbers(id)).toEqual([]);
    await durable(app).redeliver('board', id);
    await until(() => again.numbers(id).length > 0, 'the redelivery');
    const parkedAgain = async (): Promise<boolean> => (await durable(app).parked('board')).some(({ documentId, parkedAt }) => id.equals(documentId as mongoose.Types.ObjectId) && parkedAt > before.parkedAt);
    await until(parkedAgain, 'parked again');
    // once for the wish, or once more when it was seen again before that was stored; and nothing behind it
    expect(firsts(again.numbers(id))).toEqual([1]);
  });

  it('discard() gives up the failed event, or all that wait', async () => {
    const board = handlerOf({ maxAttempts: 1 }, (event) => {
      if (event.serverSeq === 2) throw new Error('poison');
    });
    const app = await start([board]);
    const [one, other] = [await create(app, 4), await create(app, 4)] as const;
    await until(async () => (await durable(app).parked('board')).length === 2, 'two parked');
    expect(await durable(app).discard('board', one)).toBe(true);
    expect(await durable(app).discard('board', other, { events: 'all' })).toBe(true);
    expect(await durable(app).discard('board', new ObjectId())).toBe(false);
    await until(async () => (await durable(app).parked('board')).length === 0, 'none parked');
    await app.games.findOneAndUpdate(other, addGold, 'test');
    await until(() => board.numbers(other).includes(5), 'the live one');
    expect(board.numbers(one)).toEqual(upTo(4));
    expect(board.numbers(other)).toEqual([1, 2, 5]);
  });

  it('a handler that hangs is given up after its time, told so, and its document parked', async () => {
    const aborted: string[] = [];
    const held = gate();
    // what comes after the one that hangs has that time too, and as many attempts
    const board = handlerOf({ maxAttempts: 4, timeoutMs: 500, partitions: 1 }, async (event, { session, signal }) => {
      if (event.operation !== 'create') return;
      signal.addEventListener('abort', () => aborted.push(String(signal.reason))); // before it waits for anything
      await app.raw('effects').insertOne({ late: false }, { session: session as mongoose.mongo.ClientSession });
      await held.passed;
      await app.raw('effects').insertOne({ late: true }, { session: session as mongoose.mongo.ClientSession });
    });
    const app: GamesApp = await start([board]);
    await app.connection.createCollection('effects');
    await create(app, 2);
    await until(async () => (await durable(app).parked('board')).length === 1, 'parked');
    expect(aborted).toEqual(upTo(4).map(() => expect.stringContaining('no answer within 500 ms')));
    held.open();
    const healthy = await create(app, 1);
    await until(async () => (await app.raw('effects').countDocuments()) > 0, 'the effects of the next document');
    expect(firsts(board.numbers(healthy))).toEqual([1]);
    expect((await app.raw('effects').find().toArray()).map(({ late }) => late as boolean)).toEqual([false, true]);
  });

  it('pause() stops it in every process, and resume() goes on where it stopped', async () => {
    const all: number[] = []; // of both processes, in the order of their calls
    const board = () => handlerOf({}, (event) => all.push(event.serverSeq));
    const [one, other] = [await start([board()]), await start([board()])];
    await isShared(one, other);
    const id = await create(one, 2);
    await until(() => all.length >= 2, 'two deliveries');
    await durable(other).pause('board');
    await until(async () => (await own(one)) + (await own(other)) === 0, 'nobody works');
    expect(await durable(one).status('board')).toMatchObject({ isPaused: true });
    await one.games.findOneAndUpdate(id, addGold, 'test');
    await durable(one).resume('board');
    await until(() => all.includes(3), 'the third');
    expect(all).toEqual([1, 2, 3]);
  });

  it('the parts are divided over the processes, and those of a process that leaves go to the others', async () => {
    const all: { readonly id: string; readonly serverSeq: number }[] = []; // of both processes, in the order of their calls
    const note = ({ documentId, serverSeq }: Event) => all.push({ id: String(documentId), serverSeq });
    const told = (id: unknown): number[] => numbersOf(all.filter((each) => each.id === String(id)));
    const boards = [handlerOf({}, note), handlerOf({}, note)] as const;
    const one = await start([boards[0]]);
    await until(async () => (await own(one)) === 8, 'all parts');
    const other = await start([boards[1]]);
    await isShared(one, other);
    const ids = await Promise.all(upTo(40).map(() => create(one, 2)));
    await until(() => ids.every((id) => told(id).length >= 2), 'all deliveries');
    expect(boards[0].seen.length).toBeGreaterThan(0);
    expect(boards[1].seen.length).toBeGreaterThan(0);
    await stop(one);
    await until(async () => (await own(other)) === 8, 'all parts again');
    await Promise.all(ids.map((id) => other.games.findOneAndUpdate(id, addGold, 'test')));
    await until(() => ids.every((id) => told(id).length >= 3), 'the live ones');
    for (const id of ids) expect(told(id)).toEqual(upTo(3));
  });

  it('reset() begins again from where it is told', async () => {
    const board = handlerOf({});
    const app = await start([board]);
    const id = await create(app, 3);
    await until(() => board.numbers(id).length === 3, 'three deliveries');
    await durable(app).reset('board');
    await until(() => board.numbers(id).length === 6, 'three more');
    expect(board.numbers(id)).toEqual([1, 2, 3, 1, 2, 3]);
    await durable(app).reset('board', { from: 'now' });
    await until(async () => (await durable(app).status('board')).partitions.length === 8, 'the new start');
    await app.games.findOneAndUpdate(id, addGold, 'test');
    await until(() => board.numbers(id).length === 7, 'the live one');
    expect(board.numbers(id).at(-1)).toBe(4);
  });

  it('when the position in the feed is lost, time is lost and no event', async () => {
    const board = handlerOf({});
    const first = await start([board]);
    const ids = await Promise.all(upTo(20).map(() => create(first, 2)));
    await until(() => board.seen.length >= 40, 'forty deliveries');
    await stop(first);
    const writer = await start();
    for (const id of ids.slice(0, 5)) await writer.games.findOneAndUpdate(id, addGold, 'test');
    const unknown = { _data: '82'.repeat(20) };
    // as after an oplog that has rolled over: the server refuses the token
    const spoiled = await writer.raw('ess_checkpoints').updateMany({ position: { $exists: true } }, { $set: { position: unknown } });
    expect(spoiled.modifiedCount).toBeGreaterThan(0);
    const again = handlerOf({});
    const second = await start([again]);
    await until(() => ids.slice(0, 5).every((id) => again.numbers(id).length > 0), 'what was missed');
    await until(async () => (await writer.raw('ess_checkpoints').countDocuments({ position: unknown })) === 0, 'every part has noticed');
    await until(async () => (await durable(second).status('board')).lagMs !== undefined, 'everything looked through');
    for (const [index, id] of ids.entries()) expect(again.numbers(id)).toEqual(index < 5 ? [3] : []);
  });

  it('a handler that comes after a compaction is told what is gone', async () => {
    const writer = await start();
    const id = await create(writer, 10);
    const compacted = await writer.games.compact(id, { keepLast: 3 });
    const told: unknown[] = [];
    const board = handlerOf({}, (_, { compacted: range }) => void told.push(range));
    await start([board]);
    await until(() => board.numbers(id).includes(10), 'the last event');
    const { floor } = compacted as { floor: number };
    expect(floor).toBeGreaterThan(0);
    expect(board.numbers(id)).toEqual(upTo(10, floor + 1));
    expect(told[0]).toEqual({ from: 1, to: floor });
    expect(told.slice(1).every((each) => each === undefined)).toBe(true);
  });

  it('what a handler has not handled is not compacted', async () => {
    const board = handlerOf({ maxAttempts: 1 }, (event) => {
      if (event.serverSeq === 3) throw new Error('poison');
    });
    const app = await start([board]);
    const id = await create(app, 10);
    await until(async () => (await durable(app).parked('board')).length === 1, 'parked');
    await app.games.compact(id, { keepLast: 1 });
    const left = await app.events().find({ '_id.d': id }).sort({ _id: 1 }).toArray();
    expect((left[0]?._id as unknown as { v: number } | undefined)?.v).toBeLessThanOrEqual(3);
  });

  it('with whileRebuilding "stop" a failure among old events stops the handler instead of leaving a hole', async () => {
    const writer = await start();
    const id = await create(writer, 3);
    const board = handlerOf({ maxAttempts: 2, whileRebuilding: 'stop' }, (event) => {
      if (event.serverSeq === 2) throw new Error('poison');
    });
    const app = await start([board]);
    await until(async () => (await durable(app).status('board')).isPaused, 'the stop');
    expect(await durable(app).status('board')).toMatchObject({ parked: 0, pausedBecause: expect.stringContaining('poison') });
    expect(board.numbers(id)).toEqual([1, 2, 2]);
  });

  it('a handler that stopped itself goes on after resume(), however soon that comes', async () => {
    const writer = await start();
    const id = await create(writer, 3);
    let isPoisonous = true;
    const board = handlerOf({ maxAttempts: 1, whileRebuilding: 'stop' }, (event) => {
      if (event.serverSeq === 2 && isPoisonous) throw new Error('poison');
    });
    const app = await start([board]);
    await until(async () => (await durable(app).status('board')).isPaused, 'the stop');
    isPoisonous = false;
    await durable(app).resume('board');
    await until(() => board.numbers(id).includes(3), 'the last event');
    expect(board.numbers(id)).toEqual([1, 2, 2, 3]);
  });

  it('an event that cannot be read parks its document, behind the events before it, and no other', async () => {
    const writer = await start();
    const [broken, healthy] = [await create(writer, 3), await create(writer, 2)] as const;
    const spoiled = await writer.events().updateOne({ '_id.d': broken, '_id.v': 3 }, { $set: { operation: 'odd' } });
    expect(spoiled.modifiedCount).toBe(1);
    const board = handlerOf({ maxAttempts: 2, partitions: 1 });
    const app = await start([board]);
    const parked = await until(async () => (await durable(app).parked('board'))[0], 'parked');
    expect(parked).toMatchObject({ documentId: broken, serverSeq: 3, attempts: 2, error: expect.stringContaining('odd') });
    await until(() => board.numbers(healthy).length === 2, 'the other document');
    expect(board.numbers(broken)).toEqual([1, 2]);
    expect(board.numbers(healthy)).toEqual([1, 2]);
    await durable(app).discard('board', broken, { events: 'all' });
    await until(async () => (await durable(app).status('board')).parked === 0, 'given up');
  });

  it('a handler that keeps an error of its transaction to itself fails, and its document is parked', async () => {
    const board = handlerOf({ maxAttempts: 2, partitions: 1 }, async (event, { session }) => {
      if (event.operation !== 'create' || String(event.documentId) !== String(spoiled)) return;
      const within = { session: session as mongoose.mongo.ClientSession };
      await app.raw('effects').insertOne({ name: 'twice' }, within);
      await app.raw('effects').insertOne({ name: 'twice' }, within).catch(() => undefined); // the server has ended the transaction
    });
    const app: GamesApp = await start([board]);
    await app.connection.createCollection('effects');
    await app.raw('effects').createIndex({ name: 1 }, { unique: true });
    const spoiled = new ObjectId();
    await app.games.findOneAndUpsert({ _id: spoiled, name: 'raid' }, 'test');
    const parked = await until(async () => (await durable(app).parked('board'))[0], 'parked');
    expect(parked).toMatchObject({ documentId: spoiled, serverSeq: 1, attempts: 2, error: expect.stringContaining('transaction') });
    const healthy = await create(app, 2);
    await until(() => board.numbers(healthy).length === 2, 'the other document');
    expect(await app.raw('effects').countDocuments()).toBe(0);
  });

  it('what a failed handler still writes in its session joins no later transaction', async () => {
    const held = gate();
    const late: Promise<unknown>[] = [];
    const contexts: DeliveryContext[] = [];
    const failing = new ObjectId();
    const board = handlerOf({ maxAttempts: 1, partitions: 1 }, async (event, context) => {
      contexts.push(context);
      const within = { session: context.session as mongoose.mongo.ClientSession };
      await app.raw('effects').insertOne({ v: event.serverSeq, isLate: false }, within);
      if (failing.equals(event.documentId as mongoose.Types.ObjectId)) {
        late.push(held.passed.then(async () => app.raw('effects').insertOne({ isLate: true }, within)).catch((error: unknown) => error));
        throw new Error('one half failed');
      }
      held.open();
      await Promise.all(late);
    });
    const app: GamesApp = await start([board]);
    await app.connection.createCollection('effects');
    await create(app, 1, failing);
    await until(async () => (await durable(app).parked('board')).length === 1, 'parked');
    await create(app, 1);
    await until(async () => (await app.raw('effects').countDocuments()) > 0, 'the effects of the next document');
    expect((await app.raw('effects').find().toArray()).map(({ isLate }) => isLate as boolean)).toEqual([false]);
    expect(await Promise.all(late)).toEqual(late.map(() => expect.any(Error)));
    expect(late.length).toBeGreaterThan(0);
    for (const context of contexts) expect(() => context.session).toThrow('is over');
  });

  it('wrong definitions are refused, all together', async () => {
    const wrong = [handlerOf({ name: '' }), handlerOf({ name: 'a', model: 'Nobody' }), handlerOf({ name: 'b', from: 'then' as never, maxAttempts: 0 }), handlerOf({ name: 'c' }), handlerOf({ name: 'c' })];
    const failure: unknown = await start(wrong, { logger: new Log() }).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(InvalidOptionsError);
    const { message } = failure as InvalidOptionsError;
    for (const part of ['name must be a text', 'no feature "Nobody"', 'from must be', 'maxAttempts must be', 'the name is used by another handler']) expect(message).toContain(part);
  });
});
