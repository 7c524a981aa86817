// The commit protocol of this library and nothing around it: no schema, no edit, no copies, no cache, no retries. What a flight costs at least
// on this machine, so that a ratio far from a reference can be told from a slow one. One process only: it never loses a race.
import mongoose from 'mongoose';
import { counter } from '../documents.mjs';
import { byId, clientOptions } from './contender.mjs';

const { Long, MongoClient, ObjectId } = mongoose.mongo;
const transaction = { readConcern: { level: 'snapshot' }, writeConcern: { w: 'majority' } };
const mostChanges = 500;

/** @type {import('./contender.mjs').Contender} */
export default {
  name: 'protocol',
  title: 'the bare commit protocol: one transaction for all who wait',
  history: true,
  async open({ uri, database }) {
    const client = await MongoClient.connect(uri, clientOptions);
    const documents = client.db(database).collection('documents');
    const events = client.db(database).collection('events');
    const queue = new Queue(client, documents, events);
    return {
      ObjectId,
      toId: (hex) => new ObjectId(hex),
      plant: (contents) => plant(contents, { documents, events, queue }),
      async write(id) {
        await queue.write(id);
        return 1;
      },
      records: () => recordsOf(events),
      stored: () => byId(documents),
      close: () => client.close(),
    };
  },
};

async function plant(contents, { documents, events, queue }) {
  await documents.insertMany(contents.map((content) => ({ ...content, version: 1 })));
  await events.insertMany(contents.map((content) => ({ _id: { d: content._id, v: Long.fromNumber(1) }, create: { ...content, version: 1 } })));
  for (const { _id } of contents) queue.known.set(_id.toHexString(), { version: 1, count: 0 });
}

class Queue {
  known = new Map();
  waiting = [];
  flying = false;

  constructor(client, documents, events) {
    this.session = client.startSession();
    this.documents = documents;
    this.events = events;
  }

  write(id) {
    return new Promise((resolve, reject) => {
      this.waiting.push({ id, resolve, reject });
      if (!this.flying) this.take();
    });
  }

  take() {
    this.flying = true;
    setImmediate(async () => {
      const flight = this.waiting.splice(0, mostChanges);
      try {
        await this.fly(flight);
        for (const { resolve } of flight) resolve();
      } catch (error) {
        for (const { reject } of flight) reject(error);
      }
      this.flying = false;
      if (this.waiting.length > 0) this.take();
    });
  }

  async fly(flight) {
    const updates = new Map();
    const records = flight.map(({ id }) => this.next(id, updates));
    const { session } = this;
    session.startTransaction(transaction);
    try {
      const { matchedCount } = await this.documents.bulkWrite([...updates.values()], { session, ordered: true });
      if (matchedCount !== updates.size) throw new Error('another writer was faster, which this contender cannot bear');
      await this.events.insertMany(records, { session });
      await session.commitTransaction();
    } catch (error) {
      await session.abortTransaction().catch(() => undefined);
      throw error;
    }
  }

  /** Several writes of one document in a flight become one update and an event each. */
  next(id, updates) {
    const key = id.toHexString();
    const { version, count } = this.known.get(key);
    const now = { version: version + 1, count: count + 1 };
    this.known.set(key, now);
    const filter = updates.get(key)?.updateOne.filter ?? { _id: id, version };
    updates.set(key, { updateOne: { filter, update: { $set: { [counter]: now.count, version: now.version } } } });
    return { _id: { d: id, v: Long.fromNumber(now.version) }, set: { [counter]: now.count } };
  }
}

async function* recordsOf(events) {
  for await (const { _id, create, set } of events.find().sort({ _id: 1 })) {
    const number = Number(_id.v);
    yield { id: String(_id.d), record: { number, ...(create ? { create } : { set: { ...set, version: number } }) } };
  }
}
