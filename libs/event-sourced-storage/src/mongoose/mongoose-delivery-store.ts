import mongoose, { type Connection, type mongo } from 'mongoose';
import {
  type Checkpoint,
  CheckpointMoved,
  type Claim,
  DeliveryStore,
  type DeliveryStep,
  type HandlerState,
  type ParkedDocument,
  type ParkedWish,
  type PartitionKey,
  type PartitionProgress,
  type PartitionStatus,
  type ProgressUpdate,
  TransactionSpoiled,
} from '../delivery/delivery-store.js';
import type { HandlerStart } from '../delivery/durable-handler.js';
import { partitionOf } from '../delivery/partition-of.js';
import { StaleLeaseError } from '../errors/stale-lease.error.js';
import { idKey } from '../model/bson-values.js';
import type { DocumentId } from '../model/document-id.js';
import type { TransactionSession } from '../read/document-reader.js';
import type { ResumeToken } from '../watch/change-feed.js';
import { codeOf, isDuplicateKey } from './driver-errors.js';
import { storedId } from './event-key.js';
import { ensureCollections } from './indexes.js';
import type { Orphans } from './orphans.js';
import { rawCollection } from './raw-collection.js';
import { driverSession } from './read-level.js';
import { runTransaction, type TransactionParts } from './run-transaction.js';

const { MaxKey, MinKey } = mongoose.mongo;

/** Where durable handlers keep what they are: one record each. */
export const handlersCollection = 'ess_handlers';
/** Where durable handlers keep how far they are: a record for each part, and one for each document below it. */
export const checkpointsCollection = 'ess_checkpoints';
/** Where durable handlers keep the documents that failed: one record each. */
export const deadLettersCollection = 'ess_dead_letters';

interface HandlerRecord {
  readonly _id: string;
  readonly model: string;
  readonly generation: number;
  readonly partitions: number;
  readonly from: HandlerStart;
  readonly begunAt?: Date;
  readonly startToken?: ResumeToken;
  readonly paused?: boolean;
  readonly pausedBecause?: string;
  readonly members?: readonly { readonly id: string; readonly beatAt: Date }[];
}

/** The order of the keys is part of the identity; a part comes right before its documents. */
interface PartId {
  readonly h: string;
  readonly g: number;
  readonly p: number;
}
interface DocumentKey extends PartId {
  readonly d: DocumentId;
}

interface PartRecord {
  readonly _id: PartId;
  readonly fence: number;
  readonly holder: string;
  readonly position?: ResumeToken;
  readonly scan?: { readonly after?: DocumentId };
  readonly caughtUpAt?: Date;
  readonly lastError?: string;
  /** Counts the writes: one that changes nothing would not stand in the way of a claim. */
  readonly writes?: number;
}
interface CheckpointRecord {
  readonly _id: DocumentKey;
  readonly seq: number;
  readonly parked?: boolean;
}
interface DeadLetterRecord {
  readonly _id: DocumentKey;
  readonly seq: number;
  readonly attempts: number;
  readonly error: string;
  readonly parkedAt: Date;
  readonly wish?: ParkedWish;
}

const majority = { writeConcern: { w: 'majority' as const, j: true } };
const majorityRead = { readConcern: { level: 'majority' as const } };
/** How long the server may wait, in ms, for a transaction of the last holder of a part. */
const waitMs = 1_000;
const waitedTooLong = 50;
const noSuchTransaction = 251;
/** So often the transaction of one delivery may be gone when the handler resolves: a fail-over does that once or twice. */
const mostSpoiled = 5;
/** Between two removals of progress that is void. */
const dropBatch = 5_000;

/** Makes what is missing of the three collections, and the index without which every look for wishes would go through all parked documents. */
export async function prepareDeliveries(connection: Connection): Promise<void> {
  await ensureCollections(connection, [handlersCollection, checkpointsCollection, deadLettersCollection]);
  await rawCollection(connection, deadLettersCollection).createIndex({ wish: 1, _id: 1 }, { partialFilterExpression: { wish: { $exists: true } } });
}

/** What durable handlers keep, in three collections of MongoDB. Every query is a key or a closed range of keys. */
export class MongooseDeliveryStore extends DeliveryStore {
  constructor(
    private readonly connection: Connection,
    private readonly transactions: Omit<TransactionParts, 'options' | 'mustKill'>,
    /** Ends the transactions of processes that died in them: they may hold what a handler writes. */
    private readonly orphans: Pick<Orphans, 'held' | 'free'>,
  ) {
    super();
  }

  override async register(handler: { readonly name: string; readonly model: string; readonly partitions: number; readonly from: HandlerStart }): Promise<HandlerState> {
    const { name, ...first } = handler;
    const update = { $setOnInsert: { ...first, generation: 1 } };
    return stateOf(await this.upsert(name, update));
  }

  override async begin(name: string, generation: number, token: ResumeToken): Promise<HandlerState> {
    await this.handlers.updateOne({ _id: name, generation, begunAt: { $exists: false } }, [{ $set: { begunAt: '$$NOW', startToken: { $literal: token } } }], majority);
    return (await this.state(name)) as HandlerState; // registered before it begins
  }

  override async beat(name: string, member: string, aliveMs: number): Promise<HandlerState> {
    const others = { $filter: { input: { $ifNull: ['$members', []] }, cond: { $and: [{ $ne: ['$$this.id', member] }, { $gt: ['$$this.beatAt', { $subtract: ['$$NOW', aliveMs] }] }] } } };
    const update = [{ $set: { members: { $concatArrays: [others, [{ id: member, beatAt: '$$NOW' }]] } } }];
    const record = await this.handlers.findOneAndUpdate({ _id: name }, update, { returnDocument: 'after', ...majority });
    if (record === null) throw new Error(`the record of the durable handler "${name}" is gone; restart the application`);
    return stateOf(record);
  }

  override async leave(name: string, member: string): Promise<void> {
    await this.handlers.updateOne({ _id: name }, { $pull: { members: { id: member } } }, majority);
  }

  override async state(name: string): Promise<HandlerState | null> {
    const record = await this.handlers.findOne({ _id: name }, majorityRead);
    return record === null ? null : stateOf(record);
  }

  override async setPaused(name: string, paused: boolean, because?: string): Promise<boolean> {
    const update = because === undefined ? { $set: { paused }, $unset: { pausedBecause: '' as const } } : { $set: { paused, pausedBecause: because } };
    return (await this.handlers.updateOne({ _id: name }, update, majority)).matchedCount === 1;
  }

  override async reset(name: string, from: HandlerStart, partitions: number): Promise<HandlerState | null> {
    const record = await this.handlers.findOneAndUpdate(
      { _id: name },
      { $inc: { generation: 1 }, $set: { from, partitions }, $unset: { begunAt: '', startToken: '', pausedBecause: '' } },
      { returnDocument: 'after', ...majority },
    );
    if (record === null) return null;
    // whoever claimed a part before sees the number gone; whoever claims one later sees the new generation
    for (const { _id } of await this.parts.find(partsOf(name, record.generation - 1), { projection: { _id: 1 } }).toArray()) {
      if (!('d' in _id)) await this.parts.updateOne({ _id }, { $inc: { fence: 1 } }, majority);
    }
    return stateOf(record);
  }

  override async claim(key: PartitionKey, holder: string, fresh: PartitionProgress): Promise<(PartitionProgress & { readonly claim: Claim }) | null> {
    const record = await this.raiseFence(key, holder, fresh);
    if (record === null) return null;
    if ((await this.state(key.handler))?.generation !== key.generation) return null;
    const scan = record.scan === undefined ? undefined : { after: record.scan.after };
    return { position: record.position ?? undefined, scan, claim: { ...key, fence: record.fence } };
  }

  override async save(claim: Claim, update: ProgressUpdate): Promise<void> {
    await this.inTransaction(30_000, `durable-handler/${claim.handler}/${claim.partition}`, async (session) => {
      await this.fence(claim, session, update);
      await this.writeDocuments(claim, session, update);
    });
  }

  override async deliver(claim: Claim, step: DeliveryStep, handle: (session: () => TransactionSession) => Promise<void>): Promise<boolean> {
    const inTheWay = `durable-handler/${claim.handler}/${claim.partition}`;
    let spoiled = 0;
    let isStillUsed = false;
    const run = async (session: TransactionSession): Promise<boolean> => {
      const asked: TransactionSession[] = [];
      isStillUsed = false;
      try {
        await handle(() => {
          asked.push(session);
          return session;
        });
      } catch (error) {
        // one half of it may have failed while the other goes on writing
        isStillUsed = asked.length > 0;
        throw error;
      }
      if (asked.length === 0) return false;
      try {
        await this.fence(claim, session);
      } catch (error) {
        if (codeOf(error) !== noSuchTransaction || ++spoiled < mostSpoiled) throw error;
        throw new TransactionSpoiled('the server had ended the transaction: what fails in context.session must be thrown', { cause: error });
      }
      await this.moveCheckpoint(claim, step, driverSession(session));
      return true;
    };
    return this.inTransaction(step.timeoutMs + 30_000, inTheWay, run, () => isStillUsed);
  }

  override async checkpoints(key: PartitionKey, ids: readonly DocumentId[]): Promise<ReadonlyMap<string, Checkpoint>> {
    const keys = ids.map((id) => documentKey(key, id));
    const found = await this.documents.find({ _id: { $in: keys } } as object, majorityRead).toArray();
    return new Map(found.map(({ _id, seq, parked }) => [idKey(_id.d), { serverSeq: seq, parked: parked === true }]));
  }

  override async partitions(handler: string, generation: number): Promise<PartitionStatus[]> {
    const state = await this.state(handler);
    const ids = Array.from({ length: state?.partitions ?? 0 }, (_, partition) => partId({ handler, generation, partition }));
    const found = await this.parts.find({ _id: { $in: ids } } as object, majorityRead).toArray();
    return found
      .map(({ _id, holder, scan, caughtUpAt, lastError }) => ({ handler, generation, partition: _id.p, holder, scanning: scan !== undefined, caughtUpAt, lastError }))
      .toSorted((a, b) => a.partition - b.partition);
  }

  override async parked(handler: string, generation: number, { limit, wishesOnly = false }: { readonly limit: number; readonly wishesOnly?: boolean }): Promise<ParkedDocument[]> {
    const filter = { ...documentsOf(handler, generation), ...(wishesOnly ? { wish: { $exists: true } } : {}) };
    const found = await this.letters.find(filter as object, { ...majorityRead, sort: { parkedAt: 1, _id: 1 }, limit }).toArray();
    return found.map(({ _id, seq, attempts, error, parkedAt, wish }) => ({ documentId: _id.d, serverSeq: seq, attempts, error, parkedAt, wish }));
  }

  override async countParked(handler: string, generation: number): Promise<number> {
    return this.letters.countDocuments(documentsOf(handler, generation), majorityRead);
  }

  override async wish(handler: string, generation: number, wish: ParkedWish, id?: { readonly documentId: DocumentId; readonly partition: number }): Promise<number> {
    const filter = id === undefined ? documentsOf(handler, generation) : { _id: documentKey({ handler, generation, partition: id.partition }, id.documentId) };
    return (await this.letters.updateMany(filter, { $set: { wish } }, majority)).matchedCount;
  }

  override async dropBefore(handler: string, generation: number): Promise<void> {
    // the parts stay: a claim of an old generation must never find its number free again
    const old = { '_id': { $gte: { h: handler, g: new MinKey() }, $lt: { h: handler, g: generation } }, '_id.d': { $exists: true } };
    for (const name of [checkpointsCollection, deadLettersCollection]) {
      const collection = rawCollection<{ readonly _id: DocumentKey }>(this.connection, name);
      for (;;) {
        const found = await collection.find(old as object, { projection: { _id: 1 }, sort: { _id: 1 }, limit: dropBatch }).toArray();
        if (found.length === 0) break;
        await collection.deleteMany({ _id: { $in: found.map(({ _id }) => _id) } }, majority);
      }
    }
  }

  /** `null` while a transaction of the last holder is in the way, which may be dead. */
  private async raiseFence(key: PartitionKey, holder: string, fresh: PartitionProgress): Promise<PartRecord | null> {
    const inTheWay = `durable-handler/${key.handler}/${key.partition}/claim`;
    try {
      const record = await this.parts.findOneAndUpdate(
        { _id: partId(key) },
        { $inc: { fence: 1 }, $set: { holder }, $setOnInsert: progressFields(fresh).set },
        { upsert: true, returnDocument: 'after', maxTimeMS: waitMs, ...majority },
      );
      this.orphans.free(inTheWay);
      return record;
    } catch (error) {
      if (codeOf(error) !== waitedTooLong) throw error;
      await this.orphans.held(inTheWay);
      return null;
    }
  }

  /** @throws StaleLeaseError: then nothing of the transaction can be committed */
  private async fence(claim: Claim, session: TransactionSession, update?: ProgressUpdate): Promise<void> {
    const { set, unset } = update?.progress === undefined ? { set: {}, unset: {} } : progressFields(update.progress);
    const error = update?.lastError === undefined ? {} : { lastError: update.lastError };
    const { matchedCount } = await this.parts.updateOne(
      { _id: partId(claim), fence: claim.fence },
      { $inc: { writes: 1 }, $set: { ...set, ...error }, ...(update?.caughtUp === true ? { $currentDate: { caughtUpAt: true } } : {}), $unset: unset } as mongo.UpdateFilter<PartRecord>,
      { session: driverSession(session) },
    );
    if (matchedCount === 0) throw new StaleLeaseError(`durable-handler/${claim.handler}/${claim.partition}`, claim.fence);
  }

  private async writeDocuments(claim: Claim, session: TransactionSession, { handled, parked, unparked }: ProgressUpdate): Promise<void> {
    const within = { session: driverSession(session), ordered: false };
    const unparkedKeys = unparked.map((id) => documentKey(claim, id));
    const checkpoints: mongo.AnyBulkWriteOperation<CheckpointRecord>[] = [
      ...handled.map(({ documentId, serverSeq }) => ({ updateOne: { filter: { _id: documentKey(claim, documentId) }, update: { $set: { seq: serverSeq } }, upsert: true } })),
      // before its first event a document has no number
      ...parked.map(({ documentId, serverSeq }) => ({
        updateOne: { filter: { _id: documentKey(claim, documentId) }, update: { $set: { parked: true }, $setOnInsert: { seq: serverSeq - 1 } }, upsert: true },
      })),
      ...unparkedKeys.map((_id) => ({ updateOne: { filter: { _id }, update: { $unset: { parked: '' as const } } } })),
    ];
    if (checkpoints.length > 0) await this.documents.bulkWrite(checkpoints, within);
    const letters: mongo.AnyBulkWriteOperation<DeadLetterRecord>[] = [
      ...unparkedKeys.map((_id) => ({ deleteOne: { filter: { _id } } })),
      ...parked.map(({ documentId, serverSeq, attempts, error, parkedAt }) => ({
        replaceOne: { filter: { _id: documentKey(claim, documentId) }, replacement: { seq: serverSeq, attempts, error, parkedAt } as DeadLetterRecord, upsert: true },
      })),
    ];
    if (letters.length > 0) await this.letters.bulkWrite(letters, { ...within, ordered: true });
  }

  /** Only from the number that is known: a commit whose answer was lost is found out here. */
  private async moveCheckpoint(claim: Claim, { documentId, serverSeq, stored }: DeliveryStep, session: mongo.ClientSession): Promise<void> {
    const _id = documentKey(claim, documentId);
    if (stored !== undefined) {
      const { matchedCount } = await this.documents.updateOne({ _id, seq: stored }, { $set: { seq: serverSeq } }, { session });
      if (matchedCount === 0) throw new CheckpointMoved('the checkpoint is not where it was');
      return;
    }
    try {
      await this.documents.insertOne({ _id, seq: serverSeq }, { session });
    } catch (error) {
      if (isDuplicateKey(error)) throw new CheckpointMoved('there is a checkpoint already', { cause: error });
      throw error;
    }
  }

  private async inTransaction<R>(timeoutMs: number, key: string, run: (session: TransactionSession) => Promise<R>, mustKill = (): boolean => false): Promise<R> {
    const options = { maxRetries: 100, retryDelayMs: 5, maxRetryDelayMs: 200, timeoutMs };
    let attempts = 0;
    const result = await runTransaction({ ...this.transactions, options, mustKill }, async (session) => {
      if (attempts++ > 0) await this.orphans.held(key);
      return run(session);
    });
    this.orphans.free(key);
    return result;
  }

  private async upsert(name: string, update: mongo.UpdateFilter<HandlerRecord>): Promise<HandlerRecord> {
    try {
      return (await this.handlers.findOneAndUpdate({ _id: name }, update, { upsert: true, returnDocument: 'after', ...majority })) as HandlerRecord;
    } catch (error) {
      if (!isDuplicateKey(error)) throw error;
      return (await this.handlers.findOne({ _id: name })) as HandlerRecord; // another process was first
    }
  }

  private get handlers(): mongo.Collection<HandlerRecord> {
    return rawCollection<HandlerRecord>(this.connection, handlersCollection);
  }

  private get parts(): mongo.Collection<PartRecord> {
    return rawCollection<PartRecord>(this.connection, checkpointsCollection);
  }

  private get documents(): mongo.Collection<CheckpointRecord> {
    return rawCollection<CheckpointRecord>(this.connection, checkpointsCollection);
  }

  private get letters(): mongo.Collection<DeadLetterRecord> {
    return rawCollection<DeadLetterRecord>(this.connection, deadLettersCollection);
  }
}

function stateOf({ _id, model, generation, partitions, from, begunAt, startToken, paused = false, pausedBecause, members = [] }: HandlerRecord): HandlerState {
  return { name: _id, model, generation, partitions, from, begunAt, startToken: startToken ?? undefined, paused, pausedBecause, members: members.length };
}

function partId({ handler, generation, partition }: PartitionKey): PartId {
  return { h: handler, g: generation, p: partition };
}

function documentKey(key: PartitionKey, id: DocumentId): DocumentKey {
  return { ...partId(key), d: storedId(id) };
}

/** The key of the record of a document in the part it belongs to. */
export function checkpointKey(handler: string, generation: number, partitions: number, id: DocumentId): object {
  return documentKey({ handler, generation, partition: partitionOf(idKey(id), partitions) }, id);
}

function partsOf(h: string, g: number): object {
  return { _id: { $in: Array.from({ length: 256 }, (_, p) => ({ h, g, p })) } };
}

function documentsOf(h: string, g: number): object {
  return { _id: { $gte: { h, g, p: new MinKey() }, $lte: { h, g, p: new MaxKey(), d: new MaxKey() } } };
}

function progressFields({ position, scan }: PartitionProgress): { readonly set: object; readonly unset: object } {
  return {
    set: { ...(position === undefined ? {} : { position }), ...(scan === undefined ? {} : { scan: scan.after === undefined ? {} : { after: scan.after } }) },
    unset: { ...(position === undefined ? { position: '' } : {}), ...(scan === undefined ? { scan: '' } : {}) },
  };
}
