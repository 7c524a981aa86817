import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import mongoose from 'mongoose';
import type { DocumentEvent, EventQuery } from 'nestjs-event-sourced-storage';
import { commandsDuring, type SentCommand } from '../support/commands.js';
import { canonical } from '../support/canonical.js';
import { consistent } from '../support/consistent.js';
import { databaseName, dropDatabase, type Game, type GamesApp, startGames } from '../support/games.js';
import { numbers, upTo } from '../support/numbers.js';
import { everythingStored } from '../support/traces.js';
import { until } from '../support/until.js';
import { updateAt } from '../support/update-record.js';

const { ObjectId } = mongoose.Types;
const { Long } = mongoose.mongo;
const database = databaseName('history');
/** How many events are streamed: `npm run proof` takes 100,000. */
const longHistory = Number(process.env['PROOF_EVENTS'] ?? '5500');

describe('histories', () => {
  let first: GamesApp;
  let second: GamesApp;

  beforeAll(async () => {
    await dropDatabase(database);
    first = await startGames({ database });
    second = await startGames({ database });
  });
  afterAll(async () => {
    await first?.close();
    await second?.close();
  });

  const addGold = (game: Game): void => void (game.gold += 1);

  /** A document at the version, written by `client-1`, `client-2` … */
  async function withHistory(version: number, app: GamesApp = first): Promise<mongoose.Types.ObjectId> {
    const { document } = await app.games.findOneAndUpsert({ name: 'raid' }, 'client-1');
    for (let next = 2; next <= version; next++) await app.games.findOneAndUpdate(document._id, addGold, `client-${next}`);
    return document._id;
  }

  it('row 33: numbers are unique per document and without a gap, whatever is mixed', async () => {
    const ids = [new ObjectId(), new ObjectId(), new ObjectId()];
    await Promise.all(
      ids.flatMap((_id, document) =>
        Array.from({ length: 10 }, async (_, index) => {
          const { games } = index % 2 === 0 ? first : second;
          await games.findOneAndUpsert({ _id, name: 'raid' }, 'creator');
          await games.findOneAndUpdate(_id, addGold, 'editor').catch(ignoreMissing);
          if (index % (document + 3) === 0) await games.deleteOne(_id, 'deleter');
        }),
      ),
    );
    for (const id of ids) {
      const found = await consistent(first, id);
      expect(found.numbers.length).toBeGreaterThan(3);
      expect(numbers(await first.games.getMissingEvents(id, 0))).toEqual(found.numbers);
      expect(found.stored === null ? found.operations.at(-1) : found.stored['version']).toBe(found.stored === null ? 'delete' : found.numbers.length);
    }
  });

  it('row 33: the database itself refuses a second event with the same number', async () => {
    const id = await withHistory(2);
    const twin = { _id: { d: id, v: Long.fromNumber(2) }, operation: 'update', clientId: 'x', timestamp: new Date(), operationId: 'other', diff: { set: {}, unset: [] } };
    await expect(first.events().insertOne(twin as never)).rejects.toMatchObject({ code: 11_000 });
  });

  it('row 33: the recount that these tests rely on finds a missing event, a changed event and a changed document', async () => {
    const spoil: ((id: mongoose.Types.ObjectId) => Promise<unknown>)[] = [
      (id) => first.events().deleteOne({ _id: { d: id, v: Long.fromNumber(2) } }),
      (id) => first.events().updateOne({ _id: { d: id, v: Long.fromNumber(2) } }, { $set: { 'diff.set.gold': 99, 'diff.set.experience': 99 } }),
      (id) => first.documents().updateOne({ _id: id }, { $set: { gold: Long.fromNumber(2) } }),
      (id) => first.documents().deleteOne({ _id: id }),
    ];
    for (const one of spoil) {
      const id = await withHistory(3);
      await consistent(first, id);
      await one(id);
      await expect(consistent(first, id)).rejects.toThrow('expect(');
    }
  });

  it('row 34: an unknown document has an empty history, and asking for it is no error', async () => {
    const id = new ObjectId();
    expect(await first.games.getMissingEvents(id, 0)).toEqual([]);
    expect(await first.games.getMissingEvents(id, 7)).toEqual([]);
    expect(await first.games.getEvents(id)).toEqual({ events: [] });
    expect(await collect(first.games.streamEvents(id))).toEqual([]);
    expect(await first.games.getEventsWithSnapshot(id)).toEqual({ snapshot: null, events: [] });
    expect(await first.games.findOne(id)).toBeNull();
    expect(await first.games.stateAt(id, { version: 0 })).toBeNull();
  });

  it('row 34: the state of an unknown document at a version or a time is an error that says so', async () => {
    const id = new ObjectId();
    await expect(first.games.stateAt(id, { version: 1 })).rejects.toMatchObject({ code: 'DOCUMENT_NOT_FOUND' });
    await expect(first.games.stateAt(id, { at: new Date() })).rejects.toMatchObject({ code: 'DOCUMENT_NOT_FOUND' });
    await expect(first.games.createSnapshot(id)).rejects.toMatchObject({ code: 'DOCUMENT_NOT_FOUND' });
  });

  it('row 35: a client that has seen a version gets everything after it, without a hole, from any process', async () => {
    const id = await withHistory(6);
    for (const { games } of [first, second]) {
      for (let seen = 0; seen <= 6; seen++) expect(numbers(await games.getMissingEvents(id, seen))).toEqual(upTo(6, seen + 1));
    }
  });

  it('row 35: the first ones of many can be asked for, and the rest with the last number seen', async () => {
    const id = await withHistory(7);
    const seen: number[] = [];
    for (let portion = await first.games.getMissingEvents(id, 0, { limit: 3 }); portion.length > 0; ) {
      expect(portion.length).toBeLessThanOrEqual(3);
      seen.push(...numbers(portion));
      portion = await first.games.getMissingEvents(id, seen.at(-1) ?? 0, { limit: 3 });
    }
    expect(seen).toEqual(upTo(7));
  });

  it('row 35: pages lead through a history in either direction, and the last one has no next', async () => {
    const id = await withHistory(7);
    for (const order of ['asc', 'desc'] as const) {
      const pages: number[][] = [];
      for (let range: EventQuery | undefined = { limit: 3, order }; range !== undefined; ) {
        const page: { events: DocumentEvent<Game>[]; next?: EventQuery } = await first.games.getEvents(id, range);
        pages.push(numbers(page.events));
        range = page.next;
      }
      expect(pages).toEqual(order === 'asc' ? [[1, 2, 3], [4, 5, 6], [7]] : [[7, 6, 5], [4, 3, 2], [1]]);
    }
    expect(await first.games.getEvents(id, { limit: 7 })).not.toHaveProperty('next');
    expect(numbers((await first.games.getEvents(id, { from: 3, to: 5 })).events)).toEqual([3, 4, 5]);
  });

  it('row 35: a history of more than a thousand events is complete, at once, in pages and one by one', async () => {
    const { document } = await first.games.findOneAndUpsert({ name: 'raid' }, 'creator');
    const id = document._id;
    await Promise.all(Array.from({ length: 1_104 }, () => first.games.findOneAndUpdate(id, addGold, 'editor')));
    expect(numbers(await second.games.getMissingEvents(id, 0))).toEqual(upTo(1_105));
    expect(numbers(await collect(second.games.streamEvents(id)))).toEqual(upTo(1_105));
    const page = await second.games.getEvents(id);
    expect(numbers(page.events)).toEqual(upTo(1_000));
    expect(numbers((await second.games.getEvents(id, page.next)).events)).toEqual(upTo(1_105, 1_001));
    expect(await second.games.stateAt(id, { version: 1_105 })).toEqual(await second.games.findOne(id));
    await consistent(first, id);
  });

  it('row 35: a history can be walked event by event, and left at any of them', async () => {
    const id = await withHistory(6);
    expect(numbers(await collect(first.games.streamEvents(id)))).toEqual(upTo(6));
    expect(numbers(await collect(first.games.streamEvents(id, { from: 2, order: 'desc', limit: 4 })))).toEqual([6, 5, 4, 3]);
    const seen: number[] = [];
    for await (const { serverSeq } of first.games.streamEvents(id)) {
      seen.push(serverSeq);
      if (serverSeq === 3) break;
    }
    expect(seen).toEqual([1, 2, 3]);
  });

  it(`row 35: ${longHistory} missed events are read one by one with memory that does not grow: a batch at a time, and only when it is needed`, async () => {
    const id = await withHistory(1);
    const [created] = await first.events().find({ '_id.d': id }).toArray();
    for (let from = 2; from <= longHistory; from += 10_000) {
      const batch = upTo(Math.min(longHistory, from + 9_999), from).map((v) => updateAt(v, id, created));
      await first.events().insertMany(batch);
    }
    const watched = await startGames({ database, root: { watchEnabled: false }, client: { monitorCommands: true } }); // a feed reads batches too
    try {
      let seen = 1;
      let open: (() => Promise<unknown>) | undefined;
      const started = await commandsDuring(watched.connection, async () => {
        const iterator = watched.games.streamEvents(id, { from: 2 })[Symbol.asyncIterator]();
        open = () => iterator.next();
        for (; seen < 900; seen++) await iterator.next();
      });
      const reads = (sent: readonly SentCommand[]): string[] => sent.filter(({ name, collection }) => (name === 'find' && collection === 'games_events') || name === 'getMore').map(({ name }) => name);
      expect(reads(started)).toEqual(['find']); // nothing is read ahead
      const rest = await commandsDuring(watched.connection, async () => {
        for (; seen < longHistory; seen++) expect(await open?.()).toMatchObject({ value: { serverSeq: seen + 1 } });
        expect(await open?.()).toEqual({ done: true, value: undefined });
      });
      expect(reads(rest)).toEqual(Array.from({ length: Math.ceil((longHistory - 1) / 1_000) - 1 }, () => 'getMore'));
    } finally {
      await watched.close();
    }
  });

  it('row 35: a client that claims to have seen more than there is, is told so', async () => {
    const id = await withHistory(2);
    expect(await first.games.getMissingEvents(id, 2)).toEqual([]);
    await expect(first.games.getMissingEvents(id, 3)).rejects.toMatchObject({ name: 'ClientAheadError', code: 'CLIENT_AHEAD', head: 2, asked: 3 });
    await expect(first.games.stateAt(id, { version: 3 })).rejects.toMatchObject({ code: 'CLIENT_AHEAD', head: 2, asked: 3 });
  });

  it('row 35: a hole in the history, made around the storage, is an error and never a silent gap', async () => {
    const id = await withHistory(4);
    await first.events().deleteOne({ _id: { d: id, v: Long.fromNumber(2) } });
    await expect(first.games.getMissingEvents(id, 0)).rejects.toMatchObject({ name: 'HistoryCorruptError', code: 'HISTORY_CORRUPT' });
    await expect(first.games.getMissingEvents(id, 1)).rejects.toMatchObject({ code: 'HISTORY_CORRUPT' });
    await expect(first.games.stateAt(id, { version: 4 })).rejects.toMatchObject({ code: 'HISTORY_CORRUPT' });
    expect(numbers(await first.games.getMissingEvents(id, 2))).toEqual([3, 4]);
  });

  it('row 35: asking for missed events reads the index and no event of anybody else', async () => {
    const [id] = await Promise.all([withHistory(12), withHistory(12, second)]);
    const profiled = await profile(async ({ games }) => {
      await games.getMissingEvents(id, 9);
      await games.getEvents(id, { order: 'desc', limit: 1 });
      await games.getEvents(id, { clientId: 'client-3' });
      await games.stateAt(id, { version: 2 });
    });
    expect(profiled.map(({ nreturned }) => nreturned)).toEqual([3, 2, 1, 2]);
    for (const { planSummary, docsExamined } of profiled) {
      expect(planSummary).toBe('IXSCAN { _id: 1 }');
      expect(docsExamined).toBeLessThanOrEqual(12);
    }
    expect(profiled[0]).toMatchObject({ docsExamined: 3 });
  });

  it('row 36: no reader ever sees a number before the one below it, nor a document ahead of its history', async () => {
    const { document } = await first.games.findOneAndUpsert({ name: 'hot' }, 'creator');
    const id = document._id;
    const run = { isOver: false };
    const looks = new Set<number>();
    const writers = Promise.all(
      Array.from({ length: 6 }, async (_, writer) => {
        for (let turn = 0; turn < 25; turn++) {
          // all of it between two looks would prove nothing; each writer has made five more since the look before
          if (turn % 5 === 0) await until(() => looks.size >= turn / 5, 'somebody looks');
          await (writer % 2 === 0 ? first : second).games.findOneAndUpdate(id, addGold, `writer-${writer}`);
        }
      }),
    ).finally(() => (run.isOver = true));

    const foreignReader = async (): Promise<void> => {
      const client = first.connection.getClient();
      while (!run.isOver) {
        const session = client.startSession({ snapshot: true });
        const stored = await first.documents().findOne({ _id: id }, { session });
        const events = await first.events().find({ '_id.d': id }, { session, projection: { _id: 1 } }).toArray();
        await session.endSession();
        const seen = events.map(({ _id }) => Number((_id as unknown as { v: unknown }).v)).toSorted((a, b) => a - b);
        expect(seen).toEqual(upTo(seen.length));
        expect(stored?.['version']).toBe(seen.length);
        looks.add(seen.length);
      }
    };
    const follower = async ({ games }: GamesApp): Promise<number[]> => {
      const seen: number[] = [];
      for (let isLast = false; !isLast; ) {
        isLast = run.isOver; // one more look after the end
        seen.push(...numbers(await games.getMissingEvents(id, seen.at(-1) ?? 0)));
      }
      return seen;
    };
    const [, , ...followed] = await Promise.all([writers, foreignReader(), follower(first), follower(second)]);
    for (const seen of followed) expect(seen).toEqual(upTo(151));
    expect(looks.size).toBeGreaterThan(3);
  });

  it('row 37: a history can be asked by author, kind and time, alone and together', async () => {
    const times = [1_000, 2_000, 3_000, 4_000, 5_000];
    let now = 0;
    const clocked = await startGames({ database, root: { now: () => times[now] ?? 0 } });
    try {
      const { document } = await clocked.games.findOneAndUpsert({ name: 'raid' }, 'anna');
      const id = document._id;
      for (const author of ['ben', 'anna', 'ben']) {
        now++;
        await clocked.games.findOneAndUpdate(id, addGold, author);
      }
      now++;
      await clocked.games.deleteOne(id, 'anna');
      const ask = async (range: EventQuery): Promise<number[]> => {
        const { events } = await first.games.getEvents(id, range);
        expect(numbers(await collect(first.games.streamEvents(id, range)))).toEqual(numbers(events));
        return numbers(events);
      };
      expect(await ask({ clientId: 'ben' })).toEqual([2, 4]);
      expect(await ask({ clientId: 'anna' })).toEqual([1, 3, 5]);
      expect(await ask({ clientId: 'nobody' })).toEqual([]);
      expect(await ask({ operation: 'update' })).toEqual([2, 3, 4]);
      expect(await ask({ operation: 'delete' })).toEqual([5]);
      expect(await ask({ since: new Date(2_000), until: new Date(4_000) })).toEqual([2, 3, 4]);
      expect(await ask({ since: new Date(4_001) })).toEqual([5]);
      expect(await ask({ until: new Date(999) })).toEqual([]);
      expect(await ask({ clientId: 'anna', operation: 'update', since: new Date(0) })).toEqual([3]);
      expect(await ask({ clientId: 'anna', order: 'desc', limit: 2 })).toEqual([5, 3]);
      expect(await first.games.getEvents(id, { clientId: 'anna', limit: 2 })).toMatchObject({ next: { clientId: 'anna', from: 4 } });
    } finally {
      await clocked.close();
    }
  });

  const wrongAuthors: [string, unknown][] = [
    ['undefined', undefined],
    ['null', null],
    ['empty', ''],
    ['a number', 7],
    ['an object', { $gt: '' }],
    ['an array', ['a']],
    ['longer than 200 characters', 'x'.repeat(201)],
    ['broken over lines', 'a\nb'],
    ['with a NUL', 'a\0b'],
  ];

  it.each(wrongAuthors)('row 38: no write is made for an author that is %s', async (_, author) => {
    const id = await withHistory(1);
    const before = await everythingStored(first.connection);
    const clientId = author as string;
    for (const write of [
      () => first.games.findOneAndUpsert({ name: 'x' }, clientId),
      () => first.games.findOneAndUpdate(id, addGold, clientId),
      () => first.games.deleteOne(id, clientId),
    ]) {
      await expect(write()).rejects.toMatchObject({ name: 'InvalidArgumentError', code: 'INVALID_ARGUMENT', argument: 'clientId' });
    }
    expect(await everythingStored(first.connection)).toEqual(before);
  });

  it('row 38: every event names its author, and carries the metadata of its write: user keys, correlation and causation', async () => {
    const metadata = { user: { id: 7, roles: ['admin'] }, correlationId: 'request-1', causationId: 'message-2', reason: 'because', when: new Date(5) };
    const { document } = await first.games.findOneAndUpsert({ name: 'raid' }, 'x'.repeat(200), { metadata });
    await first.games.findOneAndUpdate(document._id, addGold, 'äöü 😀', { metadata: { correlationId: 'request-2' } });
    await first.games.findOneAndUpdate(document._id, addGold, 'without');
    await second.games.deleteOne(document._id, 'deleter', { metadata: { causationId: 'message-3' } });
    const events = await second.games.getMissingEvents(document._id, 0);
    expect(events.map(({ clientId }) => clientId)).toEqual(['x'.repeat(200), 'äöü 😀', 'without', 'deleter']);
    expect(events.map((event) => event.metadata)).toEqual([metadata, { correlationId: 'request-2' }, undefined, { causationId: 'message-3' }]);
    expect(events[2]).not.toHaveProperty('metadata');
  });

  it.each<[string, unknown]>([
    ['a text', 'x'],
    ['an array', [1]],
    ['null', null],
    ['over 16 KiB', { text: 'x'.repeat(16_400) }],
    ['with a function', { run: () => undefined }],
    ['with an operator', { $where: 'x' }],
    ['with a dot in a key', { 'a.b': 1 }],
    ['with __proto__', JSON.parse('{"__proto__":{"polluted":true}}')],
  ])('row 38: metadata that is %s is refused, and nothing is written', async (_, metadata) => {
    const id = await withHistory(1);
    const before = await everythingStored(first.connection);
    const options = { metadata: metadata as never };
    for (const write of [
      () => first.games.findOneAndUpsert({ name: 'x' }, 'author', options),
      () => first.games.findOneAndUpdate(id, addGold, 'author', options),
      () => first.games.deleteOne(id, 'author', options),
    ]) {
      await expect(write()).rejects.toMatchObject({ code: 'INVALID_ARGUMENT', argument: 'metadata' });
    }
    expect(await everythingStored(first.connection)).toEqual(before);
  });

  it('row 39: when the clock of a process goes back, the times of a history do not, and order is by number', async () => {
    let now = 10_000;
    const clocked = await startGames({ database, root: { now: () => now } });
    try {
      const { document } = await clocked.games.findOneAndUpsert({ name: 'raid' }, 'creator');
      const id = document._id;
      for (const time of [9_000, 11_000, 1_000, 12_000, 12_000]) {
        now = time;
        await clocked.games.findOneAndUpdate(id, addGold, 'editor');
      }
      now = 3_000;
      await clocked.games.deleteOne(id, 'deleter');
      now = 2_000;
      await clocked.games.findOneAndUpsert({ _id: id, name: 'again' }, 'creator');
      const events = await clocked.games.getMissingEvents(id, 0);
      expect(numbers(events)).toEqual(upTo(8));
      expect(events.map(({ timestamp }) => timestamp.getTime())).toEqual([10_000, 10_000, 11_000, 11_000, 12_000, 12_000, 12_000, 12_000]);
    } finally {
      await clocked.close();
    }
  });

  it('row 39: a process whose clock is behind does not disturb the order, and a state by time is that before the first later event', async () => {
    let now = 5_000;
    const slow = await startGames({ database, root: { now: () => now, cache: false } });
    const { document } = await slow.games.findOneAndUpsert({ name: 'raid' }, 'creator');
    const id = document._id;
    const fast = await startGames({ database, root: { now: () => 9_000, cache: false } });
    try {
      await fast.games.findOneAndUpdate(id, addGold, 'editor');
      now = 6_000;
      await slow.games.findOneAndUpdate(id, addGold, 'editor');
      const events = await first.games.getMissingEvents(id, 0);
      expect(numbers(events)).toEqual([1, 2, 3]);
      expect(events[1]?.timestamp).toEqual(new Date(9_000));
      expect(await first.games.stateAt(id, { at: new Date(4_999) })).toBeNull();
      expect(await first.games.stateAt(id, { at: new Date(5_000) })).toMatchObject({ gold: 0, version: 1 });
      // event 3 may say 6,000, but event 2 was not recorded by then
      expect(await first.games.stateAt(id, { at: new Date(7_000) })).toMatchObject({ version: 1 });
      expect(await first.games.stateAt(id, { at: new Date(9_000) })).toMatchObject({ gold: 2, version: 3 });
    } finally {
      await slow.close();
      await fast.close();
    }
  });

  it('row 40: every state can be replayed exactly as it was answered, and the last one is the live document', async () => {
    const answers: (Game | null)[] = [null];
    const { document } = await first.games.findOneAndUpsert({ name: 'raid', extra: { when: new Date(1) } }, 'creator');
    answers.push(document);
    for (let turn = 0; turn < 12; turn++) {
      const { games } = turn % 2 === 0 ? first : second;
      const { document: next } = await games.findOneAndUpdate(document._id, (game) => void ((game.gold += turn + 1), game.tags?.push(`t${turn}`), (game.extra = { turn, list: [turn] })), 'editor');
      answers.push(next);
      if (turn === 4) await games.createSnapshot(document._id);
    }
    for (const [version, answer] of answers.entries()) expect(canonical(await first.games.stateAt(document._id, { version }))).toBe(canonical(answer));
    expect(canonical(await first.games.stateAt(document._id, { version: 13 }))).toBe(canonical(await first.games.findOne(document._id, { fresh: true })));
    expect(await first.games.stateAt(document._id, { at: new Date(Date.now() + 3_600_000) })).toEqual(answers.at(-1));
  });

  it('row 40: a state is replayed from the nearest snapshot below, and snapshots change no answer', async () => {
    const id = await withHistory(3);
    const snapshot = await first.games.createSnapshot(id);
    expect(snapshot).toMatchObject({ documentId: id, serverSeq: 3, state: { gold: 2, version: 3 } });
    for (let turn = 0; turn < 3; turn++) await first.games.findOneAndUpdate(id, addGold, 'editor');
    const before = await Promise.all(upTo(6).map((version) => first.games.stateAt(id, { version })));
    expect(before).toMatchObject([{ gold: 0 }, { gold: 1 }, { gold: 2 }, { gold: 3 }, { gold: 4 }, { gold: 5 }]);

    const below = await first.events().find({ '_id.d': id, '_id.v': { $lte: 3 } } as never).toArray();
    await first.events().deleteMany({ '_id.d': id, '_id.v': { $lte: 3 } });
    expect(await Promise.all(upTo(6, 3).map((version) => second.games.stateAt(id, { version })))).toEqual(before.slice(2));

    await first.events().insertMany(below);
    await first.raw('games_snapshots').deleteMany({});
    expect(await Promise.all(upTo(6).map((version) => first.games.stateAt(id, { version })))).toEqual(before);
  });

  it('row 41: a document that was removed around the storage gets no snapshot but a clear error', async () => {
    const { document } = await first.games.findOneAndUpsert({ name: 'raid' }, 'creator');
    await first.documents().deleteOne({ _id: document._id });
    await expect(first.games.createSnapshot(document._id)).rejects.toMatchObject({ code: 'HISTORY_CORRUPT' });
  });

  it('row 40: a snapshot of the same version is the same one, and a deleted document has one too', async () => {
    const id = await withHistory(2);
    const once = await first.games.createSnapshot(id);
    expect(await second.games.createSnapshot(id)).toEqual(once);
    await first.games.deleteOne(id, 'deleter');
    expect(await first.games.createSnapshot(id)).toMatchObject({ serverSeq: 3, state: null });
    expect(await first.raw('games_snapshots').countDocuments({ documentId: id })).toBe(2);
    await first.games.findOneAndUpsert({ _id: id, name: 'again' }, 'creator');
    expect(await first.games.getEventsWithSnapshot(id)).toMatchObject({ snapshot: { serverSeq: 3, state: null }, events: [{ serverSeq: 4, operation: 'create' }] });
    expect(await first.games.stateAt(id, { version: 3 })).toBeNull();
    expect(await first.games.stateAt(id, { version: 4 })).toMatchObject({ name: 'again', version: 4 });
  });
});

async function collect<V>(values: AsyncIterable<V>): Promise<V[]> {
  const collected: V[] = [];
  for await (const value of values) collected.push(value);
  return collected;
}

interface Profiled {
  readonly nreturned: number;
  readonly docsExamined: number;
  readonly planSummary: string;
}

/** What the server says about the reads of events that it served to an application which reads nothing of itself, in their order. */
async function profile(run: (app: GamesApp) => Promise<void>): Promise<Profiled[]> {
  const app = await startGames({ database, root: { watchEnabled: false }, client: { appName: 'profiled' } });
  const db = app.connection.getClient().db(database);
  try {
    await db.command({ profile: 2 });
    await run(app);
    await db.command({ profile: 0 });
    const entries = await db.collection('system.profile').find({ ns: `${database}.games_events`, op: 'query', appName: 'profiled' }).sort({ $natural: 1 }).toArray();
    return entries as unknown as Profiled[];
  } finally {
    await db.command({ profile: 0 });
    await app.close();
  }
}

function ignoreMissing(error: Error & { code?: string }): void {
  if (error.code !== 'DOCUMENT_NOT_FOUND') throw error;
}
