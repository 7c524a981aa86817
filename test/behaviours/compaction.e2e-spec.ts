import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import mongoose from 'mongoose';
import type { CompactManyProgress } from 'nestjs-event-sourced-storage';
import { databaseName, dropDatabase, type GamesApp, startGames, withHistory as historyOf } from '../support/games.js';
import { numbers, upTo } from '../support/numbers.js';
import { everythingStored } from '../support/traces.js';

const { ObjectId } = mongoose.Types;
type Id = mongoose.Types.ObjectId;
const database = databaseName('compaction');
/** How many documents are compacted under a reader: `npm run proof` takes more. */
const documents = Number(process.env['PROOF_COMPACTIONS'] ?? '100');

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

describe('compaction', () => {
  let app: GamesApp;
  /** Another process. */
  let other: GamesApp;

  beforeAll(async () => {
    await dropDatabase(database);
    app = await startGames({ database, root: { cache: false } });
    other = await startGames({ database });
  });
  afterAll(async () => {
    await other?.close();
    await app?.close();
  });

  const withHistory = (length: number, id?: Id): Promise<Id> => historyOf(app, length, id);

  const stored = async (id: Id): Promise<number[]> => {
    const events = await app.events().find({ '_id.d': id }).toArray();
    return events.map((event) => (event._id as unknown as { v: number }).v).toSorted((a, b) => a - b);
  };
  const snapshots = async (id: Id): Promise<number[]> => {
    const found = await app.raw('games_snapshots').find({ documentId: id }).sort({ serverSeq: 1 }).toArray();
    return found.map(({ serverSeq }) => Number(serverSeq));
  };

  it('row 44: the events up to a line go, behind a snapshot that stands for them, and every answer above the line stays', async () => {
    const id = await withHistory(20);
    const before = await Promise.all(upTo(20, 14).map((version) => app.games.stateAt(id, { version })));
    expect(await app.games.compact(id, { keepLast: 6 })).toEqual({ floor: 14, removed: 14, snapshot: 14 });
    expect(await stored(id)).toEqual(upTo(20, 15));
    expect(await snapshots(id)).toEqual([14]);
    for (const { games } of [app, other]) {
      expect(await Promise.all(upTo(20, 14).map((version) => games.stateAt(id, { version })))).toEqual(before);
      for (const after of upTo(20, 14)) expect(numbers(await games.getMissingEvents(id, after))).toEqual(upTo(20, after + 1));
      const { snapshot, events } = await games.getEventsWithSnapshot(id);
      expect({ at: snapshot?.serverSeq, gold: snapshot?.state?.gold, tail: numbers(events) }).toEqual({ at: 14, gold: 14, tail: upTo(20, 15) });
      expect(await games.findOne(id)).toMatchObject({ gold: 20, version: 20 });
    }
  });

  it('row 44: below the line everything says that the history is gone, and from where it goes on', async () => {
    const id = await withHistory(10);
    await app.games.compact(id, { upTo: 6 });
    const gone = { name: 'HistoryCompactedError', code: 'HISTORY_COMPACTED', floor: 6, head: 10 };
    for (const { games } of [app, other]) {
      for (const after of [0, 1, 5]) await expect(games.getMissingEvents(id, after)).rejects.toMatchObject(gone);
      for (const version of [1, 5]) await expect(games.stateAt(id, { version })).rejects.toMatchObject(gone);
      for (const from of [1, 6]) {
        await expect(games.getEvents(id, { from })).rejects.toMatchObject(gone);
        await expect(games.getEvents(id, { from, clientId: 'editor' })).rejects.toMatchObject(gone);
        await expect(collect(games.streamEvents(id, { from }))).rejects.toMatchObject(gone);
        await expect(collect(games.streamEvents(id, { from, to: 6 }))).rejects.toMatchObject(gone);
        await expect(collect(games.streamEvents(id, { from, order: 'desc' }))).rejects.toMatchObject(gone);
      }
      await expect(games.stateAt(id, { at: new Date(0) })).rejects.toMatchObject(gone);
    }
  });

  it('row 44: who asks for the history without saying from where gets what is kept, and is told what is not', async () => {
    const id = await withHistory(10);
    expect(await app.games.getEvents(id)).not.toHaveProperty('floor');
    await app.games.compact(id, { upTo: 6 });
    expect(await app.games.getEvents(id)).toMatchObject({ floor: 6, events: upTo(10, 7).map((serverSeq) => ({ serverSeq })) });
    expect(numbers((await app.games.getEvents(id, { order: 'desc' })).events)).toEqual([10, 9, 8, 7]);
    expect(await app.games.getEvents(id, { order: 'desc' })).toMatchObject({ floor: 6 });
    expect(await app.games.getEvents(id, { clientId: 'creator' })).toEqual({ events: [], floor: 6 });
    expect(numbers(await collect(app.games.streamEvents(id)))).toEqual(upTo(10, 7));
    const first = await app.games.getEvents(id, { limit: 2 });
    expect(numbers((await app.games.getEvents(id, first.next)).events)).toEqual([9, 10]);
  });

  it('row 44: the newest event always stays, so that a deleted document can be created again under the next number', async () => {
    const id = await withHistory(5);
    await app.games.deleteOne(id, 'deleter');
    expect(await app.games.compact(id, { keepLast: 0 })).toEqual({ floor: 5, removed: 5, snapshot: 5 });
    expect(await stored(id)).toEqual([6]);
    expect(await other.games.findOneAndUpsert({ _id: id, name: 'again' }, 'creator')).toMatchObject({ created: true, document: { version: 7 } });
    expect(await app.games.compact(id, { keepLast: 0 })).toEqual({ floor: 6, removed: 1, snapshot: 6 });
    expect(await app.games.stateAt(id, { version: 6 })).toBeNull();
    expect(await app.games.stateAt(id, { version: 7 })).toMatchObject({ name: 'again' });
  });

  it('row 44: writing, snapshots and further compactions go on above the line', async () => {
    const id = await withHistory(4);
    for (const length of [8, 12, 16]) {
      await app.games.compact(id, { keepLast: 2 });
      await Promise.all(upTo(4).map(() => other.games.findOneAndUpdate(id, (game) => void (game.gold += 1), 'editor')));
      expect((await app.games.createSnapshot(id)).serverSeq).toBe(length);
      expect(await app.games.stateAt(id, { version: length - 1 })).toMatchObject({ gold: length - 1 });
    }
    await app.raw('games_snapshots').deleteMany({ documentId: id, pinned: { $ne: true } });
    expect(await app.games.stateAt(id, { version: 15 })).toMatchObject({ gold: 15 });
  });

  it('row 44: a dry run tells what would be done, and does nothing', async () => {
    const id = await withHistory(9);
    await other.games.findOne(id);
    const before = await everythingStored(app.connection);
    expect(await app.games.compact(id, { keepLast: 4, dryRun: true })).toEqual({ floor: 5, removed: 5, snapshot: 5 });
    expect(await everythingStored(app.connection)).toEqual(before);
    expect(await app.games.compact(id, { keepLast: 4 })).toEqual({ floor: 5, removed: 5, snapshot: 5 });
  });

  it.each([
    ['an event is missing', (id: Id) => app.events().deleteOne({ _id: { d: id, v: mongoose.mongo.Long.fromNumber(3) } })],
    ['a snapshot at the line is not what the events lead to', (id: Id) => app.raw('games_snapshots').insertOne({ documentId: id, serverSeq: mongoose.mongo.Long.fromNumber(5), state: { _id: id, gold: 99, version: 5 }, createdAt: new Date() })],
  ])('row 44: nothing is removed when %s', async (_what, damage) => {
    const id = await withHistory(8);
    await damage(id);
    const before = await stored(id);
    await expect(app.games.compact(id, { upTo: 5 })).rejects.toMatchObject({ name: 'HistoryCorruptError' });
    expect(await stored(id)).toEqual(before);
    expect(await app.raw('games_streams').findOne({ _id: id } as object)).toBeNull();
  });

  it('row 44: when the snapshot of the line is lost, its state is an error and never a guess', async () => {
    const id = await withHistory(8);
    await app.games.compact(id, { upTo: 5 });
    await app.raw('games_snapshots').deleteMany({ documentId: id });
    await expect(app.games.stateAt(id, { version: 6 })).rejects.toMatchObject({ name: 'HistoryCorruptError' });
    await expect(app.games.compact(id, { upTo: 7 })).rejects.toMatchObject({ name: 'HistoryCorruptError' });
    expect(await app.games.findOne(id)).toMatchObject({ gold: 8 });
  });

  it('row 44: compacting what is compacted, has one event or does not exist, changes nothing', async () => {
    const id = await withHistory(3);
    await app.games.compact(id, { keepLast: 1 });
    expect(await app.games.compact(id, { keepLast: 1 })).toEqual({ floor: 2, removed: 0, snapshot: 2 });
    expect(await app.games.compact(id, { upTo: 1 })).toEqual({ floor: 2, removed: 0, snapshot: 2 });
    expect(await app.games.compact(await withHistory(1), { keepLast: 0 })).toEqual({ floor: 0, removed: 0, snapshot: null });
    expect(await app.games.compact(new ObjectId(), { keepLast: 0 })).toEqual({ floor: 0, removed: 0, snapshot: null });
  });

  it.each([[{}], [{ keepLast: -1 }], [{ keepLast: 1.5 }], [{ upTo: Number.NaN }], [{ upTo: '5' }], [{ keepLast: 1, dryRun: 'yes' }], [null]])('row 44: %p is no line to compact up to', async (options) => {
    const id = await withHistory(2);
    await expect(app.games.compact(id, options as never)).rejects.toMatchObject({ name: 'InvalidArgumentError' });
  });

  it('row 44: several processes may compact one history at once', async () => {
    const id = await withHistory(40);
    const results = await Promise.all(upTo(30, 21).map((line, index) => (index % 2 ? app : other).games.compact(id, { upTo: line })));
    expect(Math.max(...results.map(({ floor }) => floor))).toBe(30);
    expect(await stored(id)).toEqual(upTo(40, 31));
    expect(await snapshots(id)).toEqual([30]);
    for (const version of upTo(40, 30)) expect(await app.games.stateAt(id, { version })).toMatchObject({ gold: version });
  });

  it('row 44: a write that was decided before a compaction cannot take a number below the line', async () => {
    const id = new ObjectId();
    const session = await app.connection.startSession();
    try {
      session.startTransaction({ readConcern: { level: 'snapshot' }, writeConcern: { w: 'majority' } });
      await app.raw('games').findOne({ _id: id }, { session }); // its view begins here: nothing of that id
      await withHistory(4, id);
      await other.games.deleteOne(id, 'deleter');
      await other.games.compact(id, { keepLast: 1 });
      await expect(app.games.findOneAndUpsert({ _id: id, name: 'stale' }, 'late', { session })).rejects.toMatchObject({ name: expect.stringMatching(/VersionConflictError|DocumentLockedError/) });
    } finally {
      await session.abortTransaction().catch(() => undefined);
      await session.endSession();
    }
    expect(await stored(id)).toEqual([5]);
  });

  it(`row 44: a reader in a loop during the compaction of ${documents} documents sees events or the line, never a hole`, async () => {
    const length = 12;
    const ids = await Promise.all(upTo(documents).map(() => withHistory(length)));
    const run = { isOver: false };
    let read = 0;
    const holes: string[] = [];
    const reader = async ({ games }: GamesApp, offset: number): Promise<void> => {
      for (let turn = offset; !run.isOver; turn++) {
        const id = ids[turn % ids.length] as Id;
        const after = turn % length;
        const asked = turn % 3;
        try {
          const found = asked === 0 ? await games.getMissingEvents(id, after) : asked === 1 ? await collect(games.streamEvents(id, { from: after + 1 })) : (await games.getEvents(id, { from: after + 1 })).events;
          if (numbers(found).join() !== upTo(length, after + 1).join()) holes.push(`${String(id)} after ${after}: ${numbers(found).join()}`);
          const state = await games.stateAt(id, { version: length });
          if (state?.gold !== length) holes.push(`${String(id)}: ${state?.gold} at ${length}`);
        } catch (error) {
          if ((error as { code?: string }).code !== 'HISTORY_COMPACTED') holes.push(`${String(id)}: ${String(error)}`);
        }
        read++;
      }
    };
    const readers = [reader(app, 0), reader(other, 5), reader(other, 7)];
    const progress: CompactManyProgress[] = [];
    try {
      for await (const step of app.games.compactMany({ keepLast: 3 })) progress.push(step);
    } finally {
      run.isOver = true;
      await Promise.all(readers);
    }
    expect(holes).toEqual([]);
    expect(read).toBeGreaterThan(documents / 10);
    expect(progress.at(-1)?.documents).toBe(progress.length);
    const ours = progress.filter(({ documentId }) => ids.some((id) => id.equals(documentId as Id)));
    expect(ours.map(({ result }) => result?.floor)).toEqual(ids.map(() => length - 3));
    expect(progress.filter(({ error }) => error !== undefined).every(({ error }) => error?.name === 'HistoryCorruptError')).toBe(true); // those that other tests have spoilt
  });
});
