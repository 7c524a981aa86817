import { LRUCache } from 'lru-cache';

/** What this process knows for sure to have happened to a document. */
export interface KnownVersion {
  readonly version: number;
  /** When it was recorded, in ms since 1970; `0` when it was only read, not written here. */
  readonly timestamp: number;
  /** The newest event known is a delete. */
  readonly deleted: boolean;
}

/** Remembers more documents than a process usually has in use; beyond it the oldest are forgotten, which costs a guard, not data. */
const capacity = 200_000;
/** `max` would reserve room for all of them at once. */
const one = (): number => 1;
const nothing: KnownVersion = { version: 0, timestamp: 0, deleted: false };

/**
 * The highest version of each document that this process has committed or served. An answer below it is old news: it is how a
 * process never serves less than it wrote or served before, whatever the cache says.
 */
export class KnownVersions {
  private readonly known = new LRUCache<string, KnownVersion>({ maxSize: capacity, sizeCalculation: one });

  get(key: string): KnownVersion {
    return this.known.get(key) ?? nothing;
  }

  /** Notes a version unless a higher one is known. */
  raise(key: string, version: number, timestamp = 0, deleted = false): void {
    const before = this.get(key);
    if (before.version >= version) return;
    this.known.set(key, { version, timestamp: Math.max(timestamp, before.timestamp), deleted });
  }

  /** Takes a lower version as the truth, after the database itself went back (a restored backup), unless more was learned since `seen`. */
  lower(key: string, seen: KnownVersion, version: number): void {
    if (this.get(key).version === seen.version) this.known.set(key, { version, timestamp: seen.timestamp, deleted: false });
  }
}
