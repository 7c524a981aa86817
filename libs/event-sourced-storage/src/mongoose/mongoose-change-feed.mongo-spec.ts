import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import mongoose from 'mongoose';
import type { Connection } from 'mongoose';
import { type ChangeFeedFixture, describeChangeFeed } from '../testing/change-feed.contract.js';
import type { FeedNotice, UnrecordedChange } from '../watch/change-feed.js';
import { MongooseChangeFeed } from './mongoose-change-feed.js';
import { rawCollection } from './raw-collection.js';
import { majorityTransaction } from './transaction-options.js';

const { Binary, BSONRegExp, Decimal128, Long, ObjectId } = mongoose.mongo;
const names = ['games_events', 'players_events'] as const;

interface MongoFixture extends ChangeFeedFixture {
  readonly connection: Connection;
  readonly warnings: string[];
}

async function createFixture(): Promise<MongoFixture> {
  const connection = await mongoose.createConnection(process.env['TEST_MONGODB_URI'] ?? '', { dbName: `feed_${new ObjectId().toHexString()}` }).asPromise();
  for (const name of [...names, 'games']) await connection.createCollection(name);
  const warnings: string[] = [];
  const feed = new MongooseChangeFeed(connection, { warn: (message) => warnings.push(message), now: Date.now, random: Math.random });
  return {
    feed,
    connection,
    warnings,
    collections: names,
    newId: () => new ObjectId(),
    commit: (collection, events) =>
      inTransaction(connection, async (session) => {
        const records = events.map(({ documentId, serverSeq }) => ({ _id: { d: documentId, v: Long.fromNumber(serverSeq) }, operation: serverSeq === 1 ? 'create' : 'update' }));
        await rawCollection(connection, collection).insertMany(records as never[], { session });
      }),
    lostPosition: { _data: '82' },
    openStreams: async () => {
      const admin = connection.getClient().db('admin');
      const cursors = await admin.aggregate([{ $currentOp: { idleCursors: true, localOps: true } }]).toArray();
      const isOurs = (operation: mongoose.mongo.Document): boolean => String(operation['ns']).startsWith(`${connection.name}.`) && JSON.stringify(operation['cursor'] ?? {}).includes('$changeStream');
      return cursors.filter(isOurs).length;
    },
    close: async () => {
      await feed.close();
      await connection.dropDatabase();
      await connection.close();
    },
  };
}

async function inTransaction(connection: Connection, work: (session: mongoose.mongo.ClientSession) => Promise<void>): Promise<void> {
  const session = await connection.startSession();
  await session.withTransaction(() => work(session), majorityTransaction);
  await session.endSession();
}

describeChangeFeed('MongooseChangeFeed', createFixture);

describe('MongooseChangeFeed', () => {
  let fixture: MongoFixture;
  let notices: FeedNotice[];
  const seen = (): number[] => notices.flatMap((notice) => (notice.kind === 'committed' ? [notice.serverSeq] : []));
  const interruptions = (): string[] => notices.flatMap((notice) => (notice.kind === 'interrupted' ? [notice.reason] : []));

  beforeEach(async () => {
    fixture = await createFixture();
    notices = [];
  });
  afterEach(() => fixture.close());

  it('goes on without a hole and without a word after its cursor was killed', async () => {
    const { feed, connection } = fixture;
    await feed.subscribe(names[0], (notice) => notices.push(notice)).ready;
    const documentId = fixture.newId();
    for (let serverSeq = 1; serverSeq <= 6; serverSeq++) {
      if (serverSeq % 2 === 0) await killStreams(connection);
      await fixture.commit(names[0], [{ documentId, serverSeq }]);
    }
    await until(() => seen().includes(6));
    expect(seen()).toEqual([1, 2, 3, 4, 5, 6]);
    expect(interruptions()).toEqual([]);
  });

  it('says that a dropped database took everything along, and goes on in the next one of that name', async () => {
    const { feed, connection } = fixture;
    await feed.subscribe(names[0], (notice) => notices.push(notice)).ready;
    await connection.dropDatabase();
    await until(() => interruptions().includes('the database was dropped'));
    await connection.createCollection(names[0]);
    await fixture.commit(names[0], [{ documentId: fixture.newId(), serverSeq: 1 }]);
    await until(() => seen().includes(1));
  });

  it('goes on when more is listened to later, without a hole for those who were there', async () => {
    const { feed } = fixture;
    await feed.subscribe(names[0], (notice) => notices.push(notice)).ready;
    const documentId = fixture.newId();
    const others: FeedNotice[] = [];
    const commits = (async () => {
      for (let serverSeq = 1; serverSeq <= 40; serverSeq++) await fixture.commit(names[0], [{ documentId, serverSeq }]);
    })();
    await until(() => seen().length > 3);
    await feed.subscribe(names[1], (notice) => others.push(notice)).ready;
    await fixture.commit(names[1], [{ documentId, serverSeq: 1 }]);
    await commits;
    await until(() => seen().includes(40) && others.some(({ kind }) => kind === 'committed'));
    expect(seen()).toEqual(Array.from({ length: 40 }, (_, index) => index + 1));
  });

  it('leaves out the commits of its own sessions while all listeners know them, and tells them again once somebody needs them', async () => {
    const { connection } = fixture;
    const session = connection.getClient().startSession();
    const own: mongoose.mongo.Binary[] = [];
    const feed = new MongooseChangeFeed(connection, { warn: () => undefined, now: Date.now, random: Math.random, ownSessions: () => own });
    const documentId = fixture.newId();
    const commitOwn = async (serverSeq: number): Promise<void> => {
      session.startTransaction(majorityTransaction);
      await rawCollection(connection, names[0]).insertOne({ _id: { d: documentId, v: Long.fromNumber(serverSeq) }, operation: 'update' } as never, { session });
      await session.commitTransaction();
    };
    try {
      await feed.subscribeToOthers(names[0], (notice) => notices.push(notice)).ready;
      await commitOwn(1);
      await until(() => seen().includes(1)); // not known as its own yet
      const { restarts } = feed.status();
      own.push((session.id as { readonly id: mongoose.mongo.Binary }).id);
      feed.sessionsChanged();
      await until(() => feed.status().restarts > restarts && feed.status().state === 'live');
      await commitOwn(2);
      await fixture.commit(names[0], [{ documentId, serverSeq: 3 }]);
      await until(() => seen().includes(3));
      expect(seen()).toEqual([1, 3]);
      const all: FeedNotice[] = [];
      await feed.subscribe(names[0], (notice) => all.push(notice)).ready;
      await commitOwn(4);
      await fixture.commit(names[0], [{ documentId, serverSeq: 5 }]);
      await until(() => seen().includes(5));
      expect(all.flatMap((notice) => (notice.kind === 'committed' ? [notice.serverSeq] : []))).toEqual([4, 5]);
    } finally {
      await feed.close();
      await session.endSession();
    }
  });

  it('goes on after its database was dropped also while it leaves out sessions, and does not go round in circles', async () => {
    const { connection } = fixture;
    const own = [new ObjectId().toHexString().padEnd(32, '0')].map((hex) => new mongoose.mongo.Binary(Buffer.from(hex, 'hex'), 4));
    const feed = new MongooseChangeFeed(connection, { warn: () => undefined, now: Date.now, random: Math.random, ownSessions: () => own });
    try {
      await feed.subscribeToOthers(names[0], (notice) => notices.push(notice)).ready;
      await connection.dropDatabase();
      await until(() => interruptions().includes('the database was dropped'));
      await connection.createCollection(names[0]);
      await fixture.commit(names[0], [{ documentId: fixture.newId(), serverSeq: 1 }]);
      await until(() => seen().includes(1));
      expect(feed.status().restarts).toBeLessThan(4);
    } finally {
      await feed.close();
    }
  });

  it('survives documents of nearly 16 MiB, on either side', async () => {
    const { feed, connection } = fixture;
    const documents = { collection: 'games', eventsCollection: names[0], versionField: 'version' };
    await feed.subscribe(names[0], (notice) => notices.push(notice)).ready;
    await feed.subscribeUnrecorded(documents, () => undefined).ready;
    const [d, text] = [fixture.newId(), 'x'.repeat(15 * 1_048_576)];
    await inTransaction(connection, async (session) => {
      await rawCollection(connection, 'games').insertOne({ _id: d, text, version: 1 } as never, { session });
    });
    await rawCollection(connection, names[0]).insertOne({ _id: { d, v: Long.fromNumber(1) }, operation: 'create', createdDoc: { _id: d, text } } as never);
    await rawCollection(connection, 'games').updateOne({ _id: d } as never, { $set: { text: `${text.slice(1)}y` } });
    await fixture.commit(names[0], [{ documentId: d, serverSeq: 2 }]);
    await until(() => seen().includes(2));
    expect([seen(), interruptions(), fixture.warnings]).toEqual([[1, 2], [], []]);
  });

  describe('and diffs', () => {
    /** A whole record, planted as it is. */
    const plant = (serverSeq: number, operation: string, fields: object, documentId = fixture.newId()): Promise<unknown> =>
      rawCollection(fixture.connection, names[0]).insertOne({ _id: { d: documentId, v: Long.fromNumber(serverSeq) }, operation, ...fields } as never);
    const told = (): unknown[] => notices.flatMap((notice) => (notice.kind === 'committed' ? [[notice.serverSeq, notice.diff]] : []));
    /** A diff of exactly so many BSON bytes. */
    const ofSize = (bytes: number): { set: { text: string }; unset: string[] } => {
      const diff = (length: number): { set: { text: string }; unset: string[] } => ({ set: { text: 'x'.repeat(length) }, unset: [] });
      return diff(bytes - mongoose.mongo.BSON.calculateObjectSize(diff(0)));
    };
    const small = {
      set: { gold: 5, big: Long.fromString('9007199254740993'), 'bag.0': { at: new Date(7), bytes: new Binary(Buffer.from('a')), exact: Decimal128.fromString('1.50') }, by: new ObjectId(), pattern: /^a/i, nothing: null },
      unset: ['level', 'bag.1'],
    };

    it('a small update is told with its diff, every type of value as a read brings it, and a large one without', async () => {
      await fixture.feed.subscribe(names[0], (notice) => notices.push(notice)).ready;
      await plant(2, 'update', { diff: small });
      await plant(3, 'update', { diff: ofSize(4_096) });
      await plant(4, 'update', { diff: ofSize(4_097) });
      await plant(5, 'update', { diff: { set: {}, unset: [] } });
      await until(() => seen().includes(5));
      expect(told()).toEqual([[2, small], [3, ofSize(4_096)], [4, undefined], [5, { set: {}, unset: [] }]]);
      const record = await rawCollection<{ diff: unknown }>(fixture.connection, names[0]).findOne({ '_id.v': Long.fromNumber(2) });
      expect(told()[0]).toEqual([2, record?.diff]);
    });

    it('the values are the same whatever the application set for its client', async () => {
      for (const options of [{ useBigInt64: true }, { promoteValues: false }, { promoteBuffers: true }, { promoteLongs: false }]) {
        const { connection } = fixture;
        const other = await mongoose.createConnection(process.env['TEST_MONGODB_URI'] ?? '', { dbName: connection.name, ...options }).asPromise();
        const feed = new MongooseChangeFeed(other, { warn: () => undefined, now: Date.now, random: Math.random });
        try {
          notices = [];
          await feed.subscribe(names[0], (notice) => notices.push(notice)).ready;
          await plant(2, 'update', { diff: small });
          await until(() => seen().includes(2));
          expect(told()).toEqual([[2, small]]);
        } finally {
          await feed.close();
          await other.close();
        }
      }
    });

    it('creates and deletes are told without, also when their record has one', async () => {
      await fixture.feed.subscribe(names[0], (notice) => notices.push(notice)).ready;
      const id = fixture.newId();
      await plant(1, 'create', { createdDoc: { _id: id, diff: small } });
      await plant(2, 'delete', { deletedDoc: { _id: id, diff: small } });
      await plant(3, 'create', { diff: small });
      await plant(4, 'delete', { diff: small });
      await plant(5, 'of no kind', { diff: small });
      await until(() => seen().includes(5));
      expect(told()).toEqual([1, 2, 3, 4, 5].map((serverSeq) => [serverSeq, undefined]));
    });

    it('what is no diff is none, and the stream goes on as if nothing were there', async () => {
      const { feed } = fixture;
      await feed.subscribe(names[0], (notice) => notices.push(notice)).ready;
      const { restarts } = feed.status();
      const hostile: unknown[] = ['text', 5, [], ['set', 'unset'], null, true, new Date(0), { set: 5 }, { set: {} }, { unset: [] }, { set: {}, unset: [1] }, { set: {}, unset: 'gold' }, { set: [], unset: [] }, { set: null, unset: [] }, { set: {}, unset: { 0: 'gold' } }];
      for (const [index, diff] of hostile.entries()) await plant(index + 1, 'update', { diff });
      await plant(100, 'update', {});
      await plant(101, 'update', { diff: small });
      await until(() => seen().includes(101));
      expect(told()).toEqual([...hostile.map((_, index) => [index + 1, undefined]), [100, undefined], [101, small]]);
      expect([feed.status().restarts, interruptions(), fixture.warnings]).toEqual([restarts, [], []]);
    });

    // of the server, and none of JavaScript
    const unreadable = { set: { pattern: new BSONRegExp('(?i)a') }, unset: [] };

    it.each([
      ['at the first opening', 0],
      ['later', 1],
    ])('one that the driver cannot read interrupts nobody, %s: its event is told without', async (_, reopenings) => {
      const { feed } = fixture;
      await feed.subscribe(names[0], (notice) => notices.push(notice)).ready;
      await plant(2, 'update', { diff: small });
      await until(() => seen().includes(2));
      if (reopenings > 0) await feed.subscribe(names[1], () => undefined).ready;
      await plant(3, 'update', { diff: unreadable });
      await plant(4, 'update', { diff: small });
      await until(() => seen().includes(4));
      expect(seen()).toEqual([2, 3, 4]);
      expect(told().slice(0, 2)).toEqual([[2, small], [3, undefined]]);
      expect([interruptions(), feed.status().interruptions]).toEqual([[], 0]);
      expect(fixture.warnings).toEqual([expect.stringContaining('(?i)a')]);
    });

    it('after one that the driver cannot read, the next opening brings them again', async () => {
      const { feed } = fixture;
      await feed.subscribe(names[0], (notice) => notices.push(notice)).ready;
      await plant(2, 'update', { diff: unreadable });
      await until(() => seen().includes(2));
      await feed.subscribe(names[1], () => undefined).ready;
      await plant(3, 'update', { diff: small });
      await until(() => seen().includes(3));
      expect(told()).toEqual([[2, undefined], [3, small]]);
      await plant(4, 'update', { diff: unreadable }); // and is careful again
      await plant(5, 'update', { diff: unreadable });
      await plant(6, 'create', {});
      await until(() => seen().includes(6));
      expect(seen()).toEqual([2, 3, 4, 5, 6]);
      expect([interruptions(), feed.status().interruptions]).toEqual([[], 0]);
    });

    it('who goes on from a position is told the keys only', async () => {
      const { feed } = fixture;
      await feed.subscribe(names[0], (notice) => notices.push(notice)).ready;
      await plant(2, 'update', { diff: small });
      await until(() => seen().includes(2));
      const first = notices.find((notice) => notice.kind === 'committed');
      const later: FeedNotice[] = [];
      await feed.subscribe(names[0], (notice) => later.push(notice), first?.token).ready;
      await plant(3, 'update', { diff: small });
      await until(() => seen().includes(3) && later.some((notice) => notice.kind === 'committed'));
      expect(told()).toEqual([[2, small], [3, small]]);
      expect(later.filter(({ kind }) => kind === 'committed')).toEqual([expect.objectContaining({ serverSeq: 3, operation: 'update', diff: undefined })]);
    });

    it('a document that has a field of that name is no event', async () => {
      const { feed, connection } = fixture;
      const documents = { collection: 'games', eventsCollection: names[0], versionField: 'version' };
      const changes: UnrecordedChange[] = [];
      await feed.subscribe(names[0], (notice) => notices.push(notice)).ready;
      await feed.subscribeUnrecorded(documents, (change) => changes.push(change)).ready;
      await rawCollection(connection, 'games').insertOne({ _id: fixture.newId(), version: 1, operation: 'update', diff: small } as never);
      await until(() => changes.length > 0);
      await plant(2, 'update', { diff: small });
      await until(() => seen().includes(2));
      expect(told()).toEqual([[2, small]]);
    });
  });

  describe('and changes of documents', () => {
    let changes: UnrecordedChange[];
    const documents = { collection: 'games', eventsCollection: names[0], versionField: 'version' };
    const games = (): mongoose.mongo.Collection => rawCollection(fixture.connection, 'games');

    beforeEach(async () => {
      changes = [];
      await fixture.feed.subscribeUnrecorded(documents, (change) => changes.push(change)).ready;
    });

    it('says nothing of those that came with their event, and everything of the others', async () => {
      const recorded = fixture.newId() as mongoose.mongo.ObjectId;
      const write = (v: number, document: (session: mongoose.mongo.ClientSession) => Promise<unknown>): Promise<void> =>
        inTransaction(fixture.connection, async (session) => {
          await document(session);
          await rawCollection(fixture.connection, names[0]).insertOne({ _id: { d: recorded, v: Long.fromNumber(v) }, operation: 'update' } as never, { session });
        });
      await write(1, (session) => games().insertOne({ _id: recorded, version: 1 }, { session }));
      await write(2, (session) => games().updateOne({ _id: recorded }, { $set: { version: 2, gold: 1 } }, { session }));
      await write(3, (session) => games().deleteOne({ _id: recorded }, { session }));
      await write(4, (session) => games().insertOne({ _id: recorded, version: 4 }, { session }));
      await write(5, (session) => games().replaceOne({ _id: recorded }, { gold: 2, version: 5 }, { session }));
      const foreign = fixture.newId() as mongoose.mongo.ObjectId;
      await games().insertOne({ _id: foreign, version: 1 });
      await games().updateOne({ _id: foreign }, { $set: { gold: 2 } });
      await games().updateOne({ _id: foreign }, { $set: { gold: 3, version: 2 } });
      await games().replaceOne({ _id: foreign }, { gold: 4 });
      await inTransaction(fixture.connection, async (session) => void (await games().updateOne({ _id: foreign }, { $set: { gold: 5 } }, { session })));
      // the whole document, as a read brought it, with its number
      await inTransaction(fixture.connection, async (session) => void (await games().replaceOne({ _id: foreign }, { gold: 6, version: 2 }, { session })));
      await inTransaction(fixture.connection, async (session) => void (await games().deleteOne({ _id: foreign }, { session })));
      await until(() => changes.some(({ operation }) => operation === 'delete'));
      expect(changes.map(({ documentId, operation }) => [String(documentId), operation])).toEqual(
        ['insert', 'update', 'update', 'replace', 'update', 'replace', 'delete'].map((operation) => [foreign.toHexString(), operation]),
      );
    });

    it('survives ids that are none of the storage', async () => {
      await games().insertOne({ _id: { odd: 1 } as never });
      await games().insertOne({ _id: 'plain' as never });
      await until(() => changes.some(({ documentId }) => documentId === 'plain'));
    });
  });
});

async function killStreams(connection: Connection): Promise<void> {
  const admin = connection.getClient().db('admin');
  const cursors = await admin.aggregate([{ $currentOp: { idleCursors: true, localOps: true } }]).toArray();
  for (const { ns, cursor } of cursors) {
    if (String(ns).startsWith(`${connection.name}.`) && cursor !== undefined) await connection.getClient().db(connection.name).command({ killCursors: '$cmd.aggregate', cursors: [cursor.cursorId] });
  }
}

async function until(fact: () => boolean): Promise<void> {
  for (const end = performance.now() + 20_000; !fact(); await new Promise((resume) => setTimeout(resume, 10))) {
    if (performance.now() > end) throw new Error(`waited 20 s in vain for ${String(fact)}`);
  }
}
