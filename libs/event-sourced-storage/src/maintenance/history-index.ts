import type { DocumentId } from '../model/document-id.js';

/** The end of a history. */
export interface HistoryHead {
  readonly serverSeq: number;
  readonly isDeleted: boolean;
}

/** PORT. Finds histories and measures them, without reading what is in their events. Every question is answered by keys. */
export abstract class HistoryIndex {
  /** The ids of at most `limit` histories after this one (`undefined`: from the first one on), those of deleted documents too, in a fixed order. */
  abstract idsAfter(after: DocumentId | undefined, limit: number): Promise<DocumentId[]>;

  /** The end of a history, or `null` when there is none. */
  abstract head(id: DocumentId): Promise<HistoryHead | null>;

  /** When the oldest event that is kept was recorded; `null` when there is none. */
  abstract oldestAt(id: DocumentId): Promise<Date | null>;

  /** BSON bytes of all events after a number. */
  abstract bytesAfter(id: DocumentId, after: number): Promise<number>;
}
