import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import mongoose, { type Connection, type mongo } from 'mongoose';
import { IndexMismatchError } from '../errors/index-mismatch.error.js';
import { operationIndex, prepareCollections, snapshotIndex } from './indexes.js';

const names = { documents: 'd', events: 'e', snapshots: 's', streams: 'r' };

describe('prepareCollections', () => {
  const dbName = `test_${process.env['JEST_WORKER_ID']}_indexes`;
  const open = (): Connection => mongoose.createConnection(process.env['TEST_MONGODB_URI'] ?? '', { dbName, monitorCommands: true });
  const connection = open();
  const sent: string[] = [];

  beforeAll(async () => {
    await connection.asPromise();
    connection.getClient().on('commandStarted', ({ commandName }) => void sent.push(commandName));
  });
  beforeEach(() => connection.dropDatabase());
  afterAll(async () => {
    await connection.dropDatabase();
    await connection.close();
  });

  const raw = (name: string): mongo.Collection => (connection.db as mongo.Db).collection(name);
  const collections = async (): Promise<string[]> => ((await connection.db?.listCollections().toArray()) ?? []).map(({ name }) => name).toSorted();

  it('makes what is missing', async () => {
    await prepareCollections(connection, names);
    expect(await collections()).toEqual(['d', 'e', 'r', 's']);
    expect(await raw('e').indexes()).toContainEqual(expect.objectContaining({ name: operationIndex, key: { '_id.d': 1, operationId: 1 }, unique: true }));
    expect(await raw('s').indexes()).toContainEqual(expect.objectContaining({ name: snapshotIndex, key: { documentId: 1, serverSeq: 1 }, unique: true }));
  });

  it('makes nothing a second time: a new index would hold up every writer', async () => {
    await prepareCollections(connection, names);
    sent.length = 0;
    await prepareCollections(connection, names);
    expect(sent).toEqual(['listCollections', 'listIndexes', 'listIndexes']);
  });

  it('makes nothing a second time while a transaction is open', async () => {
    await prepareCollections(connection, names);
    const session = connection.getClient().startSession();
    session.startTransaction();
    await raw('e').insertOne({ open: true }, { session });
    await prepareCollections(connection, names);
    await session.abortTransaction();
    await session.endSession();
  });

  it('takes an index of another name for what it is, when it is unique', async () => {
    await raw('e').createIndex({ '_id.d': 1, operationId: 1 }, { unique: true, name: 'mine' });
    await prepareCollections(connection, names);
    expect(await raw('e').indexes()).toHaveLength(2);
  });

  it('any number of processes may do it at once', async () => {
    const others = await Promise.all(Array.from({ length: 6 }, () => open().asPromise()));
    try {
      await Promise.all(others.map((each) => prepareCollections(each, names)));
      expect(await collections()).toEqual(['d', 'e', 'r', 's']);
      expect(await raw('e').indexes()).toHaveLength(2);
    } finally {
      await Promise.all(others.map((each) => each.close()));
    }
  });

  it.each<readonly [string, mongo.CreateIndexesOptions]>([
    ['it is not unique', {}],
    ['it has the option sparse', { unique: true, sparse: true }],
    ['it has the option partialFilterExpression', { unique: true, partialFilterExpression: { clientId: 'x' } }],
    ['it has the option collation', { unique: true, collation: { locale: 'en', strength: 2 } }],
    ['it has the option hidden', { unique: true, hidden: true }],
  ])('refuses an index over the same fields when %s', async (problem, options) => {
    await raw('e').createIndex({ '_id.d': 1, operationId: 1 }, { name: 'theirs', ...options });
    const refusal = prepareCollections(connection, names);
    await expect(refusal).rejects.toThrow(IndexMismatchError);
    await expect(refusal).rejects.toMatchObject({ collection: 'e', index: 'theirs', message: expect.stringContaining(problem) });
  });

  it('refuses another index of the same name', async () => {
    await raw('s').createIndex({ documentId: 1 }, { name: snapshotIndex });
    await expect(prepareCollections(connection, names)).rejects.toMatchObject({ code: 'INDEX_MISMATCH', collection: 's', cause: { code: 86 } });
  });

  it('refuses stored data that are not unique, without showing them', async () => {
    await raw('s').insertMany([{ documentId: 'secret', serverSeq: 1 }, { documentId: 'secret', serverSeq: 1 }]);
    const refusal = await prepareCollections(connection, names).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(IndexMismatchError);
    expect(refusal).toMatchObject({ cause: { code: 11_000 }, message: expect.not.stringContaining('secret') });
  });
});
