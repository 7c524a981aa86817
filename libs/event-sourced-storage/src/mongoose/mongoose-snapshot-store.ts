import type { Connection, mongo } from 'mongoose';
import { SnapshotStore } from '../history/snapshot-store.js';
import type { Image } from '../model/diff.js';
import type { DocumentId } from '../model/document-id.js';
import type { Snapshot } from '../model/snapshot.js';
import { storedId, storedNumber } from './event-key.js';
import { rawCollection } from './raw-collection.js';
import { readLevel } from './read-level.js';

/** A snapshot as stored. */
interface SnapshotRecord {
  readonly documentId: DocumentId;
  /** Written as Long; the driver returns a number. */
  readonly serverSeq: mongo.Long | number;
  readonly state: Image | null;
  readonly createdAt: Date;
}

/** Snapshots in a collection of MongoDB. */
export class MongooseSnapshotStore extends SnapshotStore {
  constructor(
    private readonly connection: Connection,
    private readonly collectionName: string,
  ) {
    super();
  }

  async save(snapshot: Snapshot<Image>): Promise<Snapshot<Image>> {
    const record = await this.insertOrFind(snapshot).catch((error: unknown) => {
      // two that save the same at once: the unique index refuses the second, for which it is there already
      if (isDuplicateKey(error)) return this.insertOrFind(snapshot);
      throw error;
    });
    if (record === null) throw new Error(`Saving the snapshot ${String(snapshot.documentId)}@${snapshot.serverSeq} returned nothing.`);
    return fromRecord(record);
  }

  async newest(id: DocumentId, atMost?: number): Promise<Snapshot<Image> | null> {
    const filter = { documentId: { $eq: storedId(id) }, ...(atMost === undefined ? {} : { serverSeq: { $lte: storedNumber(atMost) } }) };
    const record = await this.collection().findOne(filter, { ...readLevel({}), sort: { serverSeq: -1 } });
    return record === null ? null : fromRecord(record);
  }

  private insertOrFind({ documentId, serverSeq, state, createdAt }: Snapshot<Image>): Promise<SnapshotRecord | null> {
    return this.collection().findOneAndUpdate(
      { documentId: { $eq: storedId(documentId) }, serverSeq: { $eq: storedNumber(serverSeq) } },
      { $setOnInsert: { state, createdAt } },
      { upsert: true, returnDocument: 'after', writeConcern: { w: 'majority' } },
    );
  }

  private collection(): mongo.Collection<SnapshotRecord> {
    return rawCollection<SnapshotRecord>(this.connection, this.collectionName);
  }
}

function fromRecord({ documentId, serverSeq, state, createdAt }: SnapshotRecord): Snapshot<Image> {
  return { documentId, serverSeq: Number(serverSeq), state, createdAt };
}

function isDuplicateKey(error: unknown): boolean {
  return typeof error === 'object' && error !== null && (error as { code?: unknown }).code === 11_000;
}
