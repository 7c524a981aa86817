import type { Diff } from './diff.js';
import type { DocumentId } from './document-id.js';

/** What happened to the document. A deleted and re-created document goes on with `create` under the next number. */
export type Operation = 'create' | 'update' | 'delete';

/**
 * User keys that travel with an event; at most 16 KiB of BSON, no key empty, with a `.` in it or a `$` in front.
 * Reserved: `correlationId`, `causationId`, `reason`, `revertOf`.
 */
export interface EventMetadata {
  /** Ties together everything that one request caused, across services. */
  readonly correlationId?: string;
  /** The id of the message or event that caused this change. */
  readonly causationId?: string;
  /** Why the change was made, in the words of who made it. */
  readonly reason?: string;
  /** Anything of your own that BSON can hold. */
  readonly [key: string]: unknown;
}

/** What every recorded event says, whatever its operation. */
export interface RecordedEvent<O extends Operation> {
  /** The `_id` of the document. */
  readonly documentId: DocumentId;
  /** The document's version after this change: 1, 2, 3 … per document, without gaps, going on through delete and re-create. */
  readonly serverSeq: number;
  /** Tells {@link CreateEvent}, {@link UpdateEvent} and {@link DeleteEvent} apart. */
  readonly operation: O;
  /** Who asked for the change: 1 to 200 characters, given with every write. */
  readonly clientId: string;
  /**
   * When it was recorded. Never goes back within one process for one document; clocks of several processes may differ,
   * so order is by `serverSeq` only.
   */
  readonly timestamp: Date;
  /** Idempotency key of the write, unique per document; made by the library when the caller gave none. */
  readonly operationId: string;
  /** Shape of the recorded document, for upcasters; absent means the first shape. */
  readonly schemaVersion?: number;
  /** One value for all events of one transaction; only on writes inside `withTransaction` or a caller's session. */
  readonly transactionId?: string;
  /** What the caller gave; absent when it gave nothing. */
  readonly metadata?: EventMetadata;
}

/** A document came into being: `createdDoc` is the full document as stored. */
export interface CreateEvent<T> extends RecordedEvent<'create'> {
  /** With `_id`, defaults and the version field. */
  readonly createdDoc: T;
}

/** A document changed: `diff` says how, with absolute values. */
export interface UpdateEvent extends RecordedEvent<'update'> {
  /** `hasChanges` is always `true` here and `version` is `serverSeq`. */
  readonly diff: Diff;
}

/** A document went away: the tombstone of its history; `deletedDoc` is its last state. */
export interface DeleteEvent<T> extends RecordedEvent<'delete'> {
  /** Its version field is `serverSeq - 1`. */
  readonly deletedDoc: T;
}

/** One recorded change of one document. Discriminated by `operation`: no field is "sometimes there". */
export type DocumentEvent<T = Record<string, unknown>> = CreateEvent<T> | UpdateEvent | DeleteEvent<T>;
