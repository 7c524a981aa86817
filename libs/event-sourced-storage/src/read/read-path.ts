import { LRUCache } from 'lru-cache';
import { applyDiff } from '../model/apply-diff.js';
import { byteSize, byteSizeAfter, cloneValue } from '../model/bson-values.js';
import type { DiffPaths, Image } from '../model/diff.js';
import type { DocumentId } from '../model/document-id.js';
import type { MaybePromise } from '../model/promises.js';
import type { CachedDocument, DocumentCache } from './document-cache.js';
import type { DocumentReader, DocumentReadOptions } from './document-reader.js';
import { versionOf } from './document-state.js';
import type { KnownVersion, KnownVersions } from './known-versions.js';

/** Documents remembered as changed around the storage; beyond it the oldest count as known again. */
const mostDistrusted = 10_000;
/** `max` would reserve room for all of them at once. */
const one = (): number => 1;

/** One document, from the cache when that is good enough, else from the database: once for all who ask at the same time. */
export class ReadPath {
  private readonly loading = new Map<string, Promise<Image | null>>();
  /** How many reads of the database are under way, by document. */
  private readonly reading = new Map<string, number>();
  /** Of documents that are being read: the number of the last read that found nothing, or was the last when they were forgotten. It and those before are old news. */
  private readonly gone = new Map<string, number>();
  private reads = 0;
  private readonly suspended = new Map<string, number>();
  /** Documents that somebody changed around the storage since a write last asked for its {@link base}. */
  private readonly distrusted = new LRUCache<string, true>({ maxSize: mostDistrusted, sizeCalculation: one });
  /** Commits on their way into the cache, for the next write of the same document; gone with the next turn of the event loop. */
  private readonly arriving = new Map<string, CachedDocument>();
  private sweeping: NodeJS.Immediate | undefined;

  constructor(
    private readonly reader: DocumentReader,
    private readonly cache: DocumentCache,
    private readonly known: KnownVersions,
    private readonly versionField: string,
  ) {}

  /** The document from the database; the caller's own copy. */
  async find(id: DocumentId, key: string, options: DocumentReadOptions & { readonly fresh?: boolean | undefined }): Promise<Image | null> {
    if (options.session !== undefined) return this.reader.read(id, options);
    if (options.fresh === true) return cloneOrNull(await this.load(id, key, { level: 'linearizable', signal: options.signal }));
    return cloneOrNull(await this.loadOnce(id, key));
  }

  /** The cache's entry, unless this process knows of something newer. Shared: clone before you hand it out. */
  cached(key: string): MaybePromise<CachedDocument | undefined> {
    if (this.suspended.has(key)) return undefined;
    const entry = this.cache.get(key);
    return entry instanceof Promise ? entry.then((found) => this.current(key, found)) : this.current(key, entry);
  }

  private current(key: string, entry: CachedDocument | undefined): CachedDocument | undefined {
    if (entry === undefined) return undefined;
    const known = this.known.get(key);
    if (entry.version < known.version) return undefined;
    // a copy that another process put into a shared cache is as good as ever
    if (this.known.isDoubtful(known) && (known.version > 0 || this.cache.mayHold(key))) return undefined;
    if (entry.version > known.version) this.known.raise(key, entry.version, entry.timestamp);
    return entry;
  }

  /**
   * As {@link cached}, and also what was committed so lately that the cache may not have it yet: good enough as the base of a write. Asked only
   * when no earlier write of the document is under way in this process.
   */
  base(key: string): MaybePromise<CachedDocument | undefined> {
    this.distrusted.delete(key); // what is found or read from here on knows of the change, and so does what is decided on it
    return this.suspended.has(key) ? undefined : (this.arriving.get(key) ?? this.cached(key));
  }

  /** Remembers what was committed; `null` is a delete. */
  committed(key: string, version: number, timestamp: number, image: Image | null, bytes?: number): MaybePromise<void> {
    this.known.raise(key, version, timestamp, image === null);
    if (image === null || this.suspended.has(key) || this.distrusted.has(key)) return this.forget(key);
    const entry = { version, timestamp, image, bytes };
    this.arriving.set(key, entry);
    this.sweeping ??= setImmediate(() => {
      this.sweeping = undefined;
      this.arriving.clear();
    });
    return this.cache.put(key, entry);
  }

  /**
   * Another process may have committed this, or it is our own commit on its way back. Older copies answer no more from here on.
   * @returns whether it is news: this process holds, loads or has known something older. What it never saw it need not remember.
   */
  noticed(key: string, version: number, deleted: boolean): boolean {
    const known = this.known.get(key);
    if (known.version === 0 && !this.reading.has(key) && !this.cache.mayHold(key)) return false;
    if (known.version >= version) return false;
    this.known.raise(key, version, 0, deleted);
    return true;
  }

  /**
   * Another process committed this: takes the copy of the number before it on to it, without a read. It does not live longer for that.
   * @returns whether there was such a copy; else the number is still to be {@link noticed}
   */
  follow(key: string, version: number, diff: DiffPaths): boolean {
    const known = this.known.get(key);
    if (known.version !== version - 1 || this.known.isDoubtful(known) || this.suspended.has(key) || !this.cache.mayHold(key)) return false;
    const entry = this.cache.get(key);
    if (entry === undefined || entry instanceof Promise || entry.version !== known.version) return false;
    const image = { ...applyDiff(entry.image, diff), [this.versionField]: version };
    this.known.raise(key, version);
    this.arriving.delete(key);
    const bytes = byteSizeAfter({ image: entry.image, bytes: entry.bytes ?? byteSize(entry.image) }, image); // measured once, for all that follow
    void this.cache.put(key, { version, timestamp: entry.timestamp, image, bytes, expiresAt: entry.expiresAt });
    return true;
  }

  /** Drops this process's own copy when it is older than what is known. A shared cache is looked after by who committed. */
  async dropStale(key: string): Promise<void> {
    if (!this.cache.mayHold(key)) return;
    const entry = await this.cache.get(key);
    if (entry !== undefined && entry.version < this.known.get(key).version) await this.forget(key);
  }

  /** Reads the document so that the next reader finds it in the cache, if this process has an older copy of its own. */
  async refresh(id: DocumentId, key: string): Promise<void> {
    if (!this.cache.mayHold(key)) return;
    const entry = await this.cache.get(key);
    if (entry === undefined || entry.version >= this.known.get(key).version) return;
    if ((await this.loadOnce(id, key)) === null) await this.forget(key);
  }

  /** Commits may have been missed: every copy is read again before it answers. */
  doubtAll(): void {
    this.known.generation++;
    this.arriving.clear();
  }

  /** The document at exactly this version, if it is at hand. Shared. */
  async exactly(key: string, version: number): Promise<Image | undefined> {
    const entry = this.arriving.get(key) ?? (await this.cache.get(key));
    return entry?.version === version ? entry.image : undefined;
  }

  /** When the newest event that this process wrote for the document was recorded, in ms; `0` when it wrote none. */
  lastTimestamp(key: string): number {
    return this.known.get(key).timestamp;
  }

  /** The highest number that this process has committed, served or heard of; `0` for none. */
  knownVersion(key: string): number {
    return this.known.get(key).version;
  }

  forget(key: string): MaybePromise<void> {
    this.arriving.delete(key);
    // what is being read may be what is to be forgotten: a copy is followed from event to event, so that it would not heal by itself
    if (this.reading.has(key)) this.gone.set(key, this.reads);
    return this.cache.drop(key);
  }

  /**
   * Somebody changed the document around the storage. Copies, reads under way and writes that are decided already may not know of it: what
   * they found is not remembered.
   */
  distrust(key: string): MaybePromise<void> {
    this.distrusted.set(key, true);
    return this.forget(key);
  }

  /** From now on the document is read from the database only, until {@link resume}: a transaction of the caller is changing it. */
  suspend(key: string): void {
    this.suspended.set(key, (this.suspended.get(key) ?? 0) + 1);
    void this.forget(key);
  }

  resume(key: string): void {
    const left = (this.suspended.get(key) ?? 1) - 1;
    if (left > 0) this.suspended.set(key, left);
    else this.suspended.delete(key);
  }

  private async loadOnce(id: DocumentId, key: string): Promise<Image | null> {
    const known = this.known.get(key);
    const running = this.loading.get(key);
    if (running !== undefined) {
      const image = await running;
      // a load that began before our own commit may end after it with the state before
      return this.isBehind(image, known) ? this.load(id, key, {}) : image;
    }
    const load = this.load(id, key, {}).finally(() => this.loading.delete(key));
    this.loading.set(key, load);
    return load;
  }

  private async load(id: DocumentId, key: string, options: DocumentReadOptions): Promise<Image | null> {
    this.reading.set(key, (this.reading.get(key) ?? 0) + 1);
    try {
      return await this.loadNow(id, key, options);
    } finally {
      const left = (this.reading.get(key) ?? 1) - 1;
      if (left > 0) this.reading.set(key, left);
      else {
        this.reading.delete(key);
        this.gone.delete(key);
      }
    }
  }

  private async loadNow(id: DocumentId, key: string, options: DocumentReadOptions): Promise<Image | null> {
    const { generation } = this.known;
    const knownBefore = this.known.get(key);
    const read = ++this.reads;
    let image = await this.reader.read(id, options);
    if (this.isBehind(image, this.known.get(key))) image = await this.reader.read(id, { ...options, level: 'newest' });
    if (this.isBehind(image, knownBefore)) {
      this.known.lower(key, knownBefore, this.version(image));
      await this.cache.drop(key);
    }
    if (image === null) this.gone.set(key, Math.max(read, this.gone.get(key) ?? 0));
    else if (read > (this.gone.get(key) ?? 0)) await this.remember(key, image, generation);
    return image;
  }

  /** Whether less was found than is known to exist. A missing document is as expected after a delete. */
  private isBehind(image: Image | null, known: KnownVersion): boolean {
    return image === null ? known.version > 0 && !known.deleted : this.version(image) < known.version;
  }

  private version(image: Image | null): number {
    return image === null ? 0 : versionOf(image, this.versionField);
  }

  private async remember(key: string, image: Image | null, generation: number): Promise<void> {
    const version = this.version(image);
    if (image === null || version === 0 || this.suspended.has(key) || version < this.known.get(key).version) return;
    this.known.raise(key, version, 0, false, generation);
    await this.cache.put(key, { version, timestamp: this.known.get(key).timestamp, image });
  }
}

function cloneOrNull(image: Image | null): Image | null {
  return image === null ? null : (cloneValue(image));
}
