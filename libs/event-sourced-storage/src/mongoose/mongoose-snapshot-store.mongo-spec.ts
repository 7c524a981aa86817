import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import mongoose, { type mongo } from 'mongoose';
import { InvalidArgumentError } from '../errors/invalid-argument.error.js';
import { prepareCollections } from './indexes.js';
import { MongooseSnapshotStore } from './mongoose-snapshot-store.js';

const { ObjectId } = mongoose.mongo;

describe('MongooseSnapshotStore', () => {
  const dbName = `test_${process.env['JEST_WORKER_ID']}_snapshot_store`;
  const connection = mongoose.createConnection(process.env['TEST_MONGODB_URI'] ?? '', { dbName, monitorCommands: true });
  const store = new MongooseSnapshotStore(connection, 's');
  const sent: mongo.Document[] = [];

  beforeAll(async () => {
    await connection.asPromise();
    await prepareCollections(connection, { documents: 'd', events: 'e', snapshots: 's' });
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

  it.each([undefined, null, {}, { $gt: '' }, [new ObjectId()]])('never asks with %p', async (id) => {
    sent.length = 0;
    await expect(store.newest(id as never)).rejects.toThrow(InvalidArgumentError);
    await expect(store.save({ documentId: id as never, serverSeq: 1, state: null, createdAt: new Date() })).rejects.toThrow(InvalidArgumentError);
    expect(sent).toEqual([]);
  });
});
