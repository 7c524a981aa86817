import type { Image } from '../model/diff.js';
import type { MaybePromise } from '../model/promises.js';

/** What the cache holds for one document. */
export interface CachedDocument {
  readonly version: number;
  /** When the newest event known was recorded, in ms; `0` when unknown. */
  readonly timestamp: number;
  /** The document's image; shared, so nobody may change it. */
  readonly image: Image;
  /** BSON bytes of the image, where they were measured. */
  readonly bytes?: number | undefined;
  /** When it stops answering, in ms since 1970; `0` for never. Left out of a put: after the cache's usual time. */
  readonly expiresAt?: number | undefined;
}

/**
 * PORT. Remembers documents. It may forget, be slow, fail or hold old entries: that costs time, never truth.
 * Keys are `idKey(documentId)`; one cache object serves one feature.
 */
export abstract class DocumentCache {
  /** The entry, or `undefined`. A cache in this process answers at once. Never throws or rejects: a failure is a miss. */
  abstract get(key: string): MaybePromise<CachedDocument | undefined>;

  /** Stores the entry unless a newer version is there. Never throws or rejects: after a failed put the entry is dropped if that is possible. */
  abstract put(key: string, entry: CachedDocument): MaybePromise<void>;

  /** Forgets the entry. Never throws or rejects. */
  abstract drop(key: string): MaybePromise<void>;

  /** Whether this process's own memory holds an entry, old ones included; `false` where only others could say. Asked for every commit of others. */
  mayHold(_key: string): boolean {
    return false;
  }
}
