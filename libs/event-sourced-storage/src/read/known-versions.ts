import { LRUCache } from 'lru-cache';

/** What this process knows for sure to have happened to a document. */
export interface KnownVersion {
  readonly version: number;
  /** When it was recorded, in ms since 1970; `0` when it was only read, not written here. */
  readonly timestamp: number;
  /** The newest event known is a delete. */
  readonly deleted: boolean;
  /** Which {@link KnownVersions.generation} it was last learned in. */
  readonly generation: number;
}

/** Remembers more documents than a process usually has in use; beyond it the oldest are forgotten, which costs a guard, not data. */
const capacity = 200_000;
/** `max` would reserve room for all of them at once. */
const one = (): number => 1;
const nothing: KnownVersion = { version: 0, timestamp: 0, deleted: false, generation: 0 };

/**
 * The highest version of each document that this process has committed or served. An answer below it is old news: it is how a
 * process never serves less than it wrote or served before, whatever the cache says.
 */
export class KnownVersions {
  /** Goes up when commits of others may have been missed: what was learned before says what is at least there, not what is there. */
  generation = 0;
  private readonly known = new LRUCache<string, KnownVersion>({ maxSize: capacity, sizeCalculation: one });

  get(key: string): KnownVersion {
    return this.known.get(key) ?? nothing;
  }

  /** Whether commits of others may have been missed since it was learned. */
  isDoubtful(known: KnownVersion): boolean {
    return known.generation !== this.generation;
  }

  /** Notes a version unless a higher one is known. `generation`: when the look into the database began that found it. */
  raise(key: string, version: number, timestamp = 0, deleted = false, generation: number = this.generation): void {
    const before = this.get(key);
    if (before.version > version) return;
    if (before.version === version) {
      if (before.timestamp >= timestamp && before.generation >= generation && before.deleted === deleted) return;
      const known = { version, timestamp: Math.max(timestamp, before.timestamp), deleted: deleted || before.deleted, generation: Math.max(generation, before.generation) };
      this.known.set(key, known);
      return;
    }
    this.known.set(key, { version, timestamp: Math.max(timestamp, before.timestamp), deleted, generation: Math.max(generation, before.generation) });
  }

  /** Takes a lower version as the truth, after the database itself went back (a restored backup), unless more was learned since `seen`. */
  lower(key: string, seen: KnownVersion, version: number): void {
    if (this.get(key).version === seen.version) this.known.set(key, { version, timestamp: seen.timestamp, deleted: false, generation: this.generation });
  }
}
