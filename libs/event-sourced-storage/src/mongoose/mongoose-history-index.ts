import type { Connection, mongo } from 'mongoose';
import { type HistoryHead, HistoryIndex } from '../maintenance/history-index.js';
import type { DocumentId } from '../model/document-id.js';
import { eventRange, historiesAfter } from './event-key.js';
import type { EventRecord } from './event-record.js';
import { rawCollection } from './raw-collection.js';
import { readLevel } from './read-level.js';

/** Histories by the `_id` of their events: one seek for each question. */
export class MongooseHistoryIndex extends HistoryIndex {
  constructor(
    private readonly connection: Connection,
    private readonly collectionName: string,
  ) {
    super();
  }

  override async idsAfter(after: DocumentId | undefined, limit: number): Promise<DocumentId[]> {
    const ids: DocumentId[] = [];
    for (let last = after; ids.length < limit; last = ids.at(-1)) {
      const record = await this.events.findOne(historiesAfter(last), { ...readLevel({}), sort: { _id: 1 }, projection: { _id: 1 } });
      if (record === null) break;
      ids.push(record._id.d);
    }
    return ids;
  }

  override async head(id: DocumentId): Promise<HistoryHead | null> {
    const record = await this.events.findOne(eventRange(id, 1) as object, { ...readLevel({}), sort: { _id: -1 }, projection: { operation: 1 } });
    return record === null ? null : { serverSeq: Number(record._id.v), isDeleted: record.operation === 'delete' };
  }

  override async oldestAt(id: DocumentId): Promise<Date | null> {
    const record = await this.events.findOne(eventRange(id, 1) as object, { ...readLevel({}), sort: { _id: 1 }, projection: { timestamp: 1 } });
    return record?.timestamp ?? null;
  }

  override async bytesAfter(id: DocumentId, after: number): Promise<number> {
    const pipeline = [{ $match: eventRange(id, after + 1) }, { $group: { _id: null, bytes: { $sum: { $bsonSize: '$$ROOT' } } } }];
    const [sum] = await this.events.aggregate<{ readonly bytes: number }>(pipeline, readLevel({})).toArray();
    return sum?.bytes ?? 0;
  }

  private get events(): mongo.Collection<EventRecord> {
    return rawCollection<EventRecord>(this.connection, this.collectionName);
  }
}
