import type { EventPage, EventsWithSnapshot } from './history/history-reader.js';
import type { CatchUp, Cursor } from './history/cursor.js';
import type { EventQuery } from './history/event-store.js';
import type { AdoptOptions, AdoptReport } from './maintenance/adopter.js';
import type { RevertResult } from './maintenance/decide-revert.js';
import type { StateDiff } from './maintenance/diff-states.js';
import type { CollectionReport, HistoryReport } from './maintenance/history-problem.js';
import type { RebuildOptions, RebuildResult } from './maintenance/rebuilder.js';
import type { RevertOptions, RevertPoint, RevertPreview } from './maintenance/reverter.js';
import type { VerifyAllOptions } from './maintenance/verifier.js';
import type { DocumentEvent } from './model/document-event.js';
import type { DocumentId } from './model/document-id.js';
import type { Image } from './model/diff.js';
import type { Snapshot } from './model/snapshot.js';
import type { FindManyOptions, FindOptions } from './read/find-options.js';
import type { TransactionSession } from './read/document-reader.js';
import type { CompactManyProgress } from './maintenance/compact-many.js';
import type { CompactOptions, CompactResult } from './maintenance/compactor.js';
import type { SnapshotRound, SnapshotSchedulerStatus } from './maintenance/snapshot.scheduler.js';
import type { PurgeResult } from './maintenance/purger.js';
import type { DeleteResult } from './write/decide-delete.js';
import type { UpdateResult } from './write/decide-update.js';
import type { UpsertResult } from './write/decide-upsert.js';
import type { Edit } from './write/run-edit.js';
import type { BulkOptions, BulkResult, DeleteOptions, OperationOutcome, ResolveOptions, UpdateOptions, UpsertOptions } from './write/write-options.js';
import type { FeedStatus } from './watch/change-feed.js';
import type { EventWatch, WatchOptions } from './watch/event-watch.js';
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
   * A cached answer follows the commits of other processes by the change feed, usually within milliseconds; while the feed is broken or off
   * it may be as old as `cacheTTL` (`feedStatus()` tells). It is never older than what this process wrote or answered before.
   * `{ fresh: true }` reads from the primary with linearizable read concern: a round trip, a confirmation by a majority of the members
   * behind it, and no cache; without that confirmation it ends after 10 seconds, and a server that fell silent is
   * given up after 11, with an `OperationTimeoutError`.
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
  findOneAndUpdate(id: DocumentId, edit: Edit<T>, clientId: string, options: UpdateOptions = {}): Promise<UpdateResult<T>> {
    return this.engine.update(id, edit as unknown as Edit<Image>, clientId, options) as unknown as Promise<UpdateResult<T>>;
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
   * @throws HistoryCompactedError when an event after it was compacted away or erased: `catchUp()` gives the way to go on
   * @throws HistoryCorruptError when an event is missing
   */
  async getMissingEvents(id: DocumentId, afterVersion: number, options: { readonly limit?: number } = {}): Promise<DocumentEvent<T>[]> {
    return (await this.engine.missingEvents(id, afterVersion, options.limit)) as DocumentEvent<T>[];
  }

  /**
   * What a client that keeps a copy has to apply, with the cursor of the last answer (also as text, `formatCursor()`), or without one to
   * begin: the events that it missed, at most 500 or 1 MiB of them, or `reset` with the present state to start again from, and why. Ask again
   * while `cursor.version` is below `head`. An unknown document is as one at version 0 without state.
   *
   * @throws InvalidArgumentError for a cursor of another form
   * @throws HistoryMissingError, HistoryCorruptError
   */
  async catchUp(id: DocumentId, cursor?: Cursor | string | null): Promise<CatchUp<T>> {
    return (await this.engine.catchUp(id, cursor)) as unknown as CatchUp<T>;
  }

  /**
   * A page of events by number, time, client or operation; 1,000 unless `limit` says otherwise. Pass `next` on for the next page. Without `from`
   * a compacted history begins at its first kept event, and the page says so in `floor`.
   * @throws HistoryCompactedError when `from` is an event that was compacted away
   */
  async getEvents(id: DocumentId, range: EventQuery = {}): Promise<EventPage<T>> {
    return (await this.engine.events(id, range)) as unknown as EventPage<T>;
  }

  /**
   * The same one by one, for histories of any length: memory does not grow with them. Checked for holes as it goes, so that
   * `{ from: lastVersion + 1 }` is `getMissingEvents()` for as much as there is.
   * @throws HistoryCompactedError when an event of the range was compacted away, before or meanwhile
   * @throws HistoryCorruptError when an event of the range is missing
   */
  streamEvents(id: DocumentId, range: EventQuery = {}): AsyncIterable<DocumentEvent<T>> {
    return this.engine.streamEvents(id, range) as AsyncIterable<DocumentEvent<T>>;
  }

  /**
   * The document as it was right after the event `version`, or at a time; `null` when it did not exist then.
   *
   * By time: after the longest run of events from the first that were all recorded at or before it.
   * @throws DocumentNotFoundError for an id without any history, HistoryMissingError for a document without one
   * @throws ClientAheadError for a version that is not there yet
   * @throws HistoryCompactedError for a version below the floor
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

  /** How the scheduler of snapshots is doing in this process; asks nobody. */
  snapshotStatus(): SnapshotSchedulerStatus {
    return this.engine.snapshotStatus();
  }

  /**
   * One round of the scheduler now, after the one under way: for tests and command lines. `{ ran: false }` when another process has the lease,
   * or when there is no scheduler or no rule. Never rejects over a failed snapshot, see `failed` and `snapshotStatus().lastError`.
   */
  runSnapshots(): Promise<SnapshotRound> {
    return this.engine.runSnapshots();
  }

  /**
   * The newest snapshot, if there is one, and every event after it. Both empty for an unknown document.
   * @throws HistoryCorruptError when an event is missing
   */
  async getEventsWithSnapshot(id: DocumentId): Promise<EventsWithSnapshot<T>> {
    return (await this.engine.eventsWithSnapshot(id)) as unknown as EventsWithSnapshot<T>;
  }

  /**
   * Removes old events of one document behind a snapshot that was verified against them. The newest event always stays, and so does what a
   * durable handler still needs. From then on the numbers up to `floor` are gone: asking for them is a `HistoryCompactedError`, `catchUp()` answers
   * with a new start, states from `floor` on are found as before. Interrupted, it can be repeated; it never runs by itself.
   *
   * @throws InvalidArgumentError without `keepLast` and `upTo`
   * @throws HistoryCorruptError when events and snapshot do not fit: then nothing was removed
   */
  compact(id: DocumentId, options: CompactOptions): Promise<CompactResult> {
    return this.engine.compact(id, options);
  }

  /** Compacts every history of the collection, one after the other, and tells of each; stop by leaving the loop. A failure of one is told and does not end it. */
  compactMany(options: CompactOptions): AsyncIterable<CompactManyProgress> {
    return this.engine.compactMany(options);
  }

  /**
   * Erases a document for good: the document, all its events and snapshots, and the cached copies. Left are its id, a new epoch, an empty delete
   * event that names `clientId`, and hashes of the operations that created it. Clients learn of it as `reset` with the reason `purged`. A
   * document created later under the id goes on with the next number; the repetition of an old create is a `DocumentPurgedError`. Old events
   * are removed in batches after the commit; interrupted, repeat it. Backups are not touched.
   *
   * @param clientId who erases it. Default `'purge'`
   * @throws IndeterminateOutcomeError, DocumentLockedError, OperationTimeoutError: repeat it
   */
  purge(id: DocumentId, clientId = 'purge'): Promise<PurgeResult> {
    return this.engine.purge(id, clientId);
  }

  /** Voids every cursor of every client, once, after the collections went back to an older state: a restored backup. */
  renewEpochs(): Promise<void> {
    return this.engine.renewEpochs();
  }

  /**
   * Committed events of one document, or of all, of this process and of others: everything committed after the subscription began (of all
   * documents, it may begin with what was committed moments before), per document in order, each event once per subscriber. An `Observable` for subscribers that keep up; `for await` for those that take
   * their time, with a bounded buffer. When events cannot be told, `onGap` says so, and watching goes on. With `watchEnabled: false` only
   * commits of this process are told. Completes with the shutdown.
   */
  watch(id?: DocumentId, options: WatchOptions = {}): EventWatch<T> {
    return this.engine.watch(id, options) as unknown as EventWatch<T>;
  }

  /**
   * How the change feed of this process is doing: whether it is live, when the server was last heard of, how long the last commit took to
   * arrive, how often it broke. While it is not live, cached answers may be as old as `cacheTTL`. Shared by all features of a connection.
   */
  feedStatus(): FeedStatus {
    return this.engine.feedStatus();
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
   * How the state at version `b` differs from the state at version `a`, in either direction; `0` is before the first event. A state without
   * a document counts as empty, and `change` says so. `toJsonPatch()`, `toMergePatch()` and `inverseDiff()` take the answer.
   * @throws as `stateAt` does
   */
  diffBetween(id: DocumentId, a: number, b: number): Promise<StateDiff> {
    return this.engine.diffBetween(id, a, b);
  }

  /**
   * Gives the document the state that it had at `toVersion`, or only some fields of it, as the next event: history is never rewritten. A
   * deleted document comes back by a create event. What the schema says today is asked as for an edit; timestamps of the schema tell the
   * time of the revert. The event's metadata get `revertOf: { version }`. With `dryRun` nothing is written, and the answer tells what would be.
   *
   * @throws DocumentValidationError when the present schema refuses the old state, or would not keep it as it was
   * @throws InvalidArgumentError for a version at which there was no document: use `deleteOne`
   * @throws HistoryCompactedError below the floor, ClientAheadError for a version that is not there yet, and as `findOneAndUpdate`
   */
  revert(id: DocumentId, point: RevertPoint, clientId: string, options: RevertOptions & { readonly dryRun: true }): Promise<RevertPreview>;
  /** The same, written: the next event. */
  revert(id: DocumentId, point: RevertPoint, clientId: string, options?: RevertOptions & { readonly dryRun?: false }): Promise<RevertResult<T>>;
  async revert(id: DocumentId, point: RevertPoint, clientId: string, options: RevertOptions = {}): Promise<RevertResult<T> | RevertPreview> {
    return (await this.engine.revert(id, point, clientId, options)) as unknown as RevertResult<T> | RevertPreview;
  }

  /**
   * Whether document, events and snapshots fit together, as of one moment: writers at the same time cause no false alarm. Reads everything
   * that is stored of the document, and changes nothing. {@link formatReport} makes a text of the answer.
   */
  verify(id: DocumentId): Promise<HistoryReport> {
    return this.engine.verify(id);
  }

  /**
   * The same for all documents, deleted ones included, or a sample of them; each is looked at as of one moment, all together are not.
   * @throws OperationTimeoutError when its signal is aborted
   */
  verifyAll(options: VerifyAllOptions = {}): Promise<CollectionReport> {
    return this.engine.verifyAll(options);
  }

  /**
   * Repairs what `verify` calls repairable: makes the document what its history leads to, or with `prefer: 'document'` records by one event
   * what was changed around the storage; snapshots that are wrong are made again. Says what it changed. Other writers are never overwritten:
   * it looks again when one was faster. Caches of other processes may answer with the old content until `cacheTTL` is over.
   *
   * @throws HistoryCorruptError when the events themselves are damaged: nothing is made from them
   * @throws HistoryMissingError for a document without history, VersionConflictError when writers kept being faster
   */
  async rebuild(id: DocumentId, options: RebuildOptions = {}): Promise<RebuildResult<T>> {
    return (await this.engine.rebuild(id, options)) as unknown as RebuildResult<T>;
  }

  /**
   * Gives every document of the collection that has no history its first event, and the version 1. Documents that cannot have one (too large,
   * an `_id` of another type …) are reported, and the others adopted. Run again, or in several processes at once, it gives none a second one.
   *
   * Old code that still writes around the storage is not overwritten; what it changes after a document was adopted has no event, which
   * `verify` finds and `rebuild` with `prefer: 'document'` records.
   * @throws OperationTimeoutError when its signal is aborted, or the database cannot be reached: run it again, it goes on
   */
  adopt(options: AdoptOptions): Promise<AdoptReport> {
    return this.engine.adopt(options);
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
