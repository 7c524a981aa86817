import { LimitedWarnings } from './cache/limited-warnings.js';
import { HistoryMissingError } from './errors/history-missing.error.js';
import { InvalidArgumentError } from './errors/invalid-argument.error.js';
import { OperationTimeoutError } from './errors/operation-timeout.error.js';
import { StorageClosedError } from './errors/storage-closed.error.js';
import { type EventQuery, type EventStore } from './history/event-store.js';
import { type EventPage, type EventsWithSnapshot, HistoryReader } from './history/history-reader.js';
import type { SnapshotStore } from './history/snapshot-store.js';
import type { HistoryPruner } from './history/history-pruner.js';
import type { StreamFacts, StreamStore } from './history/stream-store.js';
import { type CatchUp, checkCursor, type Cursor, parseCursor } from './history/cursor.js';
import type { CompactionGuard } from './maintenance/compaction-guard.js';
import { checkCompaction, type CompactManyProgress, compactMany } from './maintenance/compact-many.js';
import { type CompactOptions, Compactor, type CompactResult } from './maintenance/compactor.js';
import { Snapshots, type SnapshotScheduling } from './maintenance/snapshots.js';
import type { SnapshotRound, SnapshotSchedulerStatus } from './maintenance/snapshot.scheduler.js';
import { Purger, type PurgeResult } from './maintenance/purger.js';
import type { Shapes } from './history/shapes.js';
import type { HistoryStores } from './history/upcasters.js';
import type { AdoptionStore } from './maintenance/adoption-store.js';
import { type AdoptOptions, type AdoptReport, Adopter } from './maintenance/adopter.js';
import type { AuditStore } from './maintenance/audit-store.js';
import { checkAdopt, checkRebuild, checkRevert, checkVerifyAll } from './maintenance/check-maintenance.js';
import type { RevertResult } from './maintenance/decide-revert.js';
import { diffStates, type StateDiff } from './maintenance/diff-states.js';
import type { CollectionReport, HistoryReport } from './maintenance/history-problem.js';
import { Rebuilder, type RebuildOptions, type RebuildResult } from './maintenance/rebuilder.js';
import { Reverter, type RevertOptions, type RevertPoint, type RevertPreview } from './maintenance/reverter.js';
import { Verifier, type VerifyAllOptions } from './maintenance/verifier.js';
import { cloneValue, idKey } from './model/bson-values.js';
import type { Image } from './model/diff.js';
import type { DocumentEvent } from './model/document-event.js';
import type { DocumentId } from './model/document-id.js';
import type { Snapshot } from './model/snapshot.js';
import type { ResolvedFeatureOptions } from './options/resolve-storage-options.js';
import { checkQuery } from './read/check-query.js';
import type { DocumentCache } from './read/document-cache.js';
import type { DocumentReader, TransactionSession } from './read/document-reader.js';
import type { FindManyOptions, FindOptions } from './read/find-options.js';
import { GatheredReads } from './read/gathered-reads.js';
import { KnownVersions } from './read/known-versions.js';
import { ReadPath } from './read/read-path.js';
import type { ChangeFeed, FeedStatus } from './watch/change-feed.js';
import type { EventHub } from './watch/event-hub.js';
import { EventWatch, type WatchedDocument, type WatchOptions } from './watch/event-watch.js';
import { historyDiffers } from './watch/history-differs.js';
import { StorageWatch, type WatchSettings } from './watch/storage-watch.js';
import { OneDocument } from './maintenance/one-document.js';
import type { AfterCommit } from './write/after-commit.js';
import { checkDate, checkExpected, checkInteger, checkMetadata, checkName, checkOptions, checkTimeout } from './write/check-arguments.js';
import { CommitQueue } from './write/commit-queue.js';
import { decideDelete, type DeleteResult } from './write/decide-delete.js';
import { decideUpdate, type UpdateResult } from './write/decide-update.js';
import { decideUpsert, type UpsertResult } from './write/decide-upsert.js';
import type { DocumentCaster } from './write/document-caster.js';
import type { DocumentCommitter } from './write/document-committer.js';
import type { OperationResolver } from './write/operation-resolver.js';
import { type Edit, isDocumentLike, storable } from './write/run-edit.js';
import { sessionTurn, type TransactionScopes } from './write/transaction-scopes.js';
import { type TransactionCommand, TransactionWriter } from './write/transaction-writer.js';
import type { WriteCommand, WriteRequest } from './write/write-command.js';
import type { BulkOptions, BulkResult, DeleteOptions, OperationOutcome, ResolveOptions, UpdateOptions, UpsertOptions, WriteOptions } from './write/write-options.js';
import type { TaskLimits } from './write/write-task.js';
import type { WriteTools } from './write/write-tools.js';

/** The adapters of one feature. */
export interface StorageAdapters {
  readonly committer: DocumentCommitter;
  readonly resolver: OperationResolver;
  readonly reader: DocumentReader;
  readonly cache: DocumentCache;
  /** In the present shape, as everybody reads them. */
  readonly events: EventStore;
  readonly snapshots: SnapshotStore;
  /** The same as they were written. */
  readonly stored: HistoryStores;
  /** Where the two may differ. */
  readonly shapes?: Shapes | undefined;
  readonly streams: StreamStore;
  readonly pruner: HistoryPruner;
  readonly audit: AuditStore;
  readonly adoption: AdoptionStore;
  readonly caster: DocumentCaster;
  readonly scopes: TransactionScopes;
  readonly afterCommit: AfterCommit;
  /** Commits of all processes on the database. */
  readonly feed: ChangeFeed;
  /** Told of every commit of this process, too. */
  readonly hub: EventHub;
  /** Runs a function in a transaction of the connection, again after a lost race. */
  readonly runTransaction: <R>(run: (session: TransactionSession) => Promise<R>) => Promise<R>;
  /** Whether a failed read may succeed later. */
  readonly isUnavailable: (error: unknown) => boolean;
  /** What the scheduler of snapshots needs; `undefined`: there is none. */
  readonly scheduling?: SnapshotScheduling | undefined;
}

/** What else one feature needs. */
export interface StorageSettings {
  readonly options: ResolvedFeatureOptions;
  readonly now: () => number;
  readonly random: () => number;
  readonly newOperationId: () => string;
  readonly warn: (message: string) => void;
  readonly watch: WatchSettings;
  /** Called at named points of maintenance. @default nothing */
  readonly checkpoint?: ((name: string) => void | Promise<void>) | undefined;
}

/** The author of events that record what was done around the storage. */
const unrecordedClient = 'unrecorded-change';
/** How long a shutdown waits for writes under way, in ms: the default time budget of a call. */
const drainMs = 30_000;

/** One feature without its types and without Nest: checks every argument, then hands the call to the room that knows. */
export class StorageEngine {
  private readonly readPath: ReadPath;
  private readonly history: HistoryReader;
  private readonly queue: CommitQueue;
  private readonly verifier: Verifier;
  private readonly rebuilder: Rebuilder;
  private readonly adopter: Adopter;
  private readonly reverter: Reverter;
  private readonly inTransaction: TransactionWriter;
  private readonly tools: WriteTools;
  private readonly compactor: Compactor;
  private readonly purger: Purger;
  private readonly snapshots: Snapshots;
  private readonly watching: StorageWatch;
  private readonly transactions = new Set<Promise<unknown>>();
  private closing: Promise<void> | undefined;
  private isClosed = false;

  constructor(
    private readonly adapters: StorageAdapters,
    private readonly settings: StorageSettings,
  ) {
    const { options, now, random } = settings;
    const reader = new GatheredReads(adapters.reader);
    this.readPath = new ReadPath(reader, adapters.cache, new KnownVersions(), options.versionField);
    const readerOf = ({ events, snapshots }: HistoryStores, shapes?: Shapes): HistoryReader =>
      new HistoryReader(events, snapshots, adapters.reader, adapters.streams, { versionField: options.versionField, collection: options.collection, now, pruner: adapters.pruner, shapes });
    this.history = readerOf(adapters, adapters.shapes);
    this.snapshots = new Snapshots({ ...adapters, options, history: this.history, now, warn: settings.warn });
    const afterCommit = this.snapshots.listeningTo(adapters.afterCommit);
    this.queue = new CommitQueue({ ...adapters, reader, afterCommit, options, random, readPath: this.readPath });
    this.tools = { options, caster: adapters.caster, events: adapters.events, history: this.history, streams: adapters.streams, now, warn: settings.warn };
    const address = (id: DocumentId): string => `${options.collection}/${String(id)}`;
    const pruning = { ...adapters, ...adapters.stored, versionField: options.versionField, now, address, checkpoint: settings.checkpoint ?? (() => undefined) };
    this.verifier = new Verifier({ ...adapters, ...options, random });
    const maintaining = { ...adapters, options, now, random, readPath: this.readPath, newOperationId: settings.newOperationId };
    this.rebuilder = new Rebuilder({ ...maintaining, verifier: this.verifier });
    this.adopter = new Adopter({ ...maintaining, store: adapters.adoption });
    this.reverter = new Reverter({ tools: this.tools, reader: adapters.reader, scopes: adapters.scopes, sources: { ...adapters, options, readPath: this.readPath } });
    this.compactor = new Compactor(pruning);
    this.purger = new Purger({ ...pruning, readPath: this.readPath, random, newOperationId: settings.newOperationId });
    this.inTransaction = new TransactionWriter({ ...adapters, afterCommit, options, readPath: this.readPath });
    const warnings = new LimitedWarnings(settings.warn, now);
    const stored = readerOf(adapters.stored);
    const stateAt = (id: DocumentId, version: number): Promise<Image | null> => this.history.stateAt(id, version);
    this.watching = new StorageWatch({
      ...adapters,
      options,
      address,
      readPath: this.readPath,
      settings: settings.watch,
      hasOneShape: adapters.shapes === undefined,
      distrust: async (id) => this.readPath.distrust(idKey(id)),
      differs: (id) => historyDiffers(id, { ...adapters.stored, reader: adapters.reader, versionField: options.versionField, stateAt: (each, version) => stored.stateAt(each, version) }),
      record: (id) => this.recordUnrecorded(id, maintaining),
      // where there are upcasters, what is cached may be of another shape than the event
      states: { stateAt, cached: (key, version) => (adapters.shapes === undefined ? this.readPath.exactly(key, version) : Promise.resolve(undefined)) },
      warn: (message) => warnings.warn(message),
    });
  }

  async findOne(id: unknown, options: FindOptions): Promise<Image | null> {
    const documentId = this.open(id, checkOptions(options).session);
    options.signal?.throwIfAborted();
    const { session } = options;
    if (session?.inTransaction() === true) return this.read(() => this.adapters.scopes.of(session).inTurn(sessionTurn, () => this.adapters.reader.read(documentId, { session })));
    const key = idKey(documentId);
    if (session === undefined && options.fresh !== true) {
      const cached = await this.readPath.cached(key);
      if (cached !== undefined) return cloneValue(cached.image);
    }
    return this.read(() => this.readPath.find(documentId, key, options));
  }

  async findMany(filter: unknown, options: FindManyOptions): Promise<Image[]> {
    this.refuseWhenClosed(checkOptions(options).session);
    const query = checkQuery(filter, options);
    return this.read(() => this.adapters.reader.readMany(query, { session: options.session, signal: options.signal }));
  }

  async upsert(data: unknown, clientId: unknown, options: UpsertOptions): Promise<UpsertResult<Image>> {
    this.refuseWhenClosed(checkOptions(options).session);
    if (!isDocumentLike(data)) throw new InvalidArgumentError('data', 'a document is needed: a plain object with its fields');
    const input = storable(data, 'data');
    const given = input['_id'] ?? undefined;
    if (given === undefined && options.operationId !== undefined) {
      throw new InvalidArgumentError('operationId', 'an upsert with operationId needs an explicit _id, or its repetition would create another document');
    }
    const expected = checkExpected(options.expectedVersion ?? 'any', ['no-document', 'any'] as const, false) as 'no-document' | 'any';
    const isNewId = given === undefined;
    const request = { isNewId, ...this.request(isNewId ? this.adapters.caster.newId() : this.adapters.caster.castId(given), clientId, options) };
    return this.write(
      {
        request,
        isNewId,
        operation: 'create',
        decide: (base, _call, tools) => decideUpsert(request, input, expected, base, tools),
        firstResult: (event) => Promise.resolve({ document: cloneValue(event.operation === 'create' ? event.createdDoc : null) as Image, created: true }),
      },
      options,
    );
  }

  async update(id: unknown, edit: Edit<Image>, clientId: unknown, options: UpdateOptions): Promise<UpdateResult<Image>> {
    const documentId = this.open(id, checkOptions(options).session);
    if (typeof edit !== 'function') throw new InvalidArgumentError('edit', 'a function is needed that changes the document or returns the new one');
    const expected = checkExpected(options.expectedVersion ?? 'any', ['any'] as const, true);
    const request = this.request(documentId, clientId, options);
    return this.write(
      {
        request,
        isNewId: false,
        operation: 'update',
        decide: (base, call, tools) => decideUpdate(request, edit, expected, base, call, tools),
        firstResult: (event) => this.firstUpdate(request, event),
      },
      options,
    );
  }

  async delete(id: unknown, clientId: unknown, options: DeleteOptions): Promise<DeleteResult> {
    const documentId = this.open(id, checkOptions(options).session);
    const expectedVersion = checkExpected(options.expectedVersion ?? 'any', ['any'] as const, true);
    const request = this.request(documentId, clientId, options);
    return this.write(
      {
        request,
        isNewId: false,
        operation: 'delete',
        decide: (base, _call, tools) => decideDelete(request, { expectedVersion, throwIfMissing: options.throwIfMissing ?? false }, base, tools),
        firstResult: (event) => Promise.resolve({ deleted: true, version: event.serverSeq }),
      },
      options,
    );
  }

  async missingEvents(id: unknown, after: unknown, limit: unknown): Promise<DocumentEvent<Image>[]> {
    const documentId = this.open(id);
    const from = checkInteger(after, 'afterVersion', 0);
    const most = limit === undefined ? undefined : checkInteger(limit, 'limit', 1);
    return this.read(() => this.history.missingEvents(documentId, from, most));
  }

  async catchUp(id: unknown, cursor: Cursor | string | null | undefined): Promise<CatchUp> {
    const documentId = this.open(id);
    const from = typeof cursor === 'string' ? parseCursor(cursor) : cursor === undefined || cursor === null ? undefined : checkCursor(cursor);
    return this.read(() => this.history.catchUp(documentId, from));
  }

  async streamFacts(id: unknown): Promise<StreamFacts> {
    const documentId = this.open(id);
    return this.read(() => this.history.streamFacts(documentId));
  }

  async events(id: unknown, range: EventQuery): Promise<EventPage<Image>> {
    const documentId = this.open(id);
    return this.read(() => this.history.page(documentId, checkRange(range)));
  }

  streamEvents(id: unknown, range: EventQuery): AsyncIterable<DocumentEvent<Image>> {
    return this.history.stream(this.open(id), checkRange(range));
  }

  async stateAt(id: unknown, given: { readonly version?: unknown; readonly at?: unknown }): Promise<Image | null> {
    const documentId = this.open(id);
    const point: typeof given = given;
    if (!isDocumentLike(given)) throw new InvalidArgumentError('point', 'say either { version } or { at }');
    const isVersion = point.version !== undefined;
    if (isVersion === (point.at !== undefined)) throw new InvalidArgumentError('point', 'say either { version } or { at }');
    if (!isVersion) return this.read(() => this.history.stateAtTime(documentId, checkDate(point.at, 'at')));
    return this.read(() => this.history.stateAt(documentId, checkInteger(point.version, 'version', 0)));
  }

  /** The last version that was recorded by then; `undefined` without any history. */
  async versionAt(id: unknown, at: Date): Promise<number | undefined> {
    const documentId = this.open(id);
    return this.read(() => this.history.versionAt(documentId, at));
  }

  async createSnapshot(id: unknown): Promise<Snapshot<Image>> {
    const documentId = this.open(id);
    return this.read(() => this.snapshots.create(documentId));
  }

  snapshotStatus(): SnapshotSchedulerStatus {
    this.refuseWhenClosed();
    return this.snapshots.status();
  }

  async runSnapshots(): Promise<SnapshotRound> {
    this.refuseWhenClosed();
    return this.snapshots.runOnce();
  }

  /** The application is complete: what runs by itself begins. */
  start(): void {
    this.snapshots.start();
  }

  async eventsWithSnapshot(id: unknown): Promise<EventsWithSnapshot<Image>> {
    const documentId = this.open(id);
    return this.read(() => this.history.eventsWithSnapshot(documentId));
  }

  async compact(id: unknown, options: CompactOptions): Promise<CompactResult> {
    const documentId = this.open(id);
    const policy = checkCompaction(options);
    return this.read(() => this.compactor.compact(documentId, policy));
  }

  compactMany(options: CompactOptions): AsyncIterable<CompactManyProgress> {
    this.refuseWhenClosed();
    return compactMany(this.adapters.pruner, this.compactor, checkCompaction(options));
  }

  /** From now on compaction keeps what this one still needs. */
  guardCompaction(guard: CompactionGuard): void {
    this.compactor.guard(guard);
  }

  async purge(id: unknown, clientId: unknown): Promise<PurgeResult> {
    const documentId = this.open(id);
    const client = checkName(clientId, 'clientId');
    return this.read(() => this.purger.purge(documentId, client));
  }

  async renewEpochs(): Promise<void> {
    this.refuseWhenClosed();
    await this.read(() => this.adapters.streams.renewGeneration());
  }

  async diffBetween(id: unknown, a: unknown, b: unknown): Promise<StateDiff> {
    const documentId = this.open(id);
    const [from, to] = [checkInteger(a, 'from', 0), checkInteger(b, 'to', 0)];
    const [before, after] = await this.read(() => Promise.all([this.history.stateAt(documentId, from), this.history.stateAt(documentId, to)]));
    return diffStates(before, after, { from, to, versionField: this.settings.options.versionField });
  }

  async revert(id: unknown, point: RevertPoint, clientId: unknown, options: RevertOptions): Promise<RevertResult<Image> | RevertPreview> {
    const documentId = this.open(id, checkOptions(options).session);
    const { toVersion } = checkRevert(point, options);
    const metadata = { ...checkMetadata(options.metadata), revertOf: { version: toVersion } };
    const request = this.request(documentId, clientId, { ...options, metadata });
    if (options.dryRun === true) return this.read(() => this.reverter.preview(request, point, options));
    return this.reverter.revert(request, point, options, (command) => this.write(command, options));
  }

  async verify(id: unknown): Promise<HistoryReport> {
    const documentId = this.open(id);
    return this.read(() => this.verifier.verify(documentId));
  }

  async verifyAll(options: VerifyAllOptions): Promise<CollectionReport> {
    this.refuseWhenClosed();
    return this.read(() => this.verifier.verifyAll(checkVerifyAll(options)));
  }

  async rebuild(id: unknown, options: RebuildOptions): Promise<RebuildResult> {
    const documentId = this.open(id);
    const { prefer, clientId } = checkRebuild(options);
    return this.read(() => this.rebuilder.rebuild(documentId, prefer, clientId));
  }

  async adopt(options: AdoptOptions): Promise<AdoptReport> {
    this.refuseWhenClosed();
    return this.read(() => this.adopter.adopt(checkAdopt(options)));
  }

  async withTransaction<R>(run: (session: TransactionSession) => Promise<R>): Promise<R> {
    this.refuseWhenClosed();
    if (typeof run !== 'function') throw new InvalidArgumentError('run', 'a function is needed that takes the session');
    const running = this.adapters.runTransaction(run);
    this.transactions.add(running);
    try {
      return await running;
    } finally {
      this.transactions.delete(running);
    }
  }

  async resolveOperation(operationId: unknown, options: ResolveOptions): Promise<OperationOutcome> {
    const documentId = this.open(checkOptions(options).documentId);
    const name = checkName(operationId, 'operationId');
    const timeoutMs = options.timeoutMs === undefined ? this.settings.options.timeoutMs : checkTimeout(options.timeoutMs);
    const deadline = timeoutMs === 0 ? Infinity : performance.now() + timeoutMs;
    const version = await this.adapters.resolver.resolve(documentId, name, deadline);
    // while its outcome was open, an older copy may have been read
    await this.readPath.forget(idKey(documentId));
    return version === null ? { applied: false } : { applied: true, version };
  }

  async createMany(items: unknown, clientId: unknown, options: BulkOptions): Promise<BulkResult<Image>[]> {
    this.refuseWhenClosed();
    if (!Array.isArray(items)) throw new InvalidArgumentError('items', 'an array of documents is needed');
    return settleAll(items.map((data: unknown) => async () => (await this.upsert(data, clientId, { ...options, expectedVersion: 'no-document' })).document));
  }

  async updateMany(ids: unknown, edit: Edit<Image>, clientId: unknown, options: BulkOptions): Promise<BulkResult<UpdateResult<Image>>[]> {
    this.refuseWhenClosed();
    if (!Array.isArray(ids)) throw new InvalidArgumentError('ids', 'an array of ids is needed');
    return settleAll(ids.map((id: unknown) => () => this.update(id, edit, clientId, options)));
  }

  watch(id: unknown, options: WatchOptions): EventWatch {
    const given = checkOptions(options);
    const documentId = id === undefined ? undefined : this.open(id);
    this.refuseWhenClosed();
    const { collection } = this.settings.options;
    const onGap = given.onGap ?? (({ reason }) => this.settings.warn(`${collection}${documentId === undefined ? '' : `/${String(documentId)}`}: somebody who watches is not told everything: ${reason}`));
    if (typeof onGap !== 'function') throw new InvalidArgumentError('onGap', 'a function is needed that takes what was missed');
    const maxBuffered = given.maxBuffered === undefined ? 1_000 : checkInteger(given.maxBuffered, 'maxBuffered', 1, 1_000_000);
    return new EventWatch(this.adapters.hub, documentId === undefined ? undefined : this.watched(documentId), { onGap, maxBuffered });
  }

  private watched(documentId: DocumentId): WatchedDocument {
    const key = idKey(documentId);
    return { documentId, key, known: () => this.readPath.knownVersion(key) };
  }

  feedStatus(): FeedStatus {
    this.refuseWhenClosed();
    return this.adapters.feed.status();
  }

  /** Begins to listen to the commits of other processes; resolves once they are told. */
  startWatching(): Promise<void> {
    return this.watching.start();
  }

  /** Takes no more calls and waits until every write is settled. Calling it again waits for the same. */
  close(): Promise<void> {
    this.closing ??= this.drain();
    return this.closing;
  }

  private async drain(): Promise<void> {
    const transactions = within(drainMs, Promise.allSettled(this.transactions));
    await Promise.all([within(drainMs, this.snapshots.stop()), this.queue.close(drainMs), transactions]);
    await this.watching.close();
    this.isClosed = true;
  }

  /** Makes the history lead to a document that was changed around the storage. @returns the number of the event, if one was needed */
  private async recordUnrecorded(id: DocumentId, maintaining: Omit<ConstructorParameters<typeof Adopter>[0], 'store'>): Promise<number | undefined> {
    try {
      return (await this.rebuilder.rebuild(id, 'document', unrecordedClient)).event?.serverSeq;
    } catch (error) {
      if (!(error instanceof HistoryMissingError)) throw error;
      const { adopted } = await new Adopter({ ...maintaining, store: new OneDocument(this.adapters.adoption, id) }).adopt({ clientId: unrecordedClient });
      return adopted === 0 ? undefined : 1;
    }
  }

  /** A database that cannot be reached is told in the library's words, like everything else. */
  private async read<R>(work: () => Promise<R>): Promise<R> {
    try {
      return await work();
    } catch (error) {
      if (!this.adapters.isUnavailable(error)) throw error;
      throw new OperationTimeoutError(this.settings.options.collection, 'timeout', `the database cannot be reached (${String(error)})`, { cause: error });
    }
  }

  private write<R>(command: UnboundCommand<R>, options: WriteOptions): Promise<R> {
    if (options.session !== undefined) {
      const { timeoutMs } = this.limits(options);
      const { request, operation, firstResult } = command;
      const decideIn: TransactionCommand<R>['decideIn'] = (transactionId, base) => command.decide(base, 1, { ...this.tools, transactionId });
      return this.inTransaction.write({ request, operation, firstResult, decideIn }, options.session, timeoutMs);
    }
    return this.queue.submit(bind(command, this.tools), this.limits(options));
  }

  private limits(options: WriteOptions): TaskLimits {
    const { timeoutMs, maxRetries } = this.settings.options;
    return {
      timeoutMs: options.timeoutMs === undefined ? timeoutMs : checkTimeout(options.timeoutMs),
      maxRetries: options.maxRetries === undefined ? maxRetries : checkInteger(options.maxRetries, 'maxRetries', 0),
      signal: options.signal,
    };
  }

  private request(documentId: DocumentId, clientId: unknown, options: WriteOptions): WriteRequest {
    return {
      documentId,
      key: idKey(documentId),
      address: `${this.settings.options.collection}/${String(documentId)}`,
      clientId: checkName(clientId, 'clientId'),
      operationId: options.operationId === undefined ? this.settings.newOperationId() : checkName(options.operationId, 'operationId'),
      mayBeRepeated: options.operationId !== undefined,
      metadata: checkMetadata(options.metadata),
    };
  }

  private async firstUpdate(request: WriteRequest, event: DocumentEvent<Image>): Promise<UpdateResult<Image>> {
    if (event.operation !== 'update') throw new TypeError(`event ${event.serverSeq} of ${request.address} is no update`);
    return { document: (await this.history.stateAt(request.documentId, event.serverSeq)) as Image, diff: event.diff };
  }

  private open(id: unknown, session?: TransactionSession): DocumentId {
    this.refuseWhenClosed(session);
    return this.adapters.caster.castId(id);
  }

  /** A transaction under way may still be finished while the storage closes. */
  private refuseWhenClosed(session?: TransactionSession): void {
    if (this.isClosed || (this.closing !== undefined && session === undefined)) throw new StorageClosedError(this.settings.options.collection);
  }
}

/** Every call is made, whatever becomes of the others; the answers stand in the order of the calls. */
async function settleAll<R>(calls: readonly (() => Promise<R>)[]): Promise<BulkResult<R>[]> {
  return Promise.all(
    calls.map(async (call): Promise<BulkResult<R>> => {
      try {
        return { ok: true, value: await call() };
      } catch (error) {
        return { ok: false, error: error instanceof Error ? error : new Error(String(error)) };
      }
    }),
  );
}

/** A command that is still to be told which tools it decides with: those of the feature, or those of a transaction. */
type UnboundCommand<R> = Omit<WriteCommand<R>, 'decide'> & {
  decide(base: Parameters<WriteCommand<R>['decide']>[0], call: number, tools: WriteTools): ReturnType<WriteCommand<R>['decide']>;
};

function bind<R>(command: UnboundCommand<R>, tools: WriteTools): WriteCommand<R> {
  const { request, isNewId, operation } = command;
  return { request, isNewId, operation, decide: (base, call) => command.decide(base, call, tools), firstResult: (event) => command.firstResult(event) };
}

/** Resolves when the work is over, or after the time. */
async function within(ms: number, work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resume) => {
    timer = setTimeout(resume, ms);
  });
  await Promise.race([work, late]);
  clearTimeout(timer);
}

function checkRange(given: EventQuery): EventQuery {
  if (!isDocumentLike(given)) throw new InvalidArgumentError('range', 'an object is needed');
  const range: EventQuery = given;
  if (range.from !== undefined) checkInteger(range.from, 'from', 0);
  if (range.to !== undefined) checkInteger(range.to, 'to', 0);
  if (range.since !== undefined) checkDate(range.since, 'since');
  if (range.until !== undefined) checkDate(range.until, 'until');
  if (range.clientId !== undefined) checkName(range.clientId, 'clientId');
  if (range.limit !== undefined) checkInteger(range.limit, 'limit', 1);
  if (range.operation !== undefined && !['create', 'update', 'delete'].includes(range.operation)) {
    throw new InvalidArgumentError('operation', 'one of create, update, delete is needed');
  }
  if (range.order !== undefined && !['asc', 'desc'].includes(range.order)) throw new InvalidArgumentError('order', '"asc" or "desc" is needed');
  return range;
}
