import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import mongoose from 'mongoose';
import { applyTo } from '../support/replica.js';
import { type CatchUp, type Cursor, formatCursor, parseCursor } from 'nestjs-event-sourced-storage';
import { databaseName, dropDatabase, type Game, type GamesApp, startGames, withHistory as historyOf } from '../support/games.js';
import { numbers as numbersOf, upTo } from '../support/numbers.js';
import { until } from '../support/until.js';

const { ObjectId } = mongoose.Types;
type Id = mongoose.Types.ObjectId;
const database = databaseName('catch_up');
const numbers = (answer: CatchUp<Game>): number[] => numbersOf(answer.events);

describe('catching up', () => {
  let app: GamesApp;
  let other: GamesApp;

  beforeAll(async () => {
    await dropDatabase(database);
    app = await startGames({ database });
    other = await startGames({ database });
  });
  afterAll(async () => {
    await other?.close();
    await app?.close();
  });

  const withHistory = (length: number, id?: Id): Promise<Id> => historyOf(app, length, id);
  const positionOf = async (id: Id, version: number): Promise<Cursor> => ({ epoch: (await app.games.catchUp(id)).cursor.epoch, version });

  it('row 55: a client without a position gets the present state, and its position in the same answer', async () => {
    const id = await withHistory(4);
    const answer = await other.games.catchUp(id);
    expect(answer).toEqual({ kind: 'reset', reason: 'initial', snapshot: { serverSeq: 4, state: await app.games.findOne(id) }, events: [], cursor: { epoch: expect.stringMatching(/^[\w-]{1,16}$/), version: 4 }, head: 4, floor: 0 });
    expect(await other.games.catchUp(id, answer.cursor)).toEqual({ kind: 'events', events: [], cursor: answer.cursor, head: 4, floor: 0 });
  });

  it('row 55: a client that comes back gets exactly what it missed, from any process', async () => {
    const id = await withHistory(6);
    for (const { games } of [app, other]) {
      for (const seen of [0, ...upTo(6)]) {
        const answer = await games.catchUp(id, await positionOf(id, seen));
        expect(answer).toMatchObject({ kind: 'events', cursor: { version: 6 }, head: 6, floor: 0 });
        expect(numbers(answer)).toEqual(upTo(6, seen + 1));
      }
    }
  });

  it('row 55: much is given in pages, each with the position to go on from', async () => {
    const id = await withHistory(1_203);
    const pages: number[] = [];
    for (let at: Cursor = await positionOf(id, 0); ; ) {
      const answer = await other.games.catchUp(id, at);
      pages.push(answer.events.length);
      expect(answer.head).toBe(1_203);
      expect(numbers(answer)).toEqual(upTo(answer.cursor.version, at.version + 1));
      at = answer.cursor;
      if (at.version === answer.head) break;
    }
    expect(pages).toEqual([500, 500, 203]);
  });

  it('row 55: a page ends after 1 MiB, but has at least one event', async () => {
    const id = await withHistory(1);
    for (const size of [900_000, 900_001, 1_500_000, 10]) await app.games.findOneAndUpdate(id, (game) => void (game.extra = 'x'.repeat(size)), 'editor');
    const pages: number[][] = [];
    for (let at: Cursor = await positionOf(id, 0); at.version < 5; ) {
      const answer = await app.games.catchUp(id, at);
      pages.push(numbers(answer));
      at = answer.cursor;
    }
    expect(pages).toEqual([[1, 2], [3], [4], [5]]);
  });

  it('row 55: a client that was away while the history was compacted starts again from the present state', async () => {
    const id = await withHistory(9);
    const seen = [await positionOf(id, 3), await positionOf(id, 6), await positionOf(id, 8)] as const;
    await other.games.compact(id, { upTo: 6 });
    expect(await app.games.catchUp(id, seen[0])).toMatchObject({ kind: 'reset', reason: 'compacted', snapshot: { serverSeq: 9, state: { gold: 9 } }, events: [], cursor: { version: 9 }, head: 9, floor: 6 });
    expect(numbers(await app.games.catchUp(id, seen[1]))).toEqual([7, 8, 9]);
    expect(numbers(await app.games.catchUp(id, seen[2]))).toEqual([9]);
  });

  it('row 55: a client that is ahead of the history starts again', async () => {
    const id = await withHistory(3);
    expect(await app.games.catchUp(id, await positionOf(id, 4))).toMatchObject({ kind: 'reset', reason: 'ahead', snapshot: { serverSeq: 3 }, cursor: { version: 3 } });
    expect(await app.games.catchUp(id, await positionOf(id, Number.MAX_SAFE_INTEGER))).toMatchObject({ reason: 'ahead' });
  });

  it('row 55: a delete is an event like any other, and a deleted document a state', async () => {
    const id = await withHistory(2);
    const seen = await positionOf(id, 2);
    await other.games.deleteOne(id, 'deleter');
    expect(await app.games.catchUp(id, seen)).toMatchObject({ kind: 'events', events: [{ serverSeq: 3, operation: 'delete' }], head: 3 });
    const fresh = await app.games.catchUp(id);
    expect(fresh).toMatchObject({ kind: 'reset', reason: 'initial', snapshot: { serverSeq: 3, state: null }, cursor: { version: 3 } });
    await other.games.findOneAndUpsert({ _id: id, name: 'again' }, 'creator');
    expect(await app.games.catchUp(id, fresh.cursor)).toMatchObject({ kind: 'events', events: [{ serverSeq: 4, operation: 'create' }] });
  });

  it('row 55: a client of an erased document is told to erase its copy, and of one created again to start with that', async () => {
    const id = await withHistory(3);
    const seen = await positionOf(id, 3);
    await other.games.purge(id);
    const erased = await app.games.catchUp(id, seen);
    expect(erased).toMatchObject({ kind: 'reset', reason: 'purged', events: [], cursor: { version: 4 }, head: 4, floor: 4 });
    expect(erased).not.toHaveProperty('snapshot');
    expect(erased.cursor.epoch).not.toBe(seen.epoch);
    expect(await app.games.catchUp(id, erased.cursor)).toMatchObject({ kind: 'events', events: [] });
    await other.games.findOneAndUpsert({ _id: id, name: 'new life' }, 'creator');
    expect(await app.games.catchUp(id, erased.cursor)).toMatchObject({ kind: 'events', events: [{ serverSeq: 5, operation: 'create' }] });
    expect(await app.games.catchUp(id, seen)).toMatchObject({ kind: 'reset', reason: 'purged', snapshot: { serverSeq: 5, state: { name: 'new life' } } });
  });

  it('row 55: an unknown document is one without state, until it is created', async () => {
    const id = new ObjectId();
    const unknown = await app.games.catchUp(id);
    expect(unknown).toMatchObject({ kind: 'reset', reason: 'initial', snapshot: { serverSeq: 0, state: null }, cursor: { version: 0 }, head: 0 });
    expect(await app.games.catchUp(id, unknown.cursor)).toMatchObject({ kind: 'events', events: [], head: 0 });
    await withHistory(2, id);
    expect(numbers(await app.games.catchUp(id, unknown.cursor))).toEqual([1, 2]);
  });

  it('row 55: a position travels as text', async () => {
    const id = await withHistory(3);
    const { cursor } = await app.games.catchUp(id);
    expect(parseCursor(formatCursor(cursor))).toEqual(cursor);
    expect(await app.games.catchUp(id, formatCursor({ ...cursor, version: 1 }))).toMatchObject({ kind: 'events', events: [{ serverSeq: 2 }, { serverSeq: 3 }] });
  });

  it.each([
    '', '.', 'a.', '.1', 'a.b', 'a.-1', 'a.01', 'a.1.5', 'a.1e3', 'a. 1', 'a.9007199254740992', 'a.99999999999999999999', 'a b.1', 'ä.1', `${'a'.repeat(17)}.1`, 7, true, [], {},
    { epoch: 'a' }, { version: 1 }, { epoch: '', version: 1 }, { epoch: 'a', version: -1 }, { epoch: 'a', version: 1.5 }, { epoch: 'a', version: Number.NaN }, { epoch: 'a', version: 2 ** 53 }, { epoch: 'a', version: '1' }, { epoch: { $ne: 1 }, version: 1 },
  ])('row 55: %p is no position', async (cursor) => {
    await expect(app.games.catchUp(new ObjectId(), cursor as never)).rejects.toMatchObject({ name: 'InvalidArgumentError', argument: 'cursor' });
    if (typeof cursor === 'string') expect(() => parseCursor(cursor)).toThrow(expect.objectContaining({ name: 'InvalidArgumentError' }));
  });

  it('row 57: a client that lost its state starts anew, and an empty position is the beginning', async () => {
    const id = await withHistory(4);
    for (const nothing of [undefined, null]) expect(await app.games.catchUp(id, nothing)).toMatchObject({ reason: 'initial', snapshot: { serverSeq: 4 } });
    expect(numbers(await app.games.catchUp(id, await positionOf(id, 0)))).toEqual([1, 2, 3, 4]);
  });

  it('row 57: applying an answer twice, or an older one after a newer one, is seen by its numbers', async () => {
    const id = await withHistory(5);
    const [older, newer] = [await app.games.catchUp(id, await positionOf(id, 2)), await app.games.catchUp(id, await positionOf(id, 3))];
    const replica = applyTo({ version: 3, state: await app.games.stateAt(id, { version: 3 }) }, newer);
    expect(replica).toEqual({ version: 5, state: await app.games.findOne(id) });
    expect(applyTo(replica, older)).toEqual(replica);
    expect(applyTo(replica, newer)).toEqual(replica);
  });

  it('row 55: after the collections went back to a backup, every client starts again, once', async () => {
    const id = await withHistory(4);
    const erased = await withHistory(2);
    await app.games.purge(erased);
    const seen = [await positionOf(id, 3), (await app.games.catchUp(erased)).cursor] as const;
    await app.games.renewEpochs();
    const answer = await other.games.catchUp(id, seen[0]);
    expect(answer).toMatchObject({ kind: 'reset', reason: 'epoch', snapshot: { serverSeq: 4 } });
    expect(await other.games.catchUp(id, answer.cursor)).toMatchObject({ kind: 'events', events: [] });
    expect(await other.games.catchUp(erased, seen[1])).toMatchObject({ kind: 'reset', reason: 'purged' });
  });

  it('row 55: clients that catch up at any time, while the document is written, compacted and erased, never have a state that was not there', async () => {
    const id = new ObjectId();
    const states = new Map<number, string | null>([[0, null]]);
    const seenStates: { readonly version: number; readonly state: string | null }[] = [];
    let over = false;
    const write = async (): Promise<void> => {
      for (let n = 1; n <= 120; n++) {
        await until(() => seenStates.length * 2 >= n, 'somebody looks'); // all of it before the first look would prove nothing
        const { games } = n % 2 ? app : other;
        if (n % 40 === 0) {
          const { version } = await games.purge(id);
          states.set(version, null);
        } else if (n % 10 === 0) await games.compact(id, { keepLast: 3 });
        else if (n % 13 === 0) {
          const { deleted, version } = await games.deleteOne(id, 'deleter');
          if (deleted) states.set(version, null);
        } else {
          const { document, created } = await games.findOneAndUpsert({ _id: id, name: `life ${n}` }, 'creator');
          const now = created ? document : (await games.findOneAndUpdate(id, (game) => void (game.gold = n), 'editor')).document;
          states.set(now.version, JSON.stringify([now.name, now.gold]));
        }
      }
      over = true;
    };
    const follow = async ({ games }: GamesApp, patience: number): Promise<number> => {
      let replica: { version: number; state: Game | null } = { version: 0, state: null };
      let cursor: Cursor | undefined;
      let resets = 0;
      for (let turn = 0; ; turn++) {
        const wasOver = over;
        if (wasOver || turn % patience === 0) {
          const answer: CatchUp<Game> = await games.catchUp(id, cursor);
          if (answer.kind === 'reset') resets++;
          replica = applyTo(replica, answer);
          expect(replica.version).toBe(answer.cursor.version);
          seenStates.push({ version: replica.version, state: replica.state === null ? null : JSON.stringify([replica.state.name, replica.state.gold]) });
          cursor = answer.cursor;
        } else await games.findOne(id, { fresh: true });
        if (wasOver && cursor?.version === (await games.catchUp(id)).head) return resets;
      }
    };
    const [, ...resets] = await Promise.all([write(), follow(app, 1), follow(other, 7), follow(other, 40)]);
    expect(seenStates.filter(({ version, state }) => states.get(version) !== state)).toEqual([]);
    expect(seenStates.length).toBeGreaterThanOrEqual(60);
    expect(resets.every((each) => each >= 1)).toBe(true);
  });
});
