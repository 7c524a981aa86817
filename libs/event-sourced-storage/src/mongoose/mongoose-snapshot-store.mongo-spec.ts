import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import mongoose, { type mongo } from 'mongoose';
import { InvalidArgumentError } from '../errors/invalid-argument.error.js';
import { prepareCollections } from './indexes.js';
import { MongooseSnapshotStore } from './mongoose-snapshot-store.js';

const { Long, ObjectId } = mongoose.mongo;

describe('MongooseSnapshotStore', () => {
  const dbName = `test_${process.env['JEST_WORKER_ID']}_snapshot_store`;
  const connection = mongoose.createConnection(process.env['TEST_MONGODB_URI'] ?? '', { dbName, monitorCommands: true });
  const store = new MongooseSnapshotStore(connection, 's');
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

  const raw = (): mongo.Collection => (connection.db as mongo.Db).collection('s');

  it('keeps a state with any keys', async () => {
    const documentId = new ObjectId();
    const state = { _id: documentId, odd: { 'a.b': 1, $set: { $x: 1 }, '': 2 }, list: [{ $gt: 1 }] };
    await store.save({ documentId, serverSeq: 1, state, createdAt: new Date(1) });
    expect(await store.newest(documentId)).toEqual({ documentId, serverSeq: 1, state, createdAt: new Date(1) });
  });

  it('is on record at a majority, with a number of 64 bits', async () => {
    const documentId = new ObjectId();
    sent.length = 0;
    await store.save({ documentId, serverSeq: 2 ** 33, state: null, createdAt: new Date(1) });
    expect(sent[0]).toMatchObject({ findAndModify: 's', writeConcern: { w: 'majority' } });
    expect(await raw().aggregate([{ $match: { documentId } }, { $project: { _id: 0, kind: { $type: '$serverSeq' } } }]).toArray()).toEqual([{ kind: 'long' }]);
    expect((await store.newest(documentId, 2 ** 33))?.serverSeq).toBe(2 ** 33);
  });

  it('of many that save the same at once all get the one that is stored', async () => {
    const documentId = new ObjectId();
    const saved = await Promise.all(Array.from({ length: 40 }, (_, index) => store.save({ documentId, serverSeq: 1, state: { _id: documentId, index }, createdAt: new Date(index) })));
    expect(await raw().countDocuments({ documentId })).toBe(1);
    for (const each of saved) expect(each).toEqual(saved[0]);
  });

  describe('a damaged one', () => {
    const warnings: string[] = [];
    const watched = new MongooseSnapshotStore(connection, 's', (message) => void warnings.push(message));

    async function three(): Promise<mongo.ObjectId> {
      const documentId = new ObjectId();
      for (const serverSeq of [1, 2, 3]) await watched.save({ documentId, serverSeq, state: { _id: documentId, gold: serverSeq }, createdAt: new Date(serverSeq) });
      warnings.length = 0;
      return documentId;
    }

    it.each([
      ['a changed value', { $set: { 'state.gold': 4 } }],
      ['a changed type', { $set: { 'state.gold': '3' } }],
      ['a lost field', { $unset: { 'state.gold': '' } }],
      ['a lost state', { $unset: { state: '' } }],
      ['a state too many', { $set: { state: null } }],
      ['a wrong number', { $set: { serverSeq: Long.fromNumber(4) } }],
    ])('%s: it is passed over, and told', async (_name, damage) => {
      const documentId = await three();
      await raw().updateOne({ documentId, serverSeq: 3 }, damage);
      expect((await watched.newest(documentId))?.serverSeq).toBe(2);
      expect(warnings).toEqual([expect.stringMatching(new RegExp(`^s/${documentId.toHexString()}@[34]: the snapshot is damaged`)) as unknown]);
      await raw().updateMany({ documentId }, { $set: { state: { other: true } } });
      expect(await watched.newest(documentId)).toBeNull();
    });

    it('is replaced when it is made again', async () => {
      const documentId = await three();
      await raw().updateOne({ documentId, serverSeq: 3 }, { $set: { 'state.gold': 4 } });
      const again = { documentId, serverSeq: 3, state: { _id: documentId, gold: 3 }, createdAt: new Date(9) };
      expect(await watched.save(again)).toEqual(again);
      expect(await watched.newest(documentId)).toEqual(again);
      expect(warnings).toEqual([]);
    });

    it.each([
      ['of none', {}],
      ['of another', { schemaVersion: 3, leftovers: ['coins'] }],
    ])('is replaced by one %s shape with all that it says of its shape', async (_name, shape) => {
      const documentId = new ObjectId();
      const state = { _id: documentId, gold: 3 };
      await watched.save({ documentId, serverSeq: 3, state, createdAt: new Date(3), schemaVersion: 2, leftovers: ['a', 'b'] });
      await raw().updateOne({ documentId }, { $set: { 'state.gold': 4 } });
      const again = { documentId, serverSeq: 3, state, createdAt: new Date(9), ...shape };
      expect(await watched.save(again)).toEqual(again);
      expect(await watched.newest(documentId)).toEqual(again);
    });

    it('one without a digest is of an earlier version, and believed', async () => {
      const documentId = new ObjectId();
      await raw().insertOne({ documentId, serverSeq: Long.fromNumber(1), state: { _id: documentId }, createdAt: new Date(1) });
      expect((await watched.newest(documentId))?.state).toEqual({ _id: documentId });
    });

    it('types that the driver hands out as others are no damage', async () => {
      const documentId = new Long(7);
      const state = { _id: documentId, long: Long.fromNumber(5), int: new mongoose.mongo.Int32(4), double: new mongoose.mongo.Double(3), bytes: Buffer.from('a'), 7: 1, a: 1, 2: 3 };
      await watched.save({ documentId, serverSeq: 1, state, createdAt: new Date(1) });
      expect((await watched.newest(documentId))?.serverSeq).toBe(1);
    });
  });

  it.each([undefined, null, {}, { $gt: '' }, [new ObjectId()]])('never asks with %p', async (id) => {
    sent.length = 0;
    await expect(store.newest(id as never)).rejects.toThrow(InvalidArgumentError);
    await expect(store.save({ documentId: id as never, serverSeq: 1, state: null, createdAt: new Date() })).rejects.toThrow(InvalidArgumentError);
    expect(sent).toEqual([]);
  });
});
