// This library, as an application builds it, with default options.
import { NestFactory } from '@nestjs/core';
import { CqrsModule } from '@nestjs/cqrs';
import { getConnectionToken, MongooseModule } from '@nestjs/mongoose';
import mongoose from 'mongoose';
import { counter, documentSchema } from '../documents.mjs';
import { byId, clientOptions } from './contender.mjs';

const { ObjectId } = mongoose.mongo;
const name = 'Document';

/** @type {import('./contender.mjs').Contender} */
export default {
  name: 'ours',
  title: 'this library',
  history: true,
  async open({ uri, database }) {
    const library = await import('nestjs-event-sourced-storage'); // not before a benchmark has built it
    const app = await openApplication(library, { uri, database });
    const storage = app.get(library.getEventSourcedStorageToken(name));
    const connection = app.get(getConnectionToken());
    const documents = connection.getClient().db(database).collection('documents');
    const events = connection.getClient().db(database).collection('documents_events');
    return {
      ObjectId,
      toId: (hex) => new ObjectId(hex),
      async plant(contents) {
        await Promise.all(contents.map((content) => storage.findOneAndUpsert(content, 'bench')));
      },
      async write(id) {
        let attempts = 0;
        const edit = (document) => {
          attempts += 1;
          document[counter] += 1;
        };
        await storage.findOneAndUpdate(id, edit, 'bench');
        return attempts;
      },
      isRefused: (error) => !(error instanceof library.IndeterminateOutcomeError),
      records: () => recordsOf(events),
      stored: () => byId(documents),
      close: () => app.close(),
      storage,
      documents,
      events,
    };
  },
};

function openApplication({ EventSourcedStorageModule }, { uri, database }) {
  class Root {}
  const schema = documentSchema(mongoose, { versionKey: 'version' });
  const imports = [
    MongooseModule.forRoot(uri, { dbName: database, ...clientOptions }),
    CqrsModule.forRoot(),
    EventSourcedStorageModule.forRoot(),
    EventSourcedStorageModule.forFeature([{ name, schema }]),
  ];
  return NestFactory.createApplicationContext({ module: Root, imports }, { logger: ['fatal', 'error', 'warn'] });
}

async function* recordsOf(events) {
  for await (const { _id, operation, createdDoc, diff } of events.find().sort({ _id: 1 })) {
    const number = Number(_id.v);
    const change = operation === 'create' ? { create: createdDoc } : { set: { ...diff.set, version: number }, unset: diff.unset };
    yield { id: String(_id.d), record: { number, ...change } };
  }
}
