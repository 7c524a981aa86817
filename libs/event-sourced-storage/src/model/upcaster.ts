import type { Image } from './diff.js';
import type { DocumentEvent } from './document-event.js';

/**
 * Reads events of an older shape as if they had been recorded in a newer one. Stored events are never rewritten. Must be a pure function
 * of the event: the same event is read many times.
 */
export interface Upcaster {
  /** The `schemaVersion` of the events it takes; those without one are of shape 1. */
  readonly from: number;
  /** The `schemaVersion` that they have after it; larger than `from`. */
  readonly to: number;
  /**
   * The event in the newer shape; may change what it is given, and return it. Document, number and operation stay. For a state that was
   * kept as a snapshot it is given a create event with that state as `createdDoc`.
   */
  up(event: DocumentEvent<Image>): DocumentEvent<Image>;
}
