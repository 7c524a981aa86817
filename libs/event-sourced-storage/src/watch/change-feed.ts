import type { DiffPaths } from '../model/diff.js';
import type { Operation } from '../model/document-event.js';
import type { DocumentId } from '../model/document-id.js';

/** The opaque position of a change stream. Only handed back to {@link ChangeFeed}; it dies with the server's oplog. */
export type ResumeToken = unknown;

/** What the feed tells of one collection of events. */
export type FeedNotice =
  /** This event is committed. Little more than its keys: whoever needs the event reads it. */
  | {
      readonly kind: 'committed';
      readonly documentId: DocumentId;
      readonly serverSeq: number;
      /** What the event did; `undefined` for a record of no known kind. */
      readonly operation?: Operation | undefined;
      /** What the event changed; only of a small update, and only to those who listen from now on. */
      readonly diff?: DiffPaths | undefined;
      readonly token: ResumeToken;
    }
  /** Nothing more was committed up to this position. About once a second while nothing else is told. */
  | { readonly kind: 'idle'; readonly token: ResumeToken }
  /** What was committed lately may not have been told, and will not be: look into the database. The feed goes on from now. */
  | { readonly kind: 'interrupted'; readonly reason: string };

/** Documents whose changes are compared with their events. */
export interface WatchedDocuments {
  readonly collection: string;
  readonly eventsCollection: string;
  readonly versionField: string;
}

/** A document changed, and the same transaction recorded no event of it. Whether the history is behind now shows in the database. */
export interface UnrecordedChange {
  readonly documentId: DocumentId;
  readonly operation: 'insert' | 'update' | 'replace' | 'delete';
}

/** Somebody who listens. */
export interface FeedSubscription {
  /** Resolves once everything committed from now on will be told. Rejects never; a feed that cannot start yet keeps trying. */
  readonly ready: Promise<void>;
  /** Tells nothing more. Twice is harmless. */
  close(): Promise<void>;
}

/** How the feed of this process is doing. */
export interface FeedStatus {
  /** `off`: nobody listens; `starting`: not open yet; `live`; `restarting`: broken, and trying to go on. */
  readonly state: 'off' | 'starting' | 'live' | 'restarting';
  /** When the server was last heard of, by this process's clock in ms since 1970, with or without news; `undefined` before the first time. */
  readonly heardAt: number | undefined;
  /**
   * From the server's commit of the last change told to its arrival here, in ms; it carries the difference of the two clocks. `undefined`
   * before the first change.
   */
  readonly lagMs: number | undefined;
  /** How often the feed was opened again after its first opening. */
  readonly restarts: number;
  /** How often it could not go on where it was, so that commits were not told. */
  readonly interruptions: number;
}

/**
 * PORT. Tells of commits, of this process and of others, per document in the order of the numbers, each at least once, by the keys of the
 * events. What a listener throws harms nobody. One stream is shared by all who listen from now on.
 */
export abstract class ChangeFeed {
  /**
   * Listens to one collection of events.
   * @param after the position to go on from, on a stream of its own; left out: from now on. A position that is lost is told as
   * `interrupted`, and the subscription goes on from now.
   */
  abstract subscribe(eventsCollection: string, listener: (notice: FeedNotice) => void, after?: ResumeToken): FeedSubscription;

  /**
   * The same for a listener who learns of this process's own commits from themselves. While all listeners are of this kind, the feed may
   * leave those out: a change that travels costs server and process about a third of what the write did.
   */
  subscribeToOthers(eventsCollection: string, listener: (notice: FeedNotice) => void): FeedSubscription {
    return this.subscribe(eventsCollection, listener);
  }

  /**
   * Listens to changes of documents that came without their event, from now on, each at least once. A transaction that sets the version
   * field itself is taken for one that knows what it does.
   */
  abstract subscribeUnrecorded(documents: WatchedDocuments, listener: (change: UnrecordedChange) => void): FeedSubscription;

  /** How the shared stream is doing. */
  abstract status(): FeedStatus;

  /** Ends all streams. Twice is harmless. */
  abstract close(): Promise<void>;
}
