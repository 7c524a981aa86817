import type { Image } from '../model/diff.js';
import type { DocumentEvent } from '../model/document-event.js';
import type { DocumentId } from '../model/document-id.js';

/** One change of one document together with the event that records it: the unit that is committed whole or not at all. */
export interface DocumentChange {
  readonly documentId: DocumentId;
  /** `idKey(documentId)`. */
  readonly key: string;
  /**
   * The number the change is based on: the document's version, for a `create` the number of the tombstone, `0` without one.
   * The event's `serverSeq` is one more.
   */
  readonly expectedVersion: number;
  readonly event: DocumentEvent<Image>;
  /** The document before; `null` for a create. */
  readonly before: Image | null;
  /** The document after, version included; `null` for a delete. */
  readonly after: Image | null;
  /** The id was just made: a create needs no look for what was there under it. */
  readonly isNewId?: boolean;
  /** Estimated BSON bytes that the change puts on the wire. */
  readonly bytes: number;
  /** BSON bytes of `after`, where they were measured. */
  readonly documentBytes?: number;
}

/** How a commit ended for one change. Exactly one of them for each. */
export type CommitOutcome =
  | { readonly kind: 'committed' }
  /** Certainly not written: the database holds something else, or a foreign transaction holds the document (`pending`). */
  | { readonly kind: 'conflict'; readonly pending: boolean }
  /** Certainly not written, for no fault of its own: another change of the same document in the flight was refused. */
  | { readonly kind: 'grounded' }
  /** Certainly not written: an event with this `operationId` is already there; its result is the answer. */
  | { readonly kind: 'repeated' }
  /** Certainly not written, and trying again would not help. */
  | { readonly kind: 'rejected'; readonly error: Error }
  /** Certainly not written: the database could not be reached or was changing its primary. Trying again may help. */
  | { readonly kind: 'unavailable'; readonly error: Error }
  /** The commit was sent and could not be settled in time. */
  | { readonly kind: 'unknown'; readonly error: Error };
