import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import mongoose, { type mongo } from 'mongoose';
import { InvalidArgumentError } from '../errors/invalid-argument.error.js';
import { GatheredReads } from '../read/gathered-reads.js';
import { MongooseDocumentReader } from './mongoose-document-reader.js';

const { BSONRegExp, Decimal128, Long, ObjectId } = mongoose.mongo;
const uri = process.env['TEST_MONGODB_URI'] ?? '';
const dbName = `test_${process.env['JEST_WORKER_ID']}_document_reader`;

describe('MongooseDocumentReader', () => {
  const connection = mongoose.createConnection(uri, { dbName, monitorCommands: true });
  const reader = new MongooseDocumentReader(connection, 'd');
  const sent: mongo.Document[] = [];
  const id = new ObjectId();
  const stored = { _id: id, n: 1, big: Long.fromBigInt(2n ** 60n), bytes: new mongoose.mongo.Binary(Buffer.from('a')), when: new Date(5) };

  beforeAll(async () => {
    await connection.asPromise();
    await connection.db?.collection('d').insertMany([stored, { _id: new ObjectId(), n: 2 }, { _id: new ObjectId(), n: 3 }]);
    connection.getClient().on('commandStarted', ({ command }) => void sent.push(command));
  });
  afterAll(async () => {
    await connection.dropDatabase();
    await connection.close();
  });

  it.each([undefined, null, {}, { $gt: '' }, [id], Symbol('x'), Number.NaN])('never asks with %p, which would find the first document', async (given) => {
    sent.length = 0;
    await expect(async () => reader.read(given as never)).rejects.toThrow(InvalidArgumentError);
    await expect(async () => reader.readEach([id, given as never])).rejects.toThrow(InvalidArgumentError);
    expect(sent).toEqual([]);
  });

  it('asks the primary at the level that is wanted', async () => {
    sent.length = 0;
    for (const level of ['majority', 'newest', 'linearizable', undefined] as const) await reader.read(id, level === undefined ? {} : { level });
    await reader.readMany({ filter: { n: 1 } });
    expect(sent.map(({ readConcern }) => (readConcern as { level: string }).level)).toEqual(['majority', 'local', 'linearizable', 'majority', 'majority']);
    expect(sent.map(({ maxTimeMS }) => maxTimeMS as unknown)).toEqual([undefined, undefined, 10_000, undefined, undefined]);
  });

  it('reads many ids by one command, at the level that is wanted, and leaves no cursor for the rest', async () => {
    const others = Array.from({ length: 120 }, () => ({ _id: new ObjectId(), n: -1 }));
    await connection.db?.collection('d').insertMany(others);
    sent.length = 0;
    expect(await reader.readEach([id, ...others.map(({ _id }) => _id)], { level: 'newest' })).toHaveLength(121);
    expect(sent.map(({ find, getMore, readConcern }) => [find ?? getMore, (readConcern as { level: string }).level] as unknown)).toEqual([['d', 'local']]);
  });

  it('a fraction is found under either spelling of its id, also when it is read together with others', async () => {
    const half = { _id: 0.5 as never, n: 0 };
    await connection.db?.collection('d').insertOne(half);
    const reads = new GatheredReads(reader);
    sent.length = 0;
    expect(await Promise.all([reads.read(Decimal128.fromString('0.5')), reads.read(id), reads.read(0.5)])).toEqual([half, stored, half]);
    expect(sent).toHaveLength(2); // together, and the other spelling by itself
  });

  it('a stored document that the driver cannot read fails who asked for it, and nobody who asked at the same time', async () => {
    const [good, bad] = [{ _id: new ObjectId(), n: -2 }, { _id: new ObjectId(), pattern: new BSONRegExp('(?i)a') }]; // of the server, and none of JavaScript
    await connection.db?.collection('d').insertMany([good, bad]);
    const reads = new GatheredReads(reader);
    const gone = new ObjectId();
    sent.length = 0;
    const [ofGood, ofBad, ofStored, ofGone] = await Promise.allSettled([good._id, bad._id, id, gone].map((each) => reads.read(each)));
    expect([ofGood, ofStored, ofGone]).toEqual([good, stored, null].map((value) => ({ status: 'fulfilled', value })));
    expect(ofBad).toMatchObject({ status: 'rejected', reason: { message: expect.stringContaining('(?i)a') } });
    expect(sent).toHaveLength(5); // together, and then each by itself
    await connection.db?.collection('d').deleteOne({ _id: bad._id });
  });

  it('reads alike whatever the application set for its client', async () => {
    for (const options of [{ useBigInt64: true }, { promoteValues: false }, { promoteBuffers: true }, { readConcernLevel: 'snapshot' as const }, { readPreference: 'secondaryPreferred' as const }]) {
      const other = await mongoose.createConnection(uri, { dbName, ...options }).asPromise();
      try {
        expect(await new MongooseDocumentReader(other, 'd').read(id)).toEqual(stored);
        expect(await new MongooseDocumentReader(other, 'd').readEach([id])).toEqual([stored]);
      } finally {
        await other.close();
      }
    }
  });

  it('a limit of none is not all', async () => {
    expect(await reader.readMany({ filter: {}, limit: 0 })).toEqual([]);
    expect(await reader.readMany({ filter: {}, limit: 2, skip: 1, sort: { n: -1 }, projection: { n: 1, _id: 0 } })).toEqual([{ n: 2 }, { n: 1 }]);
  });
});
