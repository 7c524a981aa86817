import type { Connection, mongo } from 'mongoose';
import { isPlainObject } from '../model/bson-values.js';
import type { DiffPaths } from '../model/diff.js';
import type { Operation } from '../model/document-event.js';
import type { DocumentId } from '../model/document-id.js';
import { ChangeFeed, type FeedNotice, type FeedStatus, type FeedSubscription, type ResumeToken, type UnrecordedChange, type WatchedDocuments } from '../watch/change-feed.js';
import { feedPipeline } from './feed-pipeline.js';
import { dataOf } from './resume-token.js';
import { type StreamedChange, SupervisedStream, type TimePosition } from './supervised-stream.js';
import { TransactionPairs } from './transaction-pairs.js';

/** How often a listener gets a position while only others are told something, in ms. */
const idleMs = 1_000;
/** Sessions are few and live long; a new one is worth opening the stream again, but not at the same moment as its first flight. */
const reopenMs = 200;
const operations: ReadonlySet<unknown> = new Set<Operation>(['create', 'update', 'delete']);

/** What the feed takes from its surroundings. */
export interface ChangeFeedParts {
  readonly warn: (message: string) => void;
  readonly now: () => number;
  readonly random: () => number;
  /** The sessions in which this process commits what it knows by itself; never those that run code of the application. */
  readonly ownSessions?: () => readonly mongo.Binary[];
}

interface Listener {
  readonly eventsCollection: string;
  readonly tell: (notice: FeedNotice) => void;
  /** Learns of this process's own commits elsewhere. */
  readonly knowsOwn: boolean;
  /** When it last got a position, by `performance.now()`. */
  toldAt: number;
}

interface UnrecordedListener {
  readonly documents: WatchedDocuments;
  readonly tell: (change: UnrecordedChange) => void;
}

/** The change stream of one database, shared by all who listen from now on; who listens from a position has a stream of its own. */
export class MongooseChangeFeed extends ChangeFeed {
  private readonly listeners = new Set<Listener>();
  private readonly unrecorded = new Set<UnrecordedListener>();
  private readonly collections = new Set<string>();
  private readonly documents = new Map<string, WatchedDocuments>();
  private readonly pairs = new TransactionPairs((documents, change) => this.tellUnrecorded(documents, change));
  private readonly streams = new Set<SupervisedStream>();
  private shared: SupervisedStream | undefined;
  private last: StreamedChange | undefined;
  private live: Promise<void> = Promise.resolve();
  /** What the shared stream leaves out as it is open now. */
  private leftOut: readonly mongo.Binary[] = [];
  private reopening: NodeJS.Timeout | undefined;
  private hasLost = false;
  private isClosed = false;

  constructor(
    private readonly connection: Connection,
    private readonly parts: ChangeFeedParts,
  ) {
    super();
  }

  override subscribe(eventsCollection: string, listener: (notice: FeedNotice) => void, after?: ResumeToken): FeedSubscription {
    const entry: Listener = { eventsCollection, tell: listener, knowsOwn: false, toldAt: performance.now() };
    return after === undefined || after === null ? this.share(entry) : this.subscribeAfter(entry, after);
  }

  override subscribeToOthers(eventsCollection: string, listener: (notice: FeedNotice) => void): FeedSubscription {
    return this.share({ eventsCollection, tell: listener, knowsOwn: true, toldAt: performance.now() });
  }

  /**
   * This process writes with other sessions than before: what the stream leaves out is no longer right.
   * @param wasKilled what the one that went may still have done was left out, and nobody here knows of it: told as an interruption
   */
  sessionsChanged(wasKilled = false): void {
    if (this.shared === undefined || this.isClosed) return;
    this.hasLost ||= wasKilled && this.leftOut.length > 0;
    this.reopening ??= setTimeout(() => {
      this.reopening = undefined;
      if (this.shared !== undefined && !this.isClosed && (this.hasLost || !sameSessions(this.sessionsToLeaveOut(), this.leftOut))) this.reopen(this.shared);
    }, reopenMs).unref();
  }

  private reopen(shared: SupervisedStream): void {
    const { hasLost } = this;
    this.hasLost = false;
    this.live = shared.open();
    if (hasLost) void this.live.then(() => this.interrupt(({ knowsOwn }) => knowsOwn, 'a session of this process was given up'));
  }

  private share(entry: Listener): FeedSubscription {
    const { eventsCollection, knowsOwn } = entry;
    this.listeners.add(entry);
    const isNew = !this.collections.has(eventsCollection) || (!knowsOwn && this.leftOut.length > 0);
    this.collections.add(eventsCollection);
    return this.subscription(isNew, () => this.listeners.delete(entry));
  }

  private sessionsToLeaveOut(): readonly mongo.Binary[] {
    for (const { knowsOwn } of this.listeners) if (!knowsOwn) return [];
    return [...(this.parts.ownSessions?.() ?? [])];
  }

  override subscribeUnrecorded(documents: WatchedDocuments, listener: (change: UnrecordedChange) => void): FeedSubscription {
    const entry: UnrecordedListener = { documents, tell: listener };
    this.unrecorded.add(entry);
    const isNew = !this.documents.has(documents.collection) || !this.collections.has(documents.eventsCollection);
    this.documents.set(documents.collection, documents);
    this.collections.add(documents.eventsCollection);
    return this.subscription(isNew, () => this.unrecorded.delete(entry));
  }

  override status(): FeedStatus {
    return (this.isClosed ? undefined : this.shared?.status()) ?? { state: 'off', heardAt: undefined, lagMs: undefined, restarts: 0, interruptions: 0 };
  }

  override async close(): Promise<void> {
    this.isClosed = true;
    clearTimeout(this.reopening);
    this.listeners.clear();
    this.unrecorded.clear();
    await Promise.all([...this.streams].map((stream) => stream.close()));
  }

  /** Resolves after the first try to open the shared stream, successful or not: a start waits for that much. */
  async tried(): Promise<void> {
    await this.shared?.tried;
  }

  private subscription(isNew: boolean, leave: () => unknown): FeedSubscription {
    if (isNew && !this.isClosed) {
      this.shared ??= this.stream([], {
        onChange: (change) => this.dispatch(change),
        onQuiet: (token) => this.quiet(token),
        onInterrupted: (reason) => this.interrupt(() => true, reason),
        onWarning: this.parts.warn,
      });
      // opened again where it was, with more to listen to
      this.live = this.shared.open();
    }
    return {
      ready: this.live,
      close: async () => {
        leave();
        await this.closeUnused();
      },
    };
  }

  /** The last listener turns off the light. */
  private async closeUnused(): Promise<void> {
    const { shared } = this;
    if (shared === undefined || this.listeners.size > 0 || this.unrecorded.size > 0) return;
    this.shared = undefined;
    this.collections.clear();
    this.documents.clear();
    this.pairs.clear();
    this.streams.delete(shared);
    await shared.close();
  }

  private subscribeAfter(entry: Listener, after: ResumeToken): FeedSubscription {
    if (this.isClosed) return { ready: Promise.resolve(), close: () => Promise.resolve() };
    const one = new Set([entry]);
    const stream = this.stream(
      [entry.eventsCollection],
      {
        onChange: (change) => this.tellAll(one, change),
        onQuiet: (token) => this.tell(entry, { kind: 'idle', token }),
        onInterrupted: (reason) => this.tell(entry, { kind: 'interrupted', reason }),
        onWarning: this.parts.warn,
      },
      after,
    );
    return {
      ready: stream.open(),
      close: async () => {
        one.clear();
        this.streams.delete(stream);
        await stream.close();
      },
    };
  }

  private stream(own: readonly string[], handler: ConstructorParameters<typeof SupervisedStream>[0]['handler'], after?: ResumeToken): SupervisedStream {
    const { now, random } = this.parts;
    const pipeline = (isCareful: boolean): object[] => (own.length > 0 ? feedPipeline(own, []) : this.sharedPipeline(!isCareful));
    const positionFor = (token: ResumeToken): ResumeToken => (own.length > 0 ? token : this.sharedPosition(token));
    const stream = new SupervisedStream({ connection: this.connection, pipeline, positionFor, handler, after, now, random });
    this.streams.add(stream);
    return stream;
  }

  private sharedPipeline(withDiffs: boolean): object[] {
    this.leftOut = this.sessionsToLeaveOut();
    return feedPipeline([...this.collections], [...this.documents.values()], this.leftOut, withDiffs);
  }

  // ---- what the shared stream brings

  private dispatch(change: StreamedChange): void {
    this.tellAll(this.listeners, change);
    // ids of documents that somebody else made may be anything
    this.contain(() => change.ns?.coll ?? 'a document', () => this.pairs.add(change, this.documents));
    this.last = change;
    this.refreshPositions(change._id);
  }

  private quiet(token: ResumeToken): void {
    this.pairs.flush();
    const now = performance.now();
    for (const listener of this.listeners) this.idle(listener, token, now);
  }

  /** A listener whose collection is quiet while others are busy would grow an old position, which dies with the oplog. */
  private refreshPositions(token: ResumeToken): void {
    const now = performance.now();
    for (const listener of this.listeners) if (now - listener.toldAt >= idleMs) this.idle(listener, token, now);
  }

  private idle(listener: Listener, token: ResumeToken, now: number): void {
    listener.toldAt = now;
    this.tell(listener, { kind: 'idle', token: this.positionFor(listener, token) });
  }

  /**
   * A stream of the listener's own does not let the changes of others through, so that it cannot be asked to go on after one of them:
   * it goes on at its time instead, and may tell a little twice.
   */
  private positionFor({ eventsCollection }: Listener, token: ResumeToken): ResumeToken {
    const { last } = this;
    const isOfOther = last !== undefined && dataOf(last._id) === dataOf(token) && (last.operationType !== 'insert' || last.ns?.coll !== eventsCollection);
    return isOfOther && last.clusterTime !== undefined ? ({ operationTime: last.clusterTime } satisfies TimePosition) : token;
  }

  /** What the shared stream leaves out from now on may be the very change that it stopped at. */
  private sharedPosition(token: ResumeToken): ResumeToken {
    const { last, leftOut } = this;
    // only a change of a session can be left out; the end of a database, taken by its time, would come again and again
    const isAtLast = leftOut.length > 0 && last?.lsid !== undefined && last.clusterTime !== undefined && dataOf(last._id) === dataOf(token);
    return isAtLast ? ({ operationTime: last.clusterTime } satisfies TimePosition) : token;
  }

  private tellAll(listeners: ReadonlySet<Listener>, change: StreamedChange): void {
    const { operationType, ns, documentKey } = change;
    if (operationType !== 'insert') {
      this.lookForLoss(listeners, change);
      return;
    }
    const key = documentKey?._id as { readonly d?: DocumentId; readonly v?: unknown } | undefined;
    if (key?.d === undefined || key.v === undefined) return;
    const operation = operations.has(change.operation) ? (change.operation as Operation) : undefined;
    const diff = operation === 'update' && isDiff(change.diff) ? change.diff : undefined;
    for (const listener of listeners) {
      if (listener.eventsCollection !== ns?.coll) continue;
      listener.toldAt = performance.now();
      this.tell(listener, { kind: 'committed', documentId: key.d, serverSeq: Number(key.v), operation, diff, token: change._id });
    }
  }

  /** Collections that go away take their documents with them, without an event of their own. */
  private lookForLoss(listeners: ReadonlySet<Listener>, { operationType, ns }: StreamedChange): void {
    if (operationType === 'dropDatabase') this.interrupt(() => true, 'the database was dropped', listeners);
    if (operationType !== 'drop' && operationType !== 'rename') return;
    const name = ns?.coll ?? '';
    const events = this.documents.get(name)?.eventsCollection ?? name;
    this.interrupt((listener) => listener.eventsCollection === events, `the collection "${name}" was ${operationType === 'drop' ? 'dropped' : 'renamed'}`, listeners);
  }

  private interrupt(isMeant: (listener: Listener) => boolean, reason: string, listeners: ReadonlySet<Listener> = this.listeners): void {
    this.pairs.clear();
    for (const listener of listeners) if (isMeant(listener)) this.tell(listener, { kind: 'interrupted', reason });
  }

  private tellUnrecorded({ collection }: WatchedDocuments, change: UnrecordedChange): void {
    for (const { documents, tell } of this.unrecorded) {
      if (documents.collection === collection) this.contain(() => `${collection}/${String(change.documentId)}`, () => tell(change));
    }
  }

  private tell({ eventsCollection, tell }: Listener, notice: FeedNotice): void {
    this.contain(
      () => (notice.kind === 'committed' ? `${eventsCollection}/${String(notice.documentId)}@${notice.serverSeq}` : eventsCollection),
      () => tell(notice),
    );
  }

  /** What a listener throws is its own problem. */
  private contain(address: () => string, work: () => void): void {
    try {
      work();
    } catch (error) {
      this.parts.warn(`${address()}: a listener of the change feed failed: ${String(error)}`);
    }
  }
}

/** Somebody else may have put anything there. */
function isDiff(value: unknown): value is DiffPaths {
  return isPlainObject(value) && isPlainObject(value['set']) && Array.isArray(value['unset']) && value['unset'].every((path) => typeof path === 'string');
}

function sameSessions(a: readonly mongo.Binary[], b: readonly mongo.Binary[]): boolean {
  return textOf(a) === textOf(b);
}

function textOf(sessions: readonly mongo.Binary[]): string {
  return sessions.map((id) => id.toString('hex')).toSorted().join();
}
