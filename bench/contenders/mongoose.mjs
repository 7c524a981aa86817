// Plain Mongoose without history: one command with validators, and read, change, save with optimistic concurrency.
import mongoose from 'mongoose';
import { counter, documentSchema } from '../documents.mjs';
import { byId, clientOptions, untilDone } from './contender.mjs';

const { ObjectId } = mongoose.mongo;
const updateOptions = { runValidators: true, lean: true, returnDocument: 'after' };

/** @type {import('./contender.mjs').Contender} */
export const mongooseUpdate = {
  name: 'mongoose-update',
  title: 'Mongoose `findOneAndUpdate` (`runValidators`, lean), no history',
  open: (place) =>
    open(place, {}, async (Model, id) => {
      await Model.findOneAndUpdate({ _id: id }, { $inc: { [counter]: 1 } }, updateOptions);
      return 1;
    }),
};

/** @type {import('./contender.mjs').Contender} */
export const mongooseSave = {
  name: 'mongoose-save',
  title: 'Mongoose `findById` + `save` (optimistic concurrency), no history',
  open: (place) =>
    open(place, { optimisticConcurrency: true }, (Model, id) =>
      untilDone(
        async () => {
          const document = await Model.findById(id);
          document[counter] += 1;
          await document.save();
        },
        (error) => error instanceof mongoose.Error.VersionError,
      ),
    ),
};

async function open({ uri, database }, schemaOptions, update) {
  const connection = await mongoose.createConnection(uri, { dbName: database, ...clientOptions }).asPromise();
  const Model = connection.model('Document', documentSchema(mongoose, schemaOptions));
  await Model.init();
  return {
    ObjectId,
    toId: (hex) => new ObjectId(hex),
    plant: (contents) => Model.insertMany(contents),
    write: (id) => update(Model, id),
    stored: () => byId(Model.collection),
    close: () => connection.close(),
  };
}
