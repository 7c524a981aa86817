import mongoose from 'mongoose';
import { describeHistoryIndex } from '../testing/history-index.contract.js';
import { toRecord } from './event-record.js';
import { MongooseHistoryIndex } from './mongoose-history-index.js';
import { MongooseSweepProgress } from './mongoose-sweep-progress.js';

describeHistoryIndex('MongooseHistoryIndex', async () => {
  const connection = await mongoose.createConnection(process.env['TEST_MONGODB_URI'] ?? '', { dbName: `history_index_${new mongoose.mongo.ObjectId().toHexString()}` }).asPromise();
  return {
    index: new MongooseHistoryIndex(connection, 'e'),
    progress: new MongooseSweepProgress(connection),
    newId: () => new mongoose.mongo.ObjectId(),
    plantEvent: async (event) => {
      await connection.collection('e').insertOne(toRecord(event, new mongoose.mongo.ObjectId()) as never, { writeConcern: { w: 'majority' } });
    },
    close: async () => {
      await connection.dropDatabase();
      await connection.close();
    },
  };
});
