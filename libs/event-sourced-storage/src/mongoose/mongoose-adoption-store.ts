import mongoose, { type Connection, type mongo } from 'mongoose';
import { refuseUnstorable } from '../maintenance/adopter.js';
import { type Adoption, type AdoptionCandidate, AdoptionRaceError, AdoptionStore } from '../maintenance/adoption-store.js';
import { idKey } from '../model/bson-values.js';
import type { Image } from '../model/diff.js';
import type { DocumentEvent } from '../model/document-event.js';
import type { DocumentId } from '../model/document-id.js';
import type { ResolvedFeatureOptions } from '../options/resolve-storage-options.js';
import type { TransactionSession } from '../read/document-reader.js';
import { versionOf } from '../read/document-state.js';
import { asError, isRace, isTransient } from './driver-errors.js';
import { anyEventOf, eventKey, isId } from './event-key.js';
import { type EventRecord, toCheckedRecord, toRecord } from './event-record.js';
import { operationIndex } from './indexes.js';
import { rawCollection } from './raw-collection.js';
import { driverSession, readLevel } from './read-level.js';
import { runWrites } from './run-writes.js';

type Session = mongo.ClientSession;
type Options = Pick<ResolvedFeatureOptions, 'collection' | 'eventsCollection' | 'streamsCollection' | 'versionField' | 'maxDocumentBytes' | 'eventChecksums'>;

const { BSON } = mongoose.mongo;
/** Read so, a double stays a double, and is recorded as one. */
const typed = { promoteValues: false, promoteLongs: false, bsonRegExp: true } as const;

/** Adopts documents of a collection of MongoDB. */
export class MongooseAdoptionStore extends AdoptionStore {
  constructor(
    private readonly connection: Connection,
    private readonly options: Options,
    private readonly newFlightId: () => unknown = (): unknown => new mongoose.mongo.ObjectId(),
  ) {
    super();
  }

  override async *candidates(size: number): AsyncGenerator<{ readonly looked: number; readonly candidates: readonly AdoptionCandidate[] }> {
    const { versionField } = this.options;
    let page: (AdoptionCandidate & { readonly version: number })[] = [];
    // what is adopted meanwhile stays in its place: the cursor follows `_id`
    for await (const found of this.documents.aggregate([{ $sort: { _id: 1 } }, { $project: { [versionField]: 1, bytes: { $bsonSize: '$$ROOT' } } }], { batchSize: size, readConcern: { level: 'majority' } })) {
      page.push({ documentId: found['_id'] as DocumentId, bytes: Number(found['bytes']), version: versionOf(found, versionField) });
      if (page.length < size) continue;
      yield { looked: page.length, candidates: await this.withoutHead(page) };
      page = [];
    }
    if (page.length > 0) yield { looked: page.length, candidates: await this.withoutHead(page) };
  }

  override async adopt(ids: readonly DocumentId[], genesis: (image: Image) => DocumentEvent<Image>, caller: TransactionSession): Promise<readonly (Adoption | Error)[]> {
    const session = driverSession(caller);
    try {
      return await this.adoptIn(ids, genesis, session);
    } catch (error) {
      if (isRace(error) && isTransient(error)) throw new AdoptionRaceError('another writer was in the way', { cause: error });
      throw error;
    }
  }

  private async adoptIn(ids: readonly DocumentId[], genesis: (image: Image) => DocumentEvent<Image>, session: Session): Promise<readonly (Adoption | Error)[]> {
    const found = (await this.documents.find({ _id: { $in: ids } } as object, { session, raw: true }).toArray()) as unknown as Buffer[];
    const documents = new Map(found.map((bytes) => [keyOf(bytes), bytes]));
    const known = await this.withHistory(ids, session);
    const flight = this.newFlightId();
    const records: EventRecord[] = [];
    const outcomes = ids.map((id): Adoption | Error => {
      const bytes = documents.get(idKey(id));
      if (bytes === undefined || known.has(idKey(id))) return 'skipped';
      try {
        refuseUnstorable(BSON.deserialize(bytes), bytes.length, { address: `${this.options.collection}/${String(id)}`, maxDocumentBytes: this.options.maxDocumentBytes });
        const event = { ...genesis(BSON.deserialize(bytes, typed)), documentId: id };
        records.push(this.options.eventChecksums ? toCheckedRecord(event, flight) : toRecord(event, flight));
        return 'adopted';
      } catch (error) {
        return asError(error);
      }
    });
    await this.write(records, session);
    return outcomes;
  }

  /** A document that somebody else changed since this transaction began ends it. */
  private async write(records: readonly EventRecord[], session: Session): Promise<void> {
    if (records.length === 0) return;
    const { collection, eventsCollection, versionField } = this.options;
    const updates = records.map(({ _id }) => ({ q: { _id: _id.d }, u: { $set: { [versionField]: 1 } } }));
    await runWrites(this.connection, { update: collection, updates, ordered: true }, session);
    await runWrites(this.connection, { insert: eventsCollection, documents: records, ordered: true }, session);
  }

  /** Those whose newest event is not where the document says: nearly all that are left have no history, and the transaction looks closer. */
  private async withoutHead(page: readonly (AdoptionCandidate & { readonly version: number })[]): Promise<readonly AdoptionCandidate[]> {
    const keys = page.flatMap(({ documentId, version }) => (version === 0 || !isId(documentId) ? [] : [eventKey(documentId, version)]));
    if (keys.length === 0) return page;
    const heads = await this.events.find({ _id: { $in: keys } } as object, { ...readLevel({}), projection: { _id: 1 }, batchSize: keys.length + 1 }).toArray();
    const known = new Set(heads.map(({ _id }) => idKey(_id.d)));
    return page.filter(({ documentId }) => !isId(documentId) || !known.has(idKey(documentId)));
  }

  /** Whose history has begun: events, or a record of one that was compacted or erased. */
  private async withHistory(ids: readonly DocumentId[], session: Session): Promise<ReadonlySet<string>> {
    const events = await this.events.aggregate<{ _id: DocumentId }>([{ $match: anyEventOf(ids) }, { $group: { _id: '$_id.d' } }], { session, hint: operationIndex }).toArray();
    const streams = await rawCollection(this.connection, this.options.streamsCollection).find({ _id: { $in: ids } } as object, { session, projection: { _id: 1 } }).toArray();
    return new Set([...events, ...streams].map(({ _id }) => idKey(_id)));
  }

  private get documents(): mongo.Collection<Image> {
    return rawCollection<Image>(this.connection, this.options.collection);
  }

  private get events(): mongo.Collection<EventRecord> {
    return rawCollection<EventRecord>(this.connection, this.options.eventsCollection);
  }
}

function keyOf(bytes: Buffer): string {
  return idKey(BSON.deserialize(bytes)['_id'] as DocumentId);
}
