import type { Connection, mongo } from 'mongoose';
import { type EventAddress, type EventQuery, type EventReadOptions, EventStore } from '../history/event-store.js';
import type { FoldableEvent } from '../history/replay.js';
import type { Image } from '../model/diff.js';
import type { DocumentEvent } from '../model/document-event.js';
import type { DocumentId } from '../model/document-id.js';
import { eventRange, operationFilter, pickedEvents } from './event-key.js';
import { type EventRecord, fromRecord, toFold } from './event-record.js';
import { rawCollection } from './raw-collection.js';
import { readLevel } from './read-level.js';

/** How many events travel at a time: the driver's own first batch of 101 would cost a second round trip. The server ends a batch at 16 MiB. */
const batchSize = 1_000;

/** What a fold reads: half of a small event is the rest. */
const foldedFields = { operation: 1, createdDoc: 1, diff: 1 };

/** Events in a collection of MongoDB whose `_id` is `{ d: documentId, v: serverSeq }`. */
export class MongooseEventStore extends EventStore {
  constructor(
    private readonly connection: Connection,
    private readonly collectionName: string,
  ) {
    super();
  }

  async read(id: DocumentId, query: EventQuery, options: EventReadOptions = {}): Promise<DocumentEvent<Image>[]> {
    if (query.limit !== undefined && query.limit < 1) return []; // the driver's 0 means "all"
    const records = await this.find(id, query, options).toArray();
    return records.map((record) => fromRecord(record));
  }

  async *stream(id: DocumentId, query: EventQuery): AsyncGenerator<DocumentEvent<Image>, void, undefined> {
    if (query.limit !== undefined && query.limit < 1) return;
    // leaving this loop early closes the cursor on the server
    for await (const record of this.find(id, query, {})) yield fromRecord(record);
  }

  override async *streamToFold(id: DocumentId, query: EventQuery): AsyncGenerator<FoldableEvent, void, undefined> {
    if (query.limit !== undefined && query.limit < 1) return;
    for await (const record of this.find(id, query, {}).project<EventRecord>(foldedFields)) yield toFold(record);
  }

  async head(id: DocumentId, options: EventReadOptions = {}): Promise<DocumentEvent<Image> | null> {
    const [newest] = await this.read(id, { order: 'desc', limit: 1 }, options);
    return newest ?? null;
  }

  async findOperation(id: DocumentId, operationId: string, options: EventReadOptions = {}): Promise<DocumentEvent<Image> | null> {
    const record = await this.collection().findOne(operationFilter(id, operationId) as object, readLevel(options));
    return record === null ? null : fromRecord(record);
  }

  /** They were told of, so a majority has them; a new primary has them too, but may not know yet that a majority does. */
  override async *pick(keys: readonly EventAddress[]): AsyncGenerator<DocumentEvent<Image>, void, undefined> {
    if (keys.length === 0) return;
    const found = this.collection().find(pickedEvents(keys) as object, { ...readLevel({ level: 'newest' }), sort: { _id: 1 }, batchSize });
    for await (const record of found) yield fromRecord(record);
  }

  private find(id: DocumentId, query: EventQuery, options: EventReadOptions): mongo.FindCursor<EventRecord> {
    return this.collection().find(filterOf(id, query), {
      ...readLevel(options),
      sort: { _id: query.order === 'desc' ? -1 : 1 },
      batchSize,
      ...(query.limit === undefined ? {} : { limit: query.limit }),
    });
  }

  private collection(): mongo.Collection<EventRecord> {
    return rawCollection<EventRecord>(this.connection, this.collectionName);
  }
}

/** All but the range is looked at event by event, within the history of the one document. */
function filterOf(id: DocumentId, query: EventQuery): mongo.Filter<EventRecord> {
  const { since, until, clientId, operation } = query;
  const filter = {
    ...eventRange(id, query.from ?? 1, query.to),
    ...(since === undefined && until === undefined ? {} : { timestamp: { ...(since && { $gte: since }), ...(until && { $lte: until }) } }),
    ...(clientId === undefined ? {} : { clientId: { $eq: clientId } }),
    ...(operation === undefined ? {} : { operation: { $eq: operation } }),
  };
  return filter as object; // the driver's types know no ranges over embedded keys
}
