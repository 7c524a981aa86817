import type { Image } from '../model/diff.js';
import type { DocumentEvent } from '../model/document-event.js';
import type { DocumentId } from '../model/document-id.js';
import type { TransactionSession } from '../read/document-reader.js';

/** A document that seems to have no history. */
export interface AdoptionCandidate {
  /** Whatever is stored as `_id`, also where it is no id that the storage knows. */
  readonly documentId: DocumentId;
  /** Its size in BSON bytes. */
  readonly bytes: number;
}

/** What became of a candidate inside the transaction. `'skipped'`: it has a history now, or it is gone. */
export type Adoption = 'adopted' | 'skipped';

/** PORT. Finds documents without history and gives them their first event. */
export abstract class AdoptionStore {
  /** All documents that seem to have no history, in pages of at most `size` of those that were looked at; pages may be empty. */
  abstract candidates(size: number): AsyncIterable<{ readonly looked: number; readonly candidates: readonly AdoptionCandidate[] }>;

  /**
   * Inside the transaction: reads the documents, gives each without history the event that `genesis` makes of its stored image, and the
   * version 1. What `genesis` throws about one document is its refusal.
   * @throws AdoptionRaceError when another writer was in the way: then the transaction is dead
   */
  abstract adopt(
    ids: readonly DocumentId[],
    genesis: (image: Image) => DocumentEvent<Image>,
    session: TransactionSession,
  ): Promise<readonly (Adoption | Error)[]>;
}

/** Somebody else is writing one of the documents. Internal: never reaches a caller. */
export class AdoptionRaceError extends Error {
  /** Tells it from others in logs. */
  override readonly name = 'AdoptionRaceError';
}
