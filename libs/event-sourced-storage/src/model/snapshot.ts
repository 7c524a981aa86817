import type { DocumentId } from './document-id.js';

/** The state of a document at one number. Disposable: deleting all snapshots changes no answer, only its cost. */
export interface Snapshot<T = Record<string, unknown>> {
  /** The `_id` of the document. */
  readonly documentId: DocumentId;
  /** The number of the last event that is part of `state`. */
  readonly serverSeq: number;
  /** The document at that number; `null` when it was deleted by that event. */
  readonly state: T | null;
  /** When the snapshot was made, by the clock of the process that made it. */
  readonly createdAt: Date;
  /** Shape of `state`, for upcasters: that in which it is read as what its events lead to; absent means the first shape. */
  readonly schemaVersion?: number;
  /**
   * Paths in `state` that are left out when it is read in the present shape: the document still has them because its schema does not name
   * them any more, and its events, as the upcasters read them, do not.
   */
  readonly leftovers?: readonly string[];
}
