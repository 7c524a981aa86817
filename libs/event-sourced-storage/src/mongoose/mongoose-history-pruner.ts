import mongoose from 'mongoose';
import type { Connection, mongo } from 'mongoose';
import { type ErasedState, type Erasure, HistoryPruner } from '../history/history-pruner.js';
import type { Image } from '../model/diff.js';
import type { DocumentId } from '../model/document-id.js';
import type { TransactionSession } from '../read/document-reader.js';
import { eventRange, historiesAfter, storedId, storedNumber } from './event-key.js';
import { type EventRecord, toRecord } from './event-record.js';
import { MongooseDocumentReader } from './mongoose-document-reader.js';
import { MongooseEventStore } from './mongoose-event-store.js';
import { hashOf, MongooseStreamStore, type StreamRecord } from './mongoose-stream-store.js';
import { rawCollection } from './raw-collection.js';
import { driverSession, readLevel } from './read-level.js';

/** The collections of one feature, and how it runs a transaction. */
export interface PrunerParts {
  readonly collection: string;
  readonly eventsCollection: string;
  readonly snapshotsCollection: string;
  readonly streamsCollection: string;
  readonly runTransaction: <R>(run: (session: TransactionSession) => Promise<R>) => Promise<R>;
  /** Makes the mark that the events of one commit carry. @default a new ObjectId */
  readonly newFlightId?: (() => unknown) | undefined;
}

const majority = { writeConcern: { w: 'majority', j: true } } as const;
/** Creates of one document of which is remembered that they happened; a document is hardly created more often. */
const mostRemembered = 1_000;

/** Removes from the collections of one feature. */
export class MongooseHistoryPruner extends HistoryPruner {
  constructor(
    private readonly connection: Connection,
    private readonly parts: PrunerParts,
  ) {
    super();
  }

  override async removeEvents(id: DocumentId, upTo: number, atMost: number): Promise<number> {
    // the highest of the batch, and then all up to it: the range is closed, and a batch that was half removed is removed again
    const batch = await this.events.find(eventRange(id, 0, upTo) as object, { ...readLevel({ level: 'newest' }), sort: { _id: 1 }, projection: { _id: 1 }, limit: atMost, batchSize: atMost + 1 }).toArray();
    const last = batch.at(-1);
    if (last === undefined) return 0;
    await this.events.deleteMany(eventRange(id, 0, Number(last._id.v)) as object, majority);
    return batch.length;
  }

  override async removeSnapshots(id: DocumentId, below: number): Promise<number> {
    const { deletedCount } = await rawCollection(this.connection, this.parts.snapshotsCollection).deleteMany(
      { documentId: { $eq: storedId(id) }, serverSeq: { $lt: storedNumber(below) } },
      majority,
    );
    return deletedCount;
  }

  /** From history to history by the index, without a look at the events between. */
  override async *documentIds(): AsyncGenerator<DocumentId, void, undefined> {
    for (let after: DocumentId | undefined; ; ) {
      const [next] = await this.events.find(historiesAfter(after), { ...readLevel({}), sort: { _id: 1 }, projection: { _id: 1 }, limit: 1 }).toArray();
      if (next === undefined) return;
      after = next._id.d;
      yield after;
    }
  }

  override erase(id: DocumentId, decide: (state: ErasedState) => Erasure | null): Promise<Erasure | null> {
    return this.parts.runTransaction(async (session) => {
      const erasure = decide(await this.stateIn(id, session));
      if (erasure !== null) await this.eraseIn(id, erasure, session);
      return erasure;
    });
  }

  private async stateIn(id: DocumentId, session: TransactionSession): Promise<ErasedState> {
    const { collection, eventsCollection, streamsCollection } = this.parts;
    // one after the other: a session takes one command at a time
    const image = await new MongooseDocumentReader(this.connection, collection).read(id, { session });
    const head = await new MongooseEventStore(this.connection, eventsCollection).head(id, { session });
    const facts = await new MongooseStreamStore(this.connection, streamsCollection).read(id, { session });
    return { image, head, facts };
  }

  private async eraseIn(id: DocumentId, { event, mark }: Erasure, caller: TransactionSession): Promise<void> {
    const session = driverSession(caller);
    const flight = this.parts.newFlightId?.() ?? new mongoose.mongo.ObjectId();
    const operations = await this.creates(id, session);
    await rawCollection<Image>(this.connection, this.parts.collection).deleteOne({ _id: storedId(id) } as object, { session });
    // takes the very number that a write decided before would take: one of the two fails
    await this.events.insertOne(toRecord(event, flight), { session });
    const at = storedNumber(event.serverSeq);
    await rawCollection<StreamRecord>(this.connection, this.parts.streamsCollection).updateOne(
      { _id: storedId(id) },
      { $set: { floor: at, floorAt: event.timestamp, purgedAt: at, mark }, $addToSet: { erasedOperations: { $each: operations } } },
      { upsert: true, session },
    );
  }

  private async creates(id: DocumentId, session: mongo.ClientSession): Promise<string[]> {
    const filter = { ...eventRange(id, 1), operation: { $eq: 'create' } } as object;
    const found = await this.events.find(filter, { session, sort: { _id: -1 }, limit: mostRemembered, projection: { operationId: 1 } }).toArray();
    return found.map(({ operationId }) => hashOf(operationId));
  }

  private get events(): mongo.Collection<EventRecord> {
    return rawCollection<EventRecord>(this.connection, this.parts.eventsCollection);
  }
}
