import type { Image } from '../model/diff.js';

/** What a decision about a document is based on. */
export interface DocumentState {
  /** The stored image, `null` when the document does not exist. Shared: nobody may change it. */
  readonly image: Image | null;
  /** BSON bytes of the image, where they were measured. */
  readonly bytes?: number | undefined;
  /** Number of the newest event; `0` without a history. An image with version `0` was written around the storage. */
  readonly version: number;
  /** When the newest event known was recorded, in ms since 1970; `0` when this process does not know. */
  readonly timestamp: number;
  /**
   * How current it is: `fresh` was read from the database for this attempt, `cached` may be old, `staged` is what the writes
   * ahead in this process lead to and holds only if they commit.
   */
  readonly source: 'fresh' | 'cached' | 'staged';
}

/** The version that an image carries; `0` when it carries none that this storage could have written. */
export function versionOf(image: Image, versionField: string): number {
  const version = image[versionField];
  return typeof version === 'number' && Number.isSafeInteger(version) && version > 0 ? version : 0;
}
