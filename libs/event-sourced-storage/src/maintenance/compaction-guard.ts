import type { DocumentId } from '../model/document-id.js';

/** PORT. Somebody who still has to read events: what it has not seen must not be compacted away. */
export abstract class CompactionGuard {
  /** The lowest number of this history that is still needed; `null` when none is. Asked before anything is removed. */
  abstract lowestNeeded(id: DocumentId): Promise<number | null>;
}
