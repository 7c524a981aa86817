import type { Image } from '../model/diff.js';
import type { CacheEntry, EntryForm } from './cache-entry.js';

/** An entry as it is, kept by reference. Its class tells it from anything that was copied, serialised or put there by others. */
export class SharedEntry implements CacheEntry {
  readonly key: string;
  readonly version: number;
  readonly timestamp: number;
  readonly expiresAt: number;
  readonly image: Image;
  readonly bytes: number | undefined;

  constructor({ key, version, timestamp, expiresAt, image, bytes }: CacheEntry) {
    this.key = key;
    this.version = version;
    this.timestamp = timestamp;
    this.expiresAt = expiresAt;
    this.image = image;
    this.bytes = bytes;
  }
}

/** For a backend in this process that gives back the very object: no work, but everybody shares the images. */
export const sharedEntries: EntryForm = {
  toBackend: (entry) => new SharedEntry(entry),
  fromBackend: (value, key) => (value instanceof SharedEntry && value.key === key ? value : undefined),
};
