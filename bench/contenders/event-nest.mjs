// event-nest: aggregates whose events are committed in a transaction. Loaded from the events before each commit, as an application does.
import { counter } from '../documents.mjs';
import { peer } from '../peers.mjs';
import { clientOptions, eachOf, untilDone } from './contender.mjs';
import { inDatabase } from './emmett.mjs';

const aggregateName = 'Document';

/** @type {import('./contender.mjs').Contender} */
export const eventNest = {
  name: 'event-nest',
  title: 'event-nest load + commit, as shipped (no index)',
  history: true,
  peer: true,
  open: (place) => open(place, false),
};

/** @type {import('./contender.mjs').Contender} */
export const eventNestIndexed = {
  name: 'event-nest-indexed',
  title: 'event-nest load + commit, index added by us',
  history: true,
  peer: true,
  open: (place) => open(place, true),
};

let classes;

async function open({ uri, database }, withIndex) {
  const { MongoClient, ObjectId } = peer('mongodb');
  const { DomainEventEmitter, NoOpSnapshotStore } = peer('@event-nest/core');
  const { MongoEventStore } = peer('@event-nest/mongodb');
  const { Document, Created, Added } = (classes ??= defineClasses()); // event names can be registered once only
  const client = await MongoClient.connect(inDatabase(uri, database), clientOptions);
  const db = client.db();
  await Promise.all(['aggregates', 'events'].map((name) => db.createCollection(name)));
  if (withIndex) await db.collection('events').createIndex({ aggregateRootId: 1, aggregateRootName: 1, aggregateRootVersion: 1 });
  const store = new MongoEventStore(new DomainEventEmitter(), new NoOpSnapshotStore(), client, 'aggregates', 'events');

  const create = async (content) => {
    const document = store.addPublisher(new Document(String(content._id)));
    document.append(new Created(content));
    await document.commit();
  };
  const write = (id) =>
    untilDone(async () => {
      const document = store.addPublisher(new Document(id));
      document.reconstitute(await store.findByAggregateRootId(Document, id));
      document.append(new Added(1));
      await document.commit();
    }, isConflict);

  return {
    ObjectId,
    toId: (hex) => hex,
    plant: (contents) => eachOf(contents, 32, create),
    write,
    isRefused: isConflict,
    records: () => recordsOf(db.collection('events')),
    stored: () => storedVersions(db.collection('aggregates')),
    partial: true,
    close: () => client.close(),
  };
}

function isConflict(error) {
  return error?.constructor?.name === 'EventConcurrencyException';
}

function defineClasses() {
  const { AggregateRoot, AggregateRootConfig, ApplyEvent, DomainEvent } = peer('@event-nest/core');
  const { Logger } = peer('@nestjs/common');
  Logger.overrideLogger(false);

  class Created {
    constructor(content) {
      this.content = content;
    }
  }
  class Added {
    constructor(amount) {
      this.amount = amount;
    }
  }
  class Document extends AggregateRoot {
    created({ content }) {
      this.state = content;
    }
    added({ amount }) {
      this.state[counter] += amount;
    }
  }
  DomainEvent('created')(Created);
  DomainEvent('added')(Added);
  ApplyEvent(Created)(Document.prototype, 'created');
  ApplyEvent(Added)(Document.prototype, 'added');
  AggregateRootConfig({ name: aggregateName })(Document);
  return { Document, Created, Added };
}

async function* recordsOf(events) {
  const sorted = events.find().sort({ aggregateRootId: 1, aggregateRootVersion: 1, _id: 1 });
  for await (const { aggregateRootId, aggregateRootVersion: number, eventName, payload } of sorted) {
    const change = eventName === 'created' ? { create: payload.content } : { add: { [counter]: payload.amount } };
    yield { id: aggregateRootId, record: { number, ...change, set: { version: number } } };
  }
}

async function storedVersions(aggregates) {
  const found = new Map();
  for await (const { _id, version } of aggregates.find()) found.set(String(_id), { version });
  return found;
}
