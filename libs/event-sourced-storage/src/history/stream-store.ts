import type { DocumentId } from '../model/document-id.js';
import type { EventReadOptions } from './event-store.js';

/** What is particular about one history. Most histories have no record: they begin at 1 and were never erased. */
export interface StreamFacts {
  /** Opaque, at most 16 characters of `[A-Za-z0-9_-]`. Changes when the history was erased or rewound: older positions are void. */
  readonly epoch: string;
  /** Catching up works from this number on: the events up to it are compacted away. `0`: the history is complete. */
  readonly floor: number;
  /** The history was erased by `purge()`. */
  readonly purged: boolean;
}

/** PORT. Facts of the histories of one feature that are not plain "from 1". */
export abstract class StreamStore {
  /** The facts of one history; those of a plain one when there is no record. */
  abstract read(id: DocumentId, options?: EventReadOptions): Promise<StreamFacts>;
}
