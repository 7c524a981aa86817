import type { DocumentId } from '../model/document-id.js';

/** The opaque position of a change stream. Only handed back to {@link ChangeFeed}; it dies with the server's oplog. */
export type ResumeToken = unknown;

/** What the feed tells of one collection of events. */
export type FeedNotice =
  /** This event is committed. Keys only: whoever needs the event reads it. */
  | { readonly kind: 'committed'; readonly documentId: DocumentId; readonly serverSeq: number; readonly token: ResumeToken }
  /** Nothing more was committed up to this position. */
  | { readonly kind: 'idle'; readonly token: ResumeToken }
  /** What was committed lately may not have been told, and will not be: look into the database. The feed goes on from now. */
  | { readonly kind: 'interrupted'; readonly reason: string };

/** Somebody who listens. */
export interface FeedSubscription {
  /** Resolves once everything committed from now on will be told. Rejects never; a feed that cannot start yet keeps trying. */
  readonly ready: Promise<void>;
  /** Tells nothing more. Twice is harmless. */
  close(): Promise<void>;
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

  /** Ends all streams. Twice is harmless. */
  abstract close(): Promise<void>;
}
