import type { Connection, mongo } from 'mongoose';
import { type SnapshotEntry, type SnapshotSaveOptions, SnapshotStore } from '../history/snapshot-store.js';
import type { Image } from '../model/diff.js';
import type { DocumentId } from '../model/document-id.js';
import type { Snapshot } from '../model/snapshot.js';
import { isDuplicateKey } from './driver-errors.js';
import { storedId, storedNumber } from './event-key.js';
import { rawCollection } from './raw-collection.js';
import { driverSession, readLevel } from './read-level.js';
import { digestOf, digestToStore } from './snapshot-digest.js';
import { shapeOf, snapshotUpdate } from './snapshot-update.js';

/** A snapshot as stored. */
interface SnapshotRecord {
  readonly documentId: DocumentId;
  /** Written as Long; the driver returns a number. */
  readonly serverSeq: mongo.Long | number;
  readonly state: Image | null;
  readonly createdAt: Date;
  /** Of document, number and state. Snapshots of earlier versions of this library have none, and are believed. */
  readonly digest?: string;
  readonly pinned?: boolean;
  readonly schemaVersion?: number;
  readonly leftovers?: readonly string[];
}

type Writing = { readonly session: mongo.ClientSession } | { readonly writeConcern: { readonly w: 'majority' } };

const majority = { writeConcern: { w: 'majority' as const } };

/** Snapshots in a collection of MongoDB, each with a digest of its state. */
export class MongooseSnapshotStore extends SnapshotStore {
  constructor(
    private readonly connection: Connection,
    private readonly collectionName: string,
    private readonly warn: (message: string) => void = () => undefined,
  ) {
    super();
  }

  async save(snapshot: Snapshot<Image>, { session }: SnapshotSaveOptions = {}): Promise<Snapshot<Image>> {
    const writing: Writing = session === undefined ? majority : { session: driverSession(session) };
    const record = await this.insertOrFind(snapshot, writing).catch((error: unknown) => {
      // two that save the same at once: the unique index refuses the second, for which it is there already; a transaction is over by that
      if (session === undefined && isDuplicateKey(error)) return this.insertOrFind(snapshot, writing);
      throw error;
    });
    if (record === null) throw new Error(`Saving the snapshot ${String(snapshot.documentId)}@${snapshot.serverSeq} returned nothing.`);
    return isSound(record) ? fromRecord(record) : this.replace(record, snapshot, writing);
  }

  async newest(id: DocumentId, atMost?: number): Promise<Snapshot<Image> | null> {
    const filter = { documentId: { $eq: storedId(id) }, ...(atMost === undefined ? {} : { serverSeq: { $lte: storedNumber(atMost) } }) };
    const record = await this.collection().findOne(filter, { ...readLevel({}), sort: { serverSeq: -1 } });
    if (record === null) return null;
    if (isSound(record)) return fromRecord(record);
    const serverSeq = Number(record.serverSeq);
    this.warn(`${this.collectionName}/${String(id)}@${serverSeq}: the snapshot is damaged and passed over. Answers stay right, from an older one or from the events; createSnapshot() makes a new one.`);
    return this.newest(id, serverSeq - 1);
  }

  async list(id: DocumentId, limit = 0): Promise<SnapshotEntry[]> {
    const found = this.collection().find({ documentId: { $eq: storedId(id) } }, { ...readLevel({}), sort: { serverSeq: -1 }, projection: { serverSeq: 1, createdAt: 1, pinned: 1 }, limit });
    return (await found.toArray()).map(({ serverSeq, createdAt, pinned }) => ({ serverSeq: Number(serverSeq), createdAt, pinned: pinned === true }));
  }

  async pin(id: DocumentId, serverSeq: number): Promise<boolean> {
    const { matchedCount } = await this.collection().updateOne(keyOf({ documentId: id, serverSeq }), { $set: { pinned: true } }, majority);
    return matchedCount === 1;
  }

  async remove(id: DocumentId, serverSeqs: readonly number[], floor: number): Promise<number> {
    if (serverSeqs.length === 0) return 0;
    const filter = {
      documentId: { $eq: storedId(id) },
      serverSeq: { $in: serverSeqs.map(storedNumber) },
      $or: [{ pinned: { $ne: true } }, { serverSeq: { $lt: storedNumber(floor) } }],
    };
    return (await this.collection().deleteMany(filter, majority)).deletedCount;
  }

  private insertOrFind(snapshot: Snapshot<Image>, writing: Writing): Promise<SnapshotRecord | null> {
    const { state, createdAt } = snapshot;
    return this.collection().findOneAndUpdate(
      keyOf(snapshot),
      { $setOnInsert: { state, createdAt, digest: digestToStore(snapshot), ...shapeOf(snapshot) } },
      { upsert: true, returnDocument: 'after', ...writing },
    );
  }

  /** Puts a sound one in the place of a damaged one, unless somebody else just did. */
  private async replace(damaged: SnapshotRecord, snapshot: Snapshot<Image>, writing: Writing): Promise<Snapshot<Image>> {
    const { state, createdAt } = snapshot;
    const filter = { ...keyOf(snapshot), digest: { $eq: damaged.digest as string }, createdAt: { $eq: damaged.createdAt } };
    await this.collection().updateOne(filter, snapshotUpdate({ state, createdAt, digest: digestToStore(snapshot) }, snapshot), writing);
    return snapshot;
  }

  private collection(): mongo.Collection<SnapshotRecord> {
    return rawCollection<SnapshotRecord>(this.connection, this.collectionName);
  }
}

function keyOf({ documentId, serverSeq }: Pick<Snapshot, 'documentId' | 'serverSeq'>): mongo.Filter<SnapshotRecord> {
  return { documentId: { $eq: storedId(documentId) }, serverSeq: { $eq: storedNumber(serverSeq) } };
}

function isSound({ documentId, serverSeq, state, digest }: SnapshotRecord): boolean {
  return digest === undefined || digestOf({ documentId, serverSeq: Number(serverSeq), state: state ?? null }) === digest;
}

function fromRecord({ documentId, serverSeq, state, createdAt, ...shape }: SnapshotRecord): Snapshot<Image> {
  return { documentId, serverSeq: Number(serverSeq), state, createdAt, ...shapeOf(shape) };
}
