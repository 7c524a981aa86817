import mongoose, { type Connection, type mongo } from 'mongoose';
import { AuditStore, type AuditView, type Repair, type StoredEvent, type StoredSnapshot } from '../maintenance/audit-store.js';
import { InvalidValueError, sameValue } from '../model/bson-values.js';
import type { DiffPaths, Image } from '../model/diff.js';
import type { DocumentId } from '../model/document-id.js';
import type { Snapshot } from '../model/snapshot.js';
import type { ResolvedFeatureOptions } from '../options/resolve-storage-options.js';
import type { TransactionSession } from '../read/document-reader.js';
import { computeDiff } from '../write/compute-diff.js';
import { numberFlaw, readEvent, readSnapshot } from './audit-record.js';
import { storedVersion } from './document-writes.js';
import { codeOf } from './driver-errors.js';
import { anyEventOf, endOfHistory, eventsAfter, isId, storedId, storedNumber, wholeHistory } from './event-key.js';
import { type EventRecord, toCheckedRecord, toRecord } from './event-record.js';
import { operationIndex } from './indexes.js';
import { MongooseEventStore } from './mongoose-event-store.js';
import { MongooseStreamStore } from './mongoose-stream-store.js';
import { databaseOf, rawCollection } from './raw-collection.js';
import { driverSession } from './read-level.js';
import { digestToStore } from './snapshot-digest.js';
import { snapshotUpdate } from './snapshot-update.js';

/** The collections of one feature. */
export type AuditCollections = Pick<ResolvedFeatureOptions, 'collection' | 'eventsCollection' | 'snapshotsCollection' | 'streamsCollection' | 'versionField' | 'eventChecksums'>;

type Session = mongo.ClientSession;

const batchSize = 1_000;
/** SnapshotTooOld and SnapshotUnavailable: the server has forgotten the moment, or a collection changed; another moment is as good. */
const lostViews: ReadonlySet<unknown> = new Set([239, 246]);
const mostViews = 5;
const raw = { raw: true } as const;
const majority = { writeConcern: { w: 'majority', j: true } } as const;

/** Looks at the collections of MongoDB, byte by byte. */
export class MongooseAuditStore extends AuditStore {
  constructor(
    private readonly connection: Connection,
    private readonly names: AuditCollections,
    private readonly newFlightId: () => unknown = (): unknown => new mongoose.mongo.ObjectId(),
  ) {
    super();
  }

  override async inspect<R>(id: DocumentId, look: (view: AuditView) => Promise<R>): Promise<R> {
    for (let views = 1; ; views++) {
      const session = this.connection.getClient().startSession({ snapshot: true, causalConsistency: false });
      try {
        return await look(await this.view(id, session));
      } catch (error) {
        if (!lostViews.has(codeOf(error)) || views === mostViews) throw error;
      } finally {
        await session.endSession();
      }
    }
  }

  override async *ids(): AsyncGenerator<DocumentId> {
    for await (const { _id } of this.documents.find({}, { projection: { _id: 1 }, sort: { _id: 1 } })) yield _id;
    for (let after: object | undefined; ; ) {
      const [next] = await this.events.find(eventsAfter(after), { projection: { _id: 1 }, sort: { _id: 1 }, limit: 1 }).toArray();
      if (next === undefined) return;
      const { d } = next._id;
      // a key of another form stands somewhere else: it is stepped over by itself
      const isOwn = Object.keys(next._id).join() === 'd,v' && isId(d);
      after = isOwn ? endOfHistory(d) : next._id;
      if (isOwn && (await this.documents.findOne({ _id: { $eq: d } } as object, { projection: { _id: 1 } })) === null) yield d;
    }
  }

  override async repair({ documentId, seen, document, event }: Repair, caller: TransactionSession): Promise<boolean> {
    const session = driverSession(caller);
    const filter = { _id: storedId(documentId) } as object;
    // one after the other: a session takes one command at a time
    const stored = await this.documents.findOne(filter, { session });
    const head = await new MongooseEventStore(this.connection, this.names.eventsCollection).head(documentId, { session });
    if (!sameValue(stored, seen.document) || (head !== null && head.serverSeq !== seen.head)) return false;
    if (document === null) {
      if (stored !== null) await this.documents.deleteOne(filter, { session });
    } else if (stored === null) await this.documents.insertOne(this.numbered(document), { session });
    else await this.put(filter, stored, document, session);
    if (event !== undefined) {
      const flight = this.newFlightId();
      const record = this.names.eventChecksums ? toCheckedRecord(event, flight) : toRecord(event, flight);
      await this.events.insertOne(record, { session });
    }
    return true;
  }

  override async mendSnapshot(key: unknown, right: Snapshot<Image> | undefined): Promise<void> {
    const snapshots = rawCollection<Image>(this.connection, this.names.snapshotsCollection);
    const filter = { _id: { $eq: key } } as object;
    if (right === undefined) {
      await snapshots.deleteOne(filter, majority);
      return;
    }
    const { serverSeq, state, createdAt } = right;
    await snapshots.updateOne(filter, snapshotUpdate({ serverSeq: storedNumber(serverSeq), state, createdAt, digest: digestToStore(right) }, right), majority);
  }

  /** Only what differs, so that the rest keeps its bytes. */
  private async put(filter: object, stored: Image, document: Image, session: Session): Promise<void> {
    const { versionField } = this.names;
    const diff = diffOrNothing(stored, document, versionField);
    if (diff === undefined) {
      await this.documents.replaceOne(filter, this.numbered(document), { session });
      return;
    }
    const set = { ...diff.set, [versionField]: storedVersion(document[versionField] as number) };
    const unset = Object.fromEntries(diff.unset.map((path) => [path, '']));
    const update: object = diff.unset.length === 0 ? { $set: set } : { $set: set, $unset: unset };
    await this.documents.updateOne(filter, update, { session });
  }

  private numbered(document: Image): Image {
    const { versionField } = this.names;
    return { ...document, [versionField]: storedVersion(document[versionField] as number) };
  }

  private async view(id: DocumentId, session: Session): Promise<AuditView> {
    const { versionField } = this.names;
    const own = { session };
    const [bytes] = (await this.documents.find({ _id: { $eq: storedId(id) } } as object, { ...own, ...raw }).toArray()) as unknown as Buffer[];
    const facts = await new MongooseStreamStore(this.connection, this.names.streamsCollection).read(id, own);
    let found = 0;
    const events = this.storedEvents(id, session, () => found++);
    const flaw = bytes === undefined ? undefined : numberFlaw(bytes, versionField);
    return {
      document: bytes === undefined ? null : mongoose.mongo.BSON.deserialize(bytes),
      ...(flaw === undefined ? {} : { numberFlaw: flaw }),
      facts,
      snapshots: this.storedSnapshots(id, session),
      events,
      strayEvents: async () => (await this.events.countDocuments(anyEventOf([id]), { ...own, hint: operationIndex })) - found,
    };
  }

  private async *storedEvents(id: DocumentId, session: Session, count: () => void): AsyncGenerator<StoredEvent> {
    const cursor = this.events.find(wholeHistory(id), { session, ...raw, sort: { _id: 1 }, batchSize });
    for await (const bytes of cursor as unknown as AsyncIterable<Buffer>) {
      count();
      yield readEvent(id, bytes);
    }
  }

  private async *storedSnapshots(id: DocumentId, session: Session): AsyncGenerator<StoredSnapshot> {
    const snapshots = databaseOf(this.connection).collection(this.names.snapshotsCollection);
    const cursor = snapshots.find({ documentId: { $eq: storedId(id) } } as object, { session, ...raw, readPreference: 'primary', sort: { serverSeq: 1 }, batchSize: 10 });
    for await (const bytes of cursor as unknown as AsyncIterable<Buffer>) yield readSnapshot(bytes);
  }

  private get documents(): mongo.Collection<Image> {
    return rawCollection<Image>(this.connection, this.names.collection);
  }

  private get events(): mongo.Collection<EventRecord> {
    return rawCollection<EventRecord>(this.connection, this.names.eventsCollection);
  }
}

/** `undefined` when an update cannot name what differs. */
function diffOrNothing(stored: Image, document: Image, versionField: string): DiffPaths | undefined {
  try {
    return computeDiff(stored, document, { versionField });
  } catch (error) {
    if (error instanceof InvalidValueError) return undefined;
    throw error;
  }
}
