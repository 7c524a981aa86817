import type { Image } from '../model/diff.js';

/** What the cache holds for one document. */
export interface CachedDocument {
  readonly version: number;
  /** When the newest event known was recorded, in ms; `0` when unknown. */
  readonly timestamp: number;
  /** The document's image; shared, so nobody may change it. */
  readonly image: Image;
}

/**
 * PORT. Remembers documents. It may forget, be slow, fail or hold old entries: that costs time, never truth.
 * Keys are `idKey(documentId)`; one cache object serves one feature.
 */
export abstract class DocumentCache {
  /** The entry, or `undefined`. Never rejects: a failure is a miss. */
  abstract get(key: string): Promise<CachedDocument | undefined>;

  /** Stores the entry unless a newer version is there. Never rejects: after a failed put the entry is dropped if that is possible. */
  abstract put(key: string, entry: CachedDocument): Promise<void>;

  /** Forgets the entry. Never rejects. */
  abstract drop(key: string): Promise<void>;
}
