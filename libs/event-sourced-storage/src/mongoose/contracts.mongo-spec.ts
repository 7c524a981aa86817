import mongoose from 'mongoose';
import type { DocumentId } from '../model/document-id.js';
import { toRecord } from './event-record.js';
import { FlightSessions } from './flight-sessions.js';
import { prepareCollections } from './indexes.js';
import { MongooseDocumentCommitter } from './mongoose-document-committer.js';
import { MongooseDocumentReader } from './mongoose-document-reader.js';
import { MongooseEventStore } from './mongoose-event-store.js';
import { MongooseSnapshotStore } from './mongoose-snapshot-store.js';
import { MongooseStreamStore } from './mongoose-stream-store.js';
import { MongooseHistoryPruner } from './mongoose-history-pruner.js';
import { MongooseTransactionScopes } from './mongoose-transaction-scopes.js';
import { runTransaction } from './run-transaction.js';
import { Orphans } from './orphans.js';
import { ProcessLease } from './process-lease.js';
import { bsonSamples } from '../testing/bson-samples.js';
import { describeDifferential } from '../testing/differential.contract.js';
import { describeDocumentCommitter } from '../testing/document-committer.contract.js';
import { describeDocumentReader } from '../testing/document-reader.contract.js';
import { describeEventStore } from '../testing/event-store.contract.js';
import { createMemoryFixture } from '../testing/memory-fixture.js';
import { describeSnapshotStore } from '../testing/snapshot-store.contract.js';
import { describeStreamStore } from '../testing/stream-store.contract.js';
import type { StorageFixture } from '../testing/storage-fixture.js';

const newId = (): DocumentId => new mongoose.mongo.ObjectId();
const samples = bsonSamples(mongoose.mongo);
const majority = { writeConcern: { w: 'majority' as const } };

async function createMongoFixture(): Promise<StorageFixture> {
  const connection = await mongoose.createConnection(process.env['TEST_MONGODB_URI'] ?? '', { dbName: `contract_${new mongoose.mongo.ObjectId().toHexString()}` }).asPromise();
  const names = { documents: 'games', events: 'games_events', snapshots: 'games_snapshots', streams: 'games_streams' };
  await prepareCollections(connection, names);
  const lease = new ProcessLease(connection);
  const sessions = new FlightSessions(() => connection.getClient(), lease);
  const scopes = new MongooseTransactionScopes(connection, () => new mongoose.mongo.ObjectId().toHexString());
  const retries = { maxRetries: 100, retryDelayMs: 1, maxRetryDelayMs: 10, timeoutMs: 10_000 };
  const database = connection.db as mongoose.mongo.Db;
  return {
    versionField: 'version',
    committer: new MongooseDocumentCommitter(connection, { collection: 'games', eventsCollection: names.events, streamsCollection: names.streams, versionField: 'version', maxDocumentBytes: 15_728_640 }, sessions, new Orphans(lease, () => undefined)),
    reader: new MongooseDocumentReader(connection, names.documents),
    events: new MongooseEventStore(connection, names.events),
    snapshots: new MongooseSnapshotStore(connection, names.snapshots),
    streams: new MongooseStreamStore(connection, names.streams),
    pruner: new MongooseHistoryPruner(connection, {
      collection: names.documents,
      eventsCollection: names.events,
      snapshotsCollection: names.snapshots,
      streamsCollection: names.streams,
      runTransaction: (run) => runTransaction({ connection, sessions, scopes, options: retries, random: Math.random }, run),
    }),
    newId,
    startTransaction: async () => {
      const session = await connection.startSession();
      session.startTransaction({ readConcern: { level: 'snapshot' }, writeConcern: { w: 'majority' } });
      const end = async (how: () => Promise<void>): Promise<void> => {
        await how();
        await session.endSession();
      };
      return { session, commit: () => end(() => session.commitTransaction()), abort: () => end(() => session.abortTransaction()) };
    },
    plantDocument: async (image) => {
      await database.collection(names.documents).insertOne({ ...image }, majority);
    },
    plantEvent: async (event) => {
      await database.collection(names.events).insertOne(toRecord(event, new mongoose.mongo.ObjectId()) as never, majority);
    },
    openCursors: async () => {
      const admin = connection.getClient().db('admin');
      const [found] = await admin.aggregate([{ $currentOp: { idleCursors: true, localOps: true } }, { $match: { type: 'idleCursor', ns: `${database.databaseName}.${names.events}` } }, { $count: 'open' }]).toArray();
      return Number(found?.['open'] ?? 0);
    },
    close: async () => {
      await sessions.close();
      await lease.release();
      await connection.dropDatabase();
      await connection.close();
    },
  };
}

describeDocumentCommitter('MongooseDocumentCommitter', createMongoFixture, samples);
describeEventStore('MongooseEventStore', createMongoFixture, samples);
describeSnapshotStore('MongooseSnapshotStore', createMongoFixture, samples);
describeStreamStore('MongooseStreamStore', createMongoFixture);
describeDocumentReader('MongooseDocumentReader', createMongoFixture, samples);
describeDifferential('memory and Mongo', () => createMemoryFixture(newId), createMongoFixture, { runs: 100 });
