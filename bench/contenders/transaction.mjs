// History by hand: each write is a transaction of its own that saves the document and inserts an event.
import mongoose from 'mongoose';
import { counter, documentSchema } from '../documents.mjs';
import { byId, clientOptions, untilDone } from './contender.mjs';

const { ObjectId } = mongoose.mongo;

/** @type {import('./contender.mjs').Contender} */
export default {
  name: 'transaction',
  title: 'hand-written Mongoose transaction per write',
  history: true,
  async open({ uri, database }) {
    const connection = await mongoose.createConnection(uri, { dbName: database, ...clientOptions }).asPromise();
    const Model = connection.model('Document', documentSchema(mongoose, { optimisticConcurrency: true, versionKey: 'version' }));
    const Event = connection.model('Event', eventSchema());
    await Promise.all([Model.createCollection(), Event.createCollection()]);
    await Promise.all([Model.init(), Event.init()]);
    return {
      ObjectId,
      toId: (hex) => new ObjectId(hex),
      async plant(contents) {
        const documents = await Model.insertMany(contents);
        await Event.insertMany(documents.map((document) => ({ documentId: document._id, version: document.version, create: document.toObject() })));
      },
      write: (id) => write(connection, Model, Event, id),
      records: () => recordsOf(Event.collection),
      firstNumber: 0, // Mongoose counts from 0
      stored: () => byId(Model.collection),
      close: () => connection.close(),
    };
  },
};

async function write(connection, Model, Event, id) {
  let attempts = 0;
  const session = await connection.startSession();
  try {
    const run = async () => {
      attempts += 1; // the driver repeats the callback after a conflict
      const document = await Model.findById(id).session(session);
      document[counter] += 1;
      await document.save({ session });
      await Event.create([{ documentId: id, version: document.version, set: { [counter]: document[counter] } }], { session });
    };
    await untilDone(
      () => session.withTransaction(run),
      (error) => error instanceof mongoose.Error.VersionError,
    );
  } finally {
    await session.endSession();
  }
  return attempts;
}

function eventSchema() {
  const { Schema } = mongoose;
  const fields = {
    documentId: { type: Schema.Types.ObjectId, required: true },
    version: { type: Number, required: true },
    create: { type: Schema.Types.Mixed },
    set: { type: Schema.Types.Mixed },
  };
  return new Schema(fields, { collection: 'events', versionKey: false }).index({ documentId: 1, version: 1 }, { unique: true });
}

async function* recordsOf(events) {
  for await (const { documentId, version, create, set } of events.find().sort({ documentId: 1, version: 1 })) {
    yield { id: String(documentId), record: { number: version, create, set: { ...set, version } } };
  }
}
