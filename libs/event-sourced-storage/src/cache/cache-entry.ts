import type { CachedDocument } from '../read/document-cache.js';

/** A cached document with what is needed to judge it when it comes back. */
export interface CacheEntry extends CachedDocument {
  /** `idKey` of the document. */
  readonly key: string;
  /** From when on it no longer answers, in ms since 1970; `0` never. */
  readonly expiresAt: number;
}

/** How entries look while a backend has them. */
export interface EntryForm {
  toBackend(entry: CacheEntry): unknown;

  /** The entry, or `undefined` when it is not an intact entry of this document. @throws anything for values that are none */
  fromBackend(value: unknown, key: string): CacheEntry | undefined;
}
