import type { EventPage, EventsWithSnapshot } from './history/history-reader.js';
import type { EventQuery } from './history/event-store.js';
import type { DocumentEvent } from './model/document-event.js';
import type { DocumentId } from './model/document-id.js';
import type { Image } from './model/diff.js';
import type { Snapshot } from './model/snapshot.js';
import type { FindManyOptions, FindOptions } from './read/find-options.js';
import type { TransactionSession } from './read/document-reader.js';
import type { DeleteResult } from './write/decide-delete.js';
import type { UpdateResult } from './write/decide-update.js';
import type { UpsertResult } from './write/decide-upsert.js';
import type { Edit } from './write/run-edit.js';
import type { BulkOptions, BulkResult, DeleteOptions, OperationOutcome, ResolveOptions, UpdateOptions, UpsertOptions } from './write/write-options.js';
import type { StorageEngine } from './storage-engine.js';

/** A moment in a history: right after the event `version` (`0`: before the first), or a time, to the millisecond. Give exactly one. */
export type HistoryPoint = { readonly version: number } | { readonly at: Date };

/**
 * Documents of one Mongoose model whose every change is committed together with one event. `T` is the stored shape, plain objects.
 *
 * Every write takes the id of the client that asked for it (1 to 200 characters). Every answer is the caller's own copy. Ids are cast by
 * the schema; anything else, operator objects above all, is an `InvalidArgumentError`. A read that does not reach the database throws
 * `OperationTimeoutError`. After shutdown began, every method throws `StorageClosedError`; transactions under way may still finish.
 */
export class EventSourcedStorageService<T extends object = Record<string, unknown>> {
  /** Made by `EventSourcedStorageModule.forFeature()`; applications inject it. */
  constructor(private readonly engine: StorageEngine) {}

  /**
   * The document, or `null`.
   *
   * A cached answer may be as old as `cacheTTL` when another process wrote meanwhile; it is never older than what this process wrote or
   * answered before. `{ fresh: true }` reads from the primary with linearizable read concern, which costs a confirmation by a majority.
   */
  findOne(id: DocumentId, options: FindOptions = {}): Promise<T | null> {
    return this.engine.findOne(id, options) as Promise<T | null>; // every await more would show in a cached read
  }

  /**
   * Documents by filter, from the database. Fields are compared with values, or with objects of the operators `$eq $ne $gt $gte $lt $lte
   * $in $nin $exists`; `$and` and `$or` combine filters. At most 1,000 documents, also the default.
   *
   * @throws InvalidArgumentError for any other operator, and for wrong sort, skip, limit or projection
   */
  async findMany(filter: Readonly<Record<string, unknown>> = {}, options: FindManyOptions = {}): Promise<T[]> {
    return (await this.engine.findMany(filter, options)) as T[];
  }

  /**
   * Creates the document as version 1 (or as the number after its tombstone) with one create event, or answers the existing one unchanged
   * and records nothing. An absent `_id` is generated. `data` is not changed. With an `operationId` the `_id` must be given.
   *
   * @throws DocumentValidationError, DuplicateValueError, LimitExceededError, InvalidArgumentError: nothing was written
   * @throws OperationTimeoutError, DocumentLockedError, OverloadError: nothing was written, trying again may help
   * @throws IndeterminateOutcomeError when it is not known whether the write happened
   */
  async findOneAndUpsert(data: Partial<T>, clientId: string, options: UpsertOptions = {}): Promise<UpsertResult<T>> {
    return (await this.engine.upsert(data, clientId, options)) as unknown as UpsertResult<T>;
  }

  /**
   * Runs the edit on a copy of the document and commits what it changed as the next version with one update event. The edit may run more
   * than once (see `attempt`), so it must have no effect but on its document. What it writes into the version field is ignored.
   *
   * @throws DocumentNotFoundError, HistoryMissingError
   * @throws VersionConflictError when `expectedVersion` does not hold, or other writers were faster `maxRetries` times
   * @throws whatever the edit throws, and all that `findOneAndUpsert` throws
   */
  async findOneAndUpdate(id: DocumentId, edit: Edit<T>, clientId: string, options: UpdateOptions = {}): Promise<UpdateResult<T>> {
    return (await this.engine.update(id, edit as unknown as Edit<Image>, clientId, options)) as unknown as UpdateResult<T>;
  }

  /**
   * Deletes the document with one delete event, the tombstone; a document created later under the same id goes on with the next number.
   *
   * @throws DocumentNotFoundError only with `throwIfMissing`
   * @throws VersionConflictError when `expectedVersion` does not hold; and as `findOneAndUpdate`
   */
  async deleteOne(id: DocumentId, clientId: string, options: DeleteOptions = {}): Promise<DeleteResult> {
    return this.engine.delete(id, clientId, options);
  }

  /**
   * What a client that has seen `afterVersion` has missed: all events from `afterVersion + 1` on without a hole, or the first `limit` of
   * them (`0` is refused). Empty for an unknown document and when nothing was missed.
   *
   * @throws ClientAheadError when the history never reached `afterVersion`
   * @throws HistoryCorruptError when an event is missing
   */
  async getMissingEvents(id: DocumentId, afterVersion: number, options: { readonly limit?: number } = {}): Promise<DocumentEvent<T>[]> {
    return (await this.engine.missingEvents(id, afterVersion, options.limit)) as DocumentEvent<T>[];
  }

  /** A page of events by number, time, client or operation; 1,000 unless `limit` says otherwise. Pass `next` on for the next page. */
  async getEvents(id: DocumentId, range: EventQuery = {}): Promise<EventPage<T>> {
    return (await this.engine.events(id, range)) as unknown as EventPage<T>;
  }

  /** The same one by one, for histories of any length. */
  streamEvents(id: DocumentId, range: EventQuery = {}): AsyncIterable<DocumentEvent<T>> {
    return this.engine.streamEvents(id, range) as AsyncIterable<DocumentEvent<T>>;
  }

  /**
   * The document as it was right after the event `version`, or at a time; `null` when it did not exist then.
   *
   * By time: after the longest run of events from the first that were all recorded at or before it.
   * @throws DocumentNotFoundError for an id without any history, HistoryMissingError for a document without one
   * @throws ClientAheadError for a version that is not there yet
   * @throws HistoryCorruptError when an event on the way is missing
   */
  async stateAt(id: DocumentId, point: HistoryPoint): Promise<T | null> {
    return (await this.engine.stateAt(id, point)) as T | null;
  }

  /**
   * Keeps the present state beside the events, so that states after it are found faster. Doing it again at the same version changes
   * nothing. `state` is `null` for a deleted document.
   * @throws DocumentNotFoundError, HistoryMissingError
   */
  async createSnapshot(id: DocumentId): Promise<Snapshot<T>> {
    return (await this.engine.createSnapshot(id)) as Snapshot<T>;
  }

  /**
   * The newest snapshot, if there is one, and every event after it. Both empty for an unknown document.
   * @throws HistoryCorruptError when an event is missing
   */
  async getEventsWithSnapshot(id: DocumentId): Promise<EventsWithSnapshot<T>> {
    return (await this.engine.eventsWithSnapshot(id)) as unknown as EventsWithSnapshot<T>;
  }

  /**
   * Creates each document that `findOneAndUpsert` would create; one that exists already is a `VersionConflictError` of its own. The calls
   * share commits, so this is fast; it is not one transaction: some may be written and others refused. Answers in the order of `items`.
   */
  async createMany(items: readonly Partial<T>[], clientId: string, options: BulkOptions = {}): Promise<BulkResult<T>[]> {
    return (await this.engine.createMany(items, clientId, options)) as BulkResult<T>[];
  }

  /** Runs the edit on each document as `findOneAndUpdate` would, each for itself. Answers in the order of `ids`. */
  async updateMany(ids: readonly DocumentId[], edit: Edit<T>, clientId: string, options: BulkOptions = {}): Promise<BulkResult<UpdateResult<T>>[]> {
    return (await this.engine.updateMany(ids, edit as unknown as Edit<Image>, clientId, options)) as unknown as BulkResult<UpdateResult<T>>[];
  }

  /**
   * What became of a write whose outcome was unknown: waits for what is still under way, or ends it, and then looks; it never guesses.
   * Works later and in any process; after the event was compacted it answers `{ applied: false }`.
   *
   * @throws DocumentLockedError, OperationTimeoutError when it could not be found out in time; ask again
   */
  resolveOperation(operationId: string, options: ResolveOptions): Promise<OperationOutcome> {
    return this.engine.resolveOperation(operationId, options);
  }

  /**
   * Runs `run` in one transaction of this connection; pass its session as `{ session }` to writes and reads of any feature. All writes
   * commit together or not at all; cache and CQRS events follow after the commit. `run` is called again when a write in it lost a race,
   * so it must read inside (with the session) and have no other effects.
   *
   * @throws whatever `run` throws, after the transaction was aborted
   * @throws IndeterminateOutcomeError when it is not known whether the commit happened
   */
  withTransaction<R>(run: (session: TransactionSession) => Promise<R>): Promise<R> {
    return this.engine.withTransaction(run);
  }
}
