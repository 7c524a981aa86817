import type { MaybePromise } from '../model/promises.js';
import type { CacheBackend } from '../options/storage-options.js';
import { type CachedDocument, DocumentCache } from '../read/document-cache.js';
import type { CacheEntry, EntryForm } from './cache-entry.js';
import { EncodedEntries, type ImageCodec } from './encoded-entries.js';
import { LatestWishes, type Wish } from './latest-wishes.js';
import { storeOfDefaultCache } from './create-default-cache.js';
import { LimitedWarnings } from './limited-warnings.js';
import type { LruDocumentStore } from './lru-document-store.js';
import { sharedEntries } from './shared-entries.js';
import { within } from './within.js';

export interface CacheManagerDocumentCacheOptions {
  /** A cache-manager cache, or anything with its `get`, `set` and `del`. */
  readonly backend: CacheBackend;
  /** Tells the entries of this feature from all others in the backend: the collection, behind the database where several share the backend. */
  readonly collection: string;
  /** The field that holds the document's version. */
  readonly versionField: string;
  /** How long an entry answers, in ms. `0` until the backend evicts it. */
  readonly ttlMs: number;
  /** How long an answer of the backend is waited for, in ms. `0` for ever, without a timer. */
  readonly timeoutMs: number;
  /** How entries are encoded. Left out: they are kept by reference, which only `createDefaultCache()` is made for. */
  readonly codec?: ImageCodec | undefined;
  /** Receives one line about a failing backend, at most every 10 seconds. */
  readonly onWarning: (message: string) => void;
  /** The clock, in ms since 1970. @default Date.now */
  readonly now?: () => number;
}

/**
 * Keeps documents in a cache-manager cache, which may fail, hang, forget or give back anything: an entry counts only when it is an intact
 * entry of the document that was asked for.
 *
 * Within one process an older version never replaces a newer one. Between processes get and set can cross: the older entry then stays
 * until the next put, drop or its TTL, which costs a retry of a write and never its truth.
 */
export class CacheManagerDocumentCache extends DocumentCache {
  private readonly backend: CacheBackend;
  private readonly store: LruDocumentStore | undefined;
  private readonly prefix: string;
  private readonly ttlMs: number;
  private readonly timeoutMs: number;
  private readonly form: EntryForm;
  private readonly now: () => number;
  private readonly warnings: LimitedWarnings;
  private readonly wishes: LatestWishes<CacheEntry>;

  constructor({ backend, collection, versionField, ttlMs, timeoutMs, codec, onWarning, now = Date.now }: CacheManagerDocumentCacheOptions) {
    super();
    this.backend = backend;
    this.store = codec === undefined ? storeOfDefaultCache(backend) : undefined;
    this.prefix = `ess:${encodeURIComponent(collection)}:`; // escapes the colon, so that no id can look like the end of another collection
    this.ttlMs = ttlMs;
    this.timeoutMs = timeoutMs;
    this.form = codec === undefined ? sharedEntries : new EncodedEntries(codec, versionField);
    this.now = now;
    this.warnings = new LimitedWarnings(onWarning, now);
    this.wishes = new LatestWishes((key, wish) => this.fulfil(key, wish));
  }

  override get(key: string): MaybePromise<CachedDocument | undefined> {
    return this.store === undefined ? this.ask(key) : this.usable(this.store.get(this.prefix + key)?.value, key);
  }

  override put(key: string, { version, timestamp, image, bytes, expiresAt = this.newExpiry() }: CachedDocument): MaybePromise<void> {
    const entry = { key, version, timestamp, image, bytes, expiresAt };
    if (this.store === undefined) return this.wishes.add(key, { drop: false, value: entry });
    const there = this.entryOf(this.store.get(this.prefix + key)?.value, key);
    if (there === undefined || there.version <= version) this.store.set(this.prefix + key, { value: this.form.toBackend(entry) });
  }

  override drop(key: string): MaybePromise<void> {
    if (this.store === undefined) return this.wishes.add(key, { drop: true, value: undefined });
    this.store.delete(this.prefix + key);
  }

  override mayHold(key: string): boolean {
    return this.store?.has(this.prefix + key) ?? false;
  }

  private async ask(key: string): Promise<CachedDocument | undefined> {
    try {
      return this.usable(await this.read(key), key);
    } catch (error) {
      this.warn('get', key, error);
      return undefined;
    }
  }

  private usable(value: unknown, key: string): CachedDocument | undefined {
    const entry = this.entryOf(value, key);
    if (entry === undefined && value !== undefined) void this.drop(key);
    return entry === undefined || this.isExpired(entry) ? undefined : entry;
  }

  private async fulfil(key: string, { drop, value }: Wish<CacheEntry>): Promise<void> {
    try {
      if (drop) await this.delete(key);
      if (value !== undefined && (drop || !(await this.hasNewer(key, value.version)))) await this.set(key, value);
    } catch (error) {
      this.warn(value === undefined ? 'drop' : 'put', key, error);
      // after a failed put nobody knows what is there; after a failed drop there is nothing left to try
      if (value !== undefined) await this.delete(key).catch(() => undefined);
    }
  }

  private async hasNewer(key: string, version: number): Promise<boolean> {
    const there = this.entryOf(await this.read(key), key);
    return there !== undefined && there.version > version;
  }

  private async read(key: string): Promise<unknown> {
    return (await within(this.timeoutMs, this.backend.get(this.prefix + key))) ?? undefined;
  }

  private async set(key: string, entry: CacheEntry): Promise<void> {
    const written = this.backend.set(this.prefix + key, this.form.toBackend(entry), this.ttlMs);
    // a set that lands late may land on a newer entry
    await within(this.timeoutMs, written, () => void this.drop(key));
  }

  private async delete(key: string): Promise<void> {
    await within(this.timeoutMs, this.backend.del(this.prefix + key));
  }

  /** What the backend answered, if it is an intact entry of this document. */
  private entryOf(value: unknown, key: string): CacheEntry | undefined {
    try {
      return value === undefined ? undefined : this.form.fromBackend(value, key);
    } catch {
      return undefined; // bytes that are no BSON, an `_id` that is none
    }
  }

  private newExpiry(): number {
    return this.ttlMs === 0 ? 0 : this.now() + this.ttlMs;
  }

  private isExpired({ expiresAt }: CacheEntry): boolean {
    return expiresAt !== 0 && expiresAt <= this.now();
  }

  private warn(what: string, key: string, error: unknown): void {
    const reason = error instanceof Error ? error.message : String(error);
    this.warnings.warn(`${this.prefix}${key}: ${what} failed in the cache, which only costs time: ${reason}`);
  }
}
