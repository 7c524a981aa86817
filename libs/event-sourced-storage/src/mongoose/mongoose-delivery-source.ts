import type { Connection, mongo } from 'mongoose';
import { DeliverySource } from '../delivery/delivery-store.js';
import { idKey } from '../model/bson-values.js';
import type { DocumentId } from '../model/document-id.js';
import { eventRange, historiesAfter } from './event-key.js';
import type { EventRecord } from './event-record.js';
import { rawCollection } from './raw-collection.js';
import { type ReadLevel, readLevel } from './read-level.js';

/** How many keys are read at a time; one history that is longer costs a read of its own. */
const keysAtATime = 2_000;
const majorityRead = { readConcern: { level: 'majority' as const } };

/** The histories in a collection of events, by their keys alone. */
export class MongooseDeliverySource extends DeliverySource {
  constructor(
    private readonly connection: Connection,
    private readonly collectionName: string,
  ) {
    super();
  }

  override async heads(after: DocumentId | undefined): Promise<readonly { readonly documentId: DocumentId; readonly head: number }[]> {
    const keys = await this.events
      .find(historiesAfter(after), { ...majorityRead, projection: { _id: 1 }, sort: { _id: 1 }, limit: keysAtATime, batchSize: keysAtATime })
      .toArray();
    const heads = new Map<string, { readonly documentId: DocumentId; readonly head: number }>();
    for (const { _id } of keys) heads.set(idKey(_id.d), { documentId: _id.d, head: Number(_id.v) });
    const found = [...heads.values()];
    const last = found.at(-1);
    // the last history may go on behind the last key
    if (last !== undefined && keys.length === keysAtATime) found[found.length - 1] = { ...last, head: await this.newest(last.documentId, majorityRead) };
    return found;
  }

  override async firstSince(id: DocumentId, since: Date): Promise<number | undefined> {
    const filter = { ...eventRange(id, 1), timestamp: { $gte: since } };
    const first = await this.events.findOne(filter as object, { ...majorityRead, projection: { _id: 1 }, sort: { _id: 1 } });
    return first === null ? undefined : Number(first._id.v);
  }

  override head(id: DocumentId): Promise<number> {
    return this.newest(id, readLevel({ level: 'linearizable' }));
  }

  private async newest(id: DocumentId, level: ReadLevel): Promise<number> {
    const newest = await this.events.findOne(eventRange(id, 1) as object, { ...level, projection: { _id: 1 }, sort: { _id: -1 } });
    return Number(newest?._id.v ?? 0);
  }

  private get events(): mongo.Collection<EventRecord> {
    return rawCollection<EventRecord>(this.connection, this.collectionName);
  }
}
