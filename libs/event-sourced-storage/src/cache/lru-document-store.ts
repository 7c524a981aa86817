import { LRUCache } from 'lru-cache';
import { byteSize } from '../model/bson-values.js';
import { SharedEntry } from './shared-entries.js';

/** How Keyv hands a value to its store. */
interface StoredValue {
  readonly value: unknown;
  /** In ms since 1970; absent for never. Keyv looks at it. */
  readonly expires?: number | undefined;
}

/** What an entry takes beside its document: its key, the entry itself and its places in the cache, by measurement. */
const overheadBytes = 512;

/** A Keyv store in this process, bounded in bytes: beyond them the entries that were not used for longest go. */
export class LruDocumentStore {
  private readonly entries: LRUCache<string, StoredValue>;

  constructor({ maxBytes }: { readonly maxBytes: number }) {
    this.entries = new LRUCache({ maxSize: maxBytes, sizeCalculation: sizeOf });
  }

  /** How many entries there are. */
  get size(): number {
    return this.entries.size;
  }

  /** Estimated bytes of all entries. */
  get bytes(): number {
    return this.entries.calculatedSize;
  }

  get(key: string): StoredValue | undefined {
    return this.entries.get(key);
  }

  /** Whether it is there; asking does not count as use. */
  has(key: string): boolean {
    return this.entries.has(key);
  }

  /** An entry that alone is over the bound is not kept, nor what was there before. */
  set(key: string, value: StoredValue): void {
    this.entries.set(key, value);
  }

  delete(key: string): boolean {
    return this.entries.delete(key);
  }

  clear(): void {
    this.entries.clear();
  }
}

function sizeOf({ value }: StoredValue, key: string): number {
  const bytes = value instanceof SharedEntry ? (value.bytes ?? byteSize(value.image)) : byteSize(value);
  return overheadBytes + key.length + bytes;
}
