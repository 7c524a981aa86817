import type { Image } from '../model/diff.js';
import type { DeleteEvent, DocumentEvent } from '../model/document-event.js';
import type { DocumentId } from '../model/document-id.js';
import type { StreamFacts } from './stream-store.js';

/** A document and its history at the moment of its erasure, from one view of the database. */
export interface ErasedState {
  readonly image: Image | null;
  readonly head: DocumentEvent<Image> | null;
  readonly facts: StreamFacts;
}

/** What is left of an erased document. */
export interface Erasure {
  /** Takes the number after everything erased. Says that the document is gone, and nothing of what it was. */
  readonly event: DeleteEvent<Image>;
  /** Distinguishes the epoch of what may come after. */
  readonly mark: string;
}

/** PORT. Removes what is no longer needed, or no longer wanted, of the histories of one feature. What it did is on a majority before it answers. */
export abstract class HistoryPruner {
  /** Removes at most `atMost` events with numbers up to `upTo`, the lowest first. @returns how many; `0`: none is left */
  abstract removeEvents(id: DocumentId, upTo: number, atMost: number): Promise<number>;

  /** Removes the snapshots below a number. @returns how many */
  abstract removeSnapshots(id: DocumentId, below: number): Promise<number>;

  /** The ids of all histories, one by one, in the order of the events. */
  abstract documentIds(): AsyncIterable<DocumentId>;

  /**
   * In one transaction: removes the document, appends the event of the erasure, and notes it: new epoch, and its number as floor. The old
   * events are still there afterwards, to be removed. Run again after a lost race.
   * @param decide sees the state in that transaction; `null` leaves everything as it is
   */
  abstract erase(id: DocumentId, decide: (state: ErasedState) => Erasure | null): Promise<Erasure | null>;
}
