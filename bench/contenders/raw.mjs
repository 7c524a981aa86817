// The driver alone, without validation and without history: what a write costs at least.
import mongoose from 'mongoose';
import { counter } from '../documents.mjs';
import { byId, clientOptions } from './contender.mjs';

const { MongoClient, ObjectId } = mongoose.mongo;
const change = { $inc: { [counter]: 1 } };

/** @type {import('./contender.mjs').Contender} */
export const raw = {
  name: 'raw',
  title: 'raw driver `findOneAndUpdate`, no history',
  open: (place) => open(place, (documents, _id) => documents.findOneAndUpdate({ _id }, change, { returnDocument: 'after' })),
};

/** @type {import('./contender.mjs').Contender} */
export const rawInc = {
  name: 'raw-inc',
  title: 'raw driver `updateOne $inc`, no history',
  open: (place) => open(place, (documents, _id) => documents.updateOne({ _id }, change)),
};

async function open({ uri, database }, update) {
  const client = await MongoClient.connect(uri, clientOptions);
  const documents = client.db(database).collection('documents');
  return {
    ObjectId,
    toId: (hex) => new ObjectId(hex),
    plant: (contents) => documents.insertMany(contents),
    async write(id) {
      await update(documents, id);
      return 1;
    },
    stored: () => byId(documents),
    close: () => client.close(),
  };
}
