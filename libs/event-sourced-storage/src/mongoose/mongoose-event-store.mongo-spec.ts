import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import mongoose, { type mongo } from 'mongoose';
import { HistoryCorruptError } from '../errors/history-corrupt.error.js';
import { InvalidArgumentError } from '../errors/invalid-argument.error.js';
import type { Image } from '../model/diff.js';
import type { DocumentEvent, UpdateEvent } from '../model/document-event.js';
import type { DocumentId } from '../model/document-id.js';
import { type EventRecord, toRecord } from './event-record.js';
import { prepareCollections } from './indexes.js';
import { MongooseEventStore } from './mongoose-event-store.js';

const { Long, ObjectId } = mongoose.mongo;
const flight = new ObjectId();
const uri = process.env['TEST_MONGODB_URI'] ?? '';
const dbName = `test_${process.env['JEST_WORKER_ID']}_event_store`;

describe('MongooseEventStore', () => {
  const connection = mongoose.createConnection(uri, { dbName, monitorCommands: true });
  const store = new MongooseEventStore(connection, 'e');
  const sent: mongo.Document[] = [];

  beforeAll(async () => {
    await connection.asPromise();
    await prepareCollections(connection, { documents: 'd', events: 'e', snapshots: 's', streams: 'r' });
    connection.getClient().on('commandStarted', ({ command }) => void sent.push(command));
  });
  afterAll(async () => {
    await connection.dropDatabase();
    await connection.close();
  });

  const raw = (): mongo.Collection<EventRecord> => (connection.db as mongo.Db).collection<EventRecord>('e');

  async function plant(...events: readonly DocumentEvent<Image>[]): Promise<void> {
    await raw().insertMany(events.map((event) => toRecord(event, flight)));
  }

  function create(documentId: DocumentId, createdDoc: Image = {}, serverSeq = 1): DocumentEvent<Image> {
    return { documentId, serverSeq, operation: 'create', clientId: 'c', timestamp: new Date(1), operationId: `op-${serverSeq}`, createdDoc };
  }

  function update(documentId: DocumentId, serverSeq: number, set: Image = {}, unset: readonly string[] = []): DocumentEvent<Image> {
    const diff = { hasChanges: true, version: serverSeq, set, unset };
    return { documentId, serverSeq, operation: 'update', clientId: 'c', timestamp: new Date(serverSeq), operationId: `op-${serverSeq}`, diff };
  }

  it('stores each event as data-model.md says, and shows everything but the flight', async () => {
    const id = new ObjectId();
    const { diff: _diff, ...common3 } = update(id, 3) as UpdateEvent;
    const extras = { schemaVersion: 2, transactionId: 't', metadata: { reason: 'done', custom: [1] } };
    const tombstone: DocumentEvent<Image> = { ...common3, ...extras, operation: 'delete', deletedDoc: { _id: id } };
    await plant(create(id, { _id: id }), update(id, 2, { a: 1 }, ['b']), tombstone);
    const common = (v: number): Image => ({ _id: { d: id, v }, clientId: 'c', timestamp: new Date(v), operationId: `op-${v}`, flight });
    expect(await raw().find({ '_id.d': id } as object).sort({ _id: 1 }).toArray()).toEqual([
      { ...common(1), operation: 'create', createdDoc: { _id: id } },
      { ...common(2), operation: 'update', diff: { set: { a: 1 }, unset: ['b'] } },
      { ...common(3), operation: 'delete', ...extras, deletedDoc: { _id: id } },
    ]);
    expect(await store.read(id, {})).toEqual([create(id, { _id: id }), update(id, 2, { a: 1 }, ['b']), tombstone]);
  });

  it('keeps paths with dots, and keys that look like operators inside values', async () => {
    const id = new ObjectId();
    const events = [create(id, { odd: { 'a.b': { $set: 1, $x: { $y: 2 } }, '': 3 } }), update(id, 2, { 'a.b.0.c': 1, deep: { 'x.y': 2, $gt: 3, $inc: { a: 1 } } }, ['q.0', 'r.s.t'])];
    await plant(...events);
    expect(await store.read(id, {})).toEqual(events);
  });

  it('writes numbers as 64-bit integers and orders them as numbers', async () => {
    const id = new ObjectId();
    const numbers = [9, 10, 2 ** 31 - 1, 2 ** 31, 2 ** 31 + 1, 2 ** 40, Number.MAX_SAFE_INTEGER];
    await plant(...numbers.map((number) => update(id, number)).toReversed());
    const kinds = await raw().aggregate([{ $match: { '_id.d': id } }, { $group: { _id: { $type: '$_id.v' } } }]).toArray();
    expect(kinds).toEqual([{ _id: 'long' }]);
    expect((await store.read(id, {})).map(({ serverSeq }) => serverSeq)).toEqual(numbers);
    expect((await store.read(id, { from: 2 ** 31, to: 2 ** 40 })).map(({ serverSeq }) => serverSeq)).toEqual(numbers.slice(3, 6));
    expect((await store.head(id))?.serverSeq).toBe(Number.MAX_SAFE_INTEGER);
  });

  it.each<readonly [string, DocumentId, DocumentId]>([
    ['an ObjectId', new ObjectId(), new ObjectId()],
    ['a text', 'a', 'b'],
    ['a number', 5, 6],
    ['a UUID', new mongoose.mongo.UUID(), new mongoose.mongo.UUID()],
    ['a Decimal128', mongoose.mongo.Decimal128.fromString('1.5'), mongoose.mongo.Decimal128.fromString('2.5')],
    ['a Long', Long.fromBigInt(2n ** 60n), Long.fromBigInt(2n ** 60n + 1n)],
  ])('tells the histories of documents apart whose id is %s', async (_, id, other) => {
    await plant(create(id), update(id, 2), create(other, { other: true }));
    expect(await store.read(id, {})).toEqual([create(id), update(id, 2)]);
    expect(await store.head(other)).toEqual(create(other, { other: true }));
    expect(await store.findOperation(id, 'op-2')).toEqual(update(id, 2));
    expect(await store.findOperation(other, 'op-2')).toBeNull();
  });

  it('does not take an id of another type for the same', async () => {
    const hex = new ObjectId().toHexString();
    await plant(create(hex), create('77'));
    expect(await store.read(new ObjectId(hex), {})).toEqual([]);
    expect(await store.read(77, {})).toEqual([]);
  });

  it.each([undefined, null, {}, { $gt: '' }, [new ObjectId()], Symbol('x')])('never asks with %p', async (id) => {
    sent.length = 0;
    await expect(store.read(id as never, {})).rejects.toThrow(InvalidArgumentError);
    await expect(store.head(id as never)).rejects.toThrow(InvalidArgumentError);
    await expect(store.findOperation(id as never, 'op')).rejects.toThrow(InvalidArgumentError);
    await expect(store.stream(id as never, {})[Symbol.asyncIterator]().next()).rejects.toThrow(InvalidArgumentError);
    expect(sent).toEqual([]);
  });

  it('a client id or operation id is a value, whatever it contains', async () => {
    const id = new ObjectId();
    await plant(create(id));
    expect(await store.read(id, { clientId: { $ne: '' } as never })).toEqual([]);
    expect(await store.findOperation(id, { $ne: '' } as never)).toBeNull();
  });

  it('asks the primary for what a majority has, for the newest only when told to', async () => {
    const id = new ObjectId();
    sent.length = 0;
    await store.read(id, {});
    await store.head(id, { level: 'newest' });
    await store.findOperation(id, 'op');
    expect(sent.map(({ readConcern }) => (readConcern as { level: string }).level)).toEqual(['majority', 'local', 'majority']);
    const session = connection.getClient().startSession();
    session.startTransaction({ readConcern: { level: 'snapshot' } });
    sent.length = 0;
    expect(await store.read(id, {}, { session, level: 'majority' })).toEqual([]);
    expect(sent.map(({ readConcern }) => (readConcern as { level: string }).level)).toEqual(['snapshot']);
    await session.abortTransaction();
    await session.endSession();
  });

  it('reads alike whatever the application set for its client', async () => {
    const id = new ObjectId();
    const event = update(id, 2 ** 33, { when: new Date(5), bytes: new mongoose.mongo.Binary(Buffer.from('a')), big: Long.fromBigInt(2n ** 60n), n: 5 });
    await plant(event);
    for (const options of [{ useBigInt64: true }, { promoteLongs: false }, { promoteValues: false }, { promoteBuffers: true }, { bsonRegExp: true }]) {
      const other = await mongoose.createConnection(uri, { dbName, ...options }).asPromise();
      try {
        expect(await new MongooseEventStore(other, 'e').read(id, {})).toEqual([event]);
      } finally {
        await other.close();
      }
    }
  });

  it('asks the primary whatever the application prefers', async () => {
    const other = await mongoose.createConnection(uri, { dbName, readPreference: 'secondaryPreferred', monitorCommands: true }).asPromise();
    const preferences: unknown[] = [];
    other.getClient().on('commandStarted', ({ command }) => void preferences.push(command['$readPreference']));
    await new MongooseEventStore(other, 'e').read('a', {});
    await other.db?.collection('e').findOne({});
    await other.close();
    expect(preferences.slice(0, 2)).toEqual([undefined, { mode: 'secondaryPreferred' }]); // the second shows that the first could differ
  });

  it('streams in batches, and closes the cursor of a consumer who leaves', async () => {
    const id = new ObjectId();
    await plant(...Array.from({ length: 2_500 }, (_, index) => update(id, index + 1)));
    sent.length = 0;
    const numbers: number[] = [];
    for await (const { serverSeq } of store.stream(id, {})) numbers.push(serverSeq);
    expect(numbers).toEqual(Array.from({ length: 2_500 }, (_, index) => index + 1));
    expect(sent.map((command) => Object.keys(command)[0])).toEqual(['find', 'getMore', 'getMore']);
    for await (const { serverSeq } of store.stream(id, {})) if (serverSeq === 3) break;
    const open = await connection.getClient().db('admin').aggregate([{ $currentOp: { idleCursors: true, localOps: true } }, { $match: { ns: `${dbName}.e` } }]).toArray();
    expect(open).toEqual([]);
  });

  it('says where an event is that it does not understand', async () => {
    const id = new ObjectId();
    await raw().insertOne({ _id: { d: id, v: Long.fromNumber(1) }, operation: 'rename', clientId: 'c', timestamp: new Date(), operationId: 'x' } as never);
    const reading = store.read(id, {});
    await expect(reading).rejects.toThrow(HistoryCorruptError);
    await expect(reading).rejects.toThrow(`${id.toHexString()}@1`);
  });

  it('says so before the connection is open', async () => {
    await expect(new MongooseEventStore(mongoose.createConnection(), 'e').read('a', {})).rejects.toThrow('is not open');
  });
});
