// A process with two durable handlers, on the built library. It writes down every first step and every effect; somebody kills or freezes it.
// Arguments: URI, database, name of this process
import { setTimeout as pause } from 'node:timers/promises';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { getConnectionToken, MongooseModule } from '@nestjs/mongoose';
import mongoose from 'mongoose';
import { DurableEventsHandler, EventSourcedStorageModule } from 'nestjs-event-sourced-storage';

const [uri, database, worker] = process.argv.slice(2);
const schema = new mongoose.Schema({ name: { type: String, required: true }, gold: { type: Number, default: 0 } }, { versionKey: 'version', collection: 'games' });
const options = { model: 'Game', from: 'beginning', leaseMs: 2_000, retryDelayMs: 10 };
let connection;
const raw = (name) => connection.getClient().db(database).collection(name);

/** Notes each delivery before it is over: what is noted twice was delivered twice. One delivery of a game called "stuck" is never over. */
class Notes {
  async handle(event) {
    await raw('notes').insertOne({ d: event.documentId, v: event.serverSeq, worker, at: new Date() }, { writeConcern: { w: 'majority' } });
    if (event.createdDoc?.name === 'stuck' && (await isFirstStuck(event.documentId))) await new Promise(() => undefined);
  }
}
DurableEventsHandler({ ...options, name: 'notes' })(Notes);

/** One delivery of each: of two at once, because one was so slow that its part was taken from it, the database decides. */
async function isFirstStuck(_id) {
  const { upsertedCount } = await raw('stuck').updateOne({ _id }, { $setOnInsert: { worker } }, { upsert: true, writeConcern: { w: 'majority' } });
  return upsertedCount === 1;
}

/**
 * Effects in the session: each is there once, and a sum shows that none was lost on the way. With a game called "held" it tells that it is
 * inside its transaction, and stays there until that attempt, or every one of the game, is let go.
 */
class Effects {
  async handle(event, { session }) {
    const attempt = new mongoose.mongo.ObjectId();
    await raw('effects').insertOne({ d: event.documentId, v: event.serverSeq, worker, attempt }, { session });
    // nothing that a second transaction would have to wait for
    if (event.createdDoc?.name === 'held') return stayInside(event.documentId, attempt, session);
    await raw('sums').updateOne({ _id: event.documentId }, { $inc: { count: 1, sum: event.serverSeq } }, { upsert: true, session });
  }
}
DurableEventsHandler({ ...options, name: 'effects' })(Effects);

async function stayInside(d, attempt, session) {
  await raw('inside').insertOne({ d, worker, attempt, lsid: session.id.id });
  while ((await raw('letGo').findOne({ $or: [{ d }, { attempt }] })) === null) await pause(20);
}

class App {}
Module({
  imports: [
    MongooseModule.forRoot(uri, { dbName: database, serverSelectionTimeoutMS: 5_000 }),
    EventSourcedStorageModule.forRoot({ publish: 'never' }),
    EventSourcedStorageModule.forFeature([{ name: 'Game', schema }]),
  ],
  providers: [Notes, Effects],
})(App);
const app = await NestFactory.createApplicationContext(App, { logger: ['error'] });
connection = app.get(getConnectionToken(), { strict: false });
console.log('ready');
process.on('SIGTERM', () => void app.close().then(() => process.exit(0)));
