import type { DocumentId } from '../model/document-id.js';

/**
 * What a verification can find.
 *
 * - `event-missing`: a hole, or a document that is ahead of its newest event
 * - `event-changed`: an event is not what was written, by its checksum
 * - `event-unreadable`: a record that is no event
 * - `event-unfoldable`: an event that does not fit the state before it
 * - `event-without-effect`: an update that changes nothing
 * - `image-differs`: the image in a create or delete event is not the state that it has to be
 * - `number-wrong`: a number of an event, a snapshot or the document is not the one it must be, or of another BSON type
 * - `document-differs`, `document-missing`, `document-unexpected`: the document is not what its history leads to
 * - `history-missing`: a document without any event; `adopt()` gives it one
 * - `snapshot-differs`, `snapshot-ahead`: a snapshot is not the state at its number, or of a number that never was
 * - `snapshot-missing`: the events are compacted away, and the snapshot that stands for them is not there
 * - `upcast-failed`: an upcaster cannot read an old event
 */
export type HistoryProblemKind =
  | 'event-missing'
  | 'event-changed'
  | 'event-unreadable'
  | 'event-unfoldable'
  | 'event-without-effect'
  | 'image-differs'
  | 'number-wrong'
  | 'document-differs'
  | 'document-missing'
  | 'document-unexpected'
  | 'history-missing'
  | 'snapshot-differs'
  | 'snapshot-ahead'
  | 'snapshot-missing'
  | 'upcast-failed';

/** One thing that is wrong. */
export interface HistoryProblem {
  /** What kind of thing; see {@link HistoryProblemKind}. */
  readonly kind: HistoryProblemKind;
  /** The number of the event or snapshot; absent when it is about the document. */
  readonly serverSeq?: number;
  /** A number or word that should be there. Never content of documents. */
  readonly expected?: string | number;
  /** What is there instead. */
  readonly found?: string | number;
  /** One sentence for people: paths, but no values of documents. */
  readonly message: string;
  /** Whether `rebuild()` can repair it. */
  readonly repairable: boolean;
}

/** What `verify()` answers. */
export interface HistoryReport {
  /** No problem was found. */
  readonly ok: boolean;
  /** The document that was looked at. */
  readonly documentId: DocumentId;
  /** The newest number of its history; `0` without one. */
  readonly head: number;
  /** How many events were read. `0` for an id that nothing is stored under, which is no problem. */
  readonly checkedEvents: number;
  /** Empty when `ok`. */
  readonly problems: readonly HistoryProblem[];
  /** What is worth knowing and no problem, for example that a compaction was interrupted and will be finished by the next. */
  readonly notes: readonly string[];
}

/** What `verifyAll()` answers. */
export interface CollectionReport {
  /** No problem was found in what was looked at. */
  readonly ok: boolean;
  /** The collection of the documents. */
  readonly collection: string;
  /** How many documents, deleted ones included, were looked at. */
  readonly checkedDocuments: number;
  /** How many events were read. */
  readonly checkedEvents: number;
  /** How many problems were found. */
  readonly problems: number;
  /** The reports of the documents with problems; the first 1,000 of them. */
  readonly documents: readonly HistoryReport[];
}
