import type { Upcaster } from '../model/upcaster.js';
import type { SnapshotOptions, SnapshotSchedulerOptions } from './snapshot-options.js';

/** How often and how long a write is tried. */
export interface RetryOptions {
  /**
   * How often a write that lost a race, or did not reach the database, is tried again. `0` means one attempt.
   * A document that an open transaction holds is tried until `timeoutMs` is over, unless this is `0`.
   * @default 100
   */
  maxRetries?: number;
  /**
   * Upper bound of the first waiting time between two attempts, in milliseconds; it doubles with each attempt and the real wait is
   * a random part of it (full jitter). `0` retries at once. A database that cannot be reached is asked after up to 500 ms instead.
   * @default 10
   */
  retryDelayMs?: number;
  /**
   * Where the doubling ends, in milliseconds. `0` retries at once.
   * @default 100
   */
  maxRetryDelayMs?: number;
  /**
   * Time budget of one call including all attempts, in milliseconds. `0` means none.
   * @default 30_000
   */
  timeoutMs?: number;
}

/** Sizes above which a write is refused, so that nothing near the server's 16 MiB ever reaches it unmeasured. */
export interface LimitOptions {
  /**
   * Largest document, in BSON bytes, and so the largest that a create or delete event carries; a delete is never refused for its size.
   * At most 15 MiB, the default. `0` is refused.
   * @default 15_728_640 (15 MiB)
   */
  maxDocumentBytes?: number;
  /**
   * Largest update event, in BSON bytes: its diff, its metadata and 512 for the rest. At most 15 MiB. `0` is refused.
   * @default 2_097_152 (2 MiB)
   */
  maxEventBytes?: number;
  /**
   * Size of an update event above which a warning is logged, in BSON bytes. `0` never warns.
   * @default 1_048_576 (1 MiB)
   */
  warnEventBytes?: number;
  /**
   * Number of events of one document at which, and at each multiple of which, a warning suggests a snapshot. `0` never warns.
   * @default 10_000
   */
  warnHistoryLength?: number;
}

/** Options that `forRoot` sets for all features and a feature may override. */
export interface SharedOptions extends RetryOptions, LimitOptions {
  /**
   * How long a cached document may answer reads, in milliseconds. `0` keeps it until it is evicted.
   * A stale entry never decides a write: the commit compares versions in the database.
   * @default 600_000 (10 minutes)
   */
  cacheTTL?: number;
  /**
   * How many writes of one feature may be unanswered in this process, those of bulks one by one and those in a `session` not counted; one
   * more gets an `OverloadError`. `0` is refused. Each takes at most 4 KB of memory beside what its caller gave it (docs/performance.md).
   * @default 100_000
   */
  maxQueued?: number;
  /**
   * How many changes (a document and its event each) one commit carries at the most, and how many of one feature are decided ahead.
   * At most 10,000. `0` is refused.
   * @default 500
   */
  maxFlightChanges?: number;
  /**
   * How many BSON bytes of documents and events one commit carries at the most; a larger single change goes alone. At most 8 MiB: a
   * transaction stays in the server's cache until it ends. `0` is refused.
   * @default 4_194_304 (4 MiB)
   */
  maxFlightBytes?: number;
  /**
   * How many commits of one feature may be under way at once in this process, beside one for documents that other processes write too.
   * At most 16. `0` is refused.
   * @default 1
   */
  flights?: number;
}

/** What a cache must offer: every cache-manager 7 cache does. */
export interface CacheBackend {
  /** The value, or `undefined` or `null` for none. A failure counts as none. */
  get(key: string): Promise<unknown>;
  /** Stores it; `ttl` in milliseconds, `0` for no end. */
  set(key: string, value: unknown, ttl?: number): Promise<unknown>;
  /** Removes it; removing what is not there is no failure. */
  del(key: string): Promise<unknown>;
}

/** Options of `EventSourcedStorageModule.forRoot()`. */
export interface StorageModuleOptions extends SharedOptions {
  /** Snapshots of all features; a feature overrides them rule by rule. Without a rule none is made by itself. */
  snapshots?: SnapshotOptions;
  /** Makes the snapshots that the rules ask for, in one process at a time. Left out: this process makes none by itself. */
  snapshotScheduler?: SnapshotSchedulerOptions;
  /**
   * A cache-manager cache for documents, shared or local; entries are encoded by the library, so BSON types survive any store.
   * Left out: an LRU in this process, bounded by `cacheMaxBytes`. `false`: no cache.
   */
  cache?: CacheBackend | false;
  /**
   * Bound of the default cache over all features, in estimated BSON bytes: of each document, its key and 512 for the entry. The heap behind
   * them is larger: measured at one to three times for texts, numbers, ObjectIds and small objects, at seven for arrays of dates.
   * Not used with a `cache` of your own. `0` is refused: say `cache: false`.
   * @default 67_108_864 (64 MiB)
   */
  cacheMaxBytes?: number;
  /**
   * How long an answer of a `cache` of your own is waited for, in milliseconds; later counts as a miss. `0` waits for ever.
   * @default 250
   */
  cacheTimeoutMs?: number;
  /**
   * Whether this process listens to commits of other processes, by one change stream per database. `false`: what others write is seen when
   * `cacheTTL` is over, `watch()` tells of this process only, and changes around the storage are not noticed.
   * @default true
   */
  watchEnabled?: boolean;
  /**
   * What happens to a cached document that another process changed, in the words of MongoDB's `fullDocument`. `'updateLookup'`: it is
   * kept up at once, so that the next read finds it: by the difference of a small update, else by reading it again. `'default'`: it is dropped,
   * and read when it is asked for. `'whenAvailable'`: the first where the collection keeps `changeStreamPreAndPostImages`, else the second.
   * `'required'`: as `'updateLookup'`, and the application does not start where a collection keeps none. The stream itself carries nothing
   * large, so that no size of a document can end it.
   * @default 'updateLookup'
   */
  watchFullDocument?: 'updateLookup' | 'required' | 'whenAvailable' | 'default';
  /**
   * Who publishes CQRS events: `'committer'`, the process that committed; `'everywhere'`, every process, what it sees in the change feed,
   * its own commits too, each once (needs `watchEnabled`); `'never'`, nobody.
   * @default 'committer'
   */
  publish?: 'committer' | 'everywhere' | 'never';
  /**
   * The clock, in milliseconds since 1970. For tests.
   * @default Date.now
   */
  now?: () => number;
  /**
   * Random numbers from 0 to below 1, for jitter. For tests.
   * @default Math.random
   */
  random?: () => number;
  /**
   * Makes the mark that every event of one commit carries; must be unique. For tests.
   * @default a new ObjectId
   */
  newFlightId?: () => unknown;
  /**
   * Called at the named points of maintenance (`compact:begin`, `purge:erased` …), and waited for. For tests that interrupt it there.
   * @default nothing is called
   */
  checkpoint?: (name: string) => void | Promise<void>;
}

/** Options of one entry of `EventSourcedStorageModule.forFeature()`, beside `name` and `schema`. */
export interface FeatureOptions extends SharedOptions {
  /** Snapshots of this feature, where it differs from the module's. */
  snapshots?: SnapshotOptions;
  /**
   * The field that holds the document's version.
   * @default the schema's `versionKey` when it is not Mongoose's own `__v`, else `version`
   */
  versionField?: string;
  /**
   * Name of the collection of events.
   * @default `<collection>_events`
   */
  eventsCollection?: string;
  /**
   * Name of the collection of snapshots.
   * @default `<collection>_snapshots`
   */
  snapshotsCollection?: string;
  /**
   * Name of the collection of what is particular about single histories: compacted up to a number, erased. Ordinary documents have no record.
   * @default `<collection>_streams`
   */
  streamsCollection?: string;
  /**
   * What is done when a document was changed around the storage, by a script or another program, so that its history does not lead to it
   * any more. `'warn'`: one line in the log, at most every 10 seconds. `'record'`: one event by the client `unrecorded-change` records the
   * difference, and the document gets its number; a change that raised the version itself is only told, for it looks like a history that
   * lost its end. `'ignore'`: nothing, and such changes are not listened to. Needs `watchEnabled`; what
   * happens while no process listens is found by `verifyAll()`.
   * @default 'warn'
   */
  onUnrecordedChange?: 'warn' | 'record' | 'ignore';
  /**
   * Recorded with every event, for upcasters of later shapes; a positive integer, `0` is refused.
   * @default none: the event has no such field, which means the first shape
   */
  schemaVersion?: number;
  /**
   * Read events and snapshots of older shapes as if they had been recorded in the present one, `schemaVersion`, to which they have to lead
   * without a gap. What is stored is never rewritten. An upcaster that throws makes the read a `HistoryCorruptError`.
   * @default none
   */
  upcasters?: readonly Upcaster[];
  /**
   * Whether every event carries a checksum of its bytes (9 bytes more, some microseconds of a commit), so that `verify()` finds any changed
   * event, also one whose values were overwritten later. Turning it off or on concerns new events only.
   * @default true
   */
  eventChecksums?: boolean;
}
