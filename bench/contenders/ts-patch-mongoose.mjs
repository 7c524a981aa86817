// ts-patch-mongoose: a Mongoose plugin that stores patches beside the documents.
import { counter, documentSchema } from '../documents.mjs';
import { peer } from '../peers.mjs';
import { byId, clientOptions } from './contender.mjs';

const updateOptions = { runValidators: true, lean: true, returnDocument: 'after' };

/** @type {import('./contender.mjs').Contender} */
export default {
  name: 'ts-patch-mongoose',
  title: 'ts-patch-mongoose `findOneAndUpdate`',
  history: true,
  peer: true,
  async open({ uri, database }) {
    const mongoose = peer('mongoose');
    const { patchHistoryPlugin } = peer('ts-patch-mongoose');
    // its history model is bound to the default connection
    await mongoose.connect(uri, { dbName: database, ...clientOptions });
    const schema = documentSchema(mongoose);
    schema.plugin(patchHistoryPlugin, {});
    const Model = mongoose.model('Document', schema);
    const History = mongoose.model('History');
    await Promise.all([Model.createCollection(), History.createCollection()]);
    await Promise.all([Model.ensureIndexes(), History.ensureIndexes()]);
    const { ObjectId } = mongoose.mongo;
    return {
      ObjectId,
      toId: (hex) => new ObjectId(hex),
      plant: (contents) => Model.insertMany(contents),
      async write(id) {
        await Model.findOneAndUpdate({ _id: id }, { $inc: { [counter]: 1 } }, updateOptions);
        return 1;
      },
      records: () => recordsOf(History.collection),
      firstNumber: 0, // it counts from 0
      stored: () => byId(Model.collection),
      async close() {
        mongoose.deleteModel('Document');
        await mongoose.disconnect();
      },
    };
  },
};

async function* recordsOf(history) {
  for await (const { collectionId, version, doc, patch = [] } of history.find().sort({ collectionId: 1, version: 1, _id: 1 })) {
    const values = (op) => Object.fromEntries(patch.filter((each) => each.op === op).map(({ path, value }) => [toPath(path), value]));
    yield { id: String(collectionId), record: { number: version, create: doc, before: values('test'), set: { ...values('add'), ...values('replace') } } };
  }
}

function toPath(pointer) {
  return pointer.slice(1).replaceAll('/', '.');
}
