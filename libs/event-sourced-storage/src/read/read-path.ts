import { cloneValue } from '../model/bson-values.js';
import type { Image } from '../model/diff.js';
import type { DocumentId } from '../model/document-id.js';
import type { CachedDocument, DocumentCache } from './document-cache.js';
import type { DocumentReader, DocumentReadOptions } from './document-reader.js';
import { versionOf } from './document-state.js';
import type { KnownVersion, KnownVersions } from './known-versions.js';

/** One document, from the cache when that is good enough, else from the database: once for all who ask at the same time. */
export class ReadPath {
  private readonly loading = new Map<string, Promise<Image | null>>();
  private readonly suspended = new Map<string, number>();
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
  async cached(key: string): Promise<CachedDocument | undefined> {
    if (this.suspended.has(key)) return undefined;
    const entry = await this.cache.get(key);
    if (entry === undefined) return undefined;
    const known = this.known.get(key);
    if (entry.version < known.version) return undefined;
    if (entry.version > known.version) this.known.raise(key, entry.version, entry.timestamp);
    return entry;
  }

  /** As {@link cached}, and also what was committed so lately that the cache may not have it yet: good enough as the base of a write. */
  async base(key: string): Promise<CachedDocument | undefined> {
    return this.suspended.has(key) ? undefined : (this.arriving.get(key) ?? this.cached(key));
  }

  /** Remembers what was committed; `null` is a delete. */
  async committed(key: string, version: number, timestamp: number, image: Image | null): Promise<void> {
    this.known.raise(key, version, timestamp, image === null);
    if (image === null || this.suspended.has(key)) return this.forget(key);
    const entry = { version, timestamp, image };
    this.arriving.set(key, entry);
    this.sweeping ??= setImmediate(() => {
      this.sweeping = undefined;
      this.arriving.clear();
    });
    await this.cache.put(key, entry);
  }

  /** When the newest event that this process wrote for the document was recorded, in ms; `0` when it wrote none. */
  lastTimestamp(key: string): number {
    return this.known.get(key).timestamp;
  }

  forget(key: string): Promise<void> {
    this.arriving.delete(key);
    return this.cache.drop(key);
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
    const knownBefore = this.known.get(key);
    let image = await this.reader.read(id, options);
    if (this.isBehind(image, this.known.get(key))) image = await this.reader.read(id, { ...options, level: 'newest' });
    if (this.isBehind(image, knownBefore)) {
      this.known.lower(key, knownBefore, this.version(image));
      await this.cache.drop(key);
    }
    await this.remember(key, image);
    return image;
  }

  /** Whether less was found than is known to exist. A missing document is as expected after a delete. */
  private isBehind(image: Image | null, known: KnownVersion): boolean {
    return image === null ? known.version > 0 && !known.deleted : this.version(image) < known.version;
  }

  private version(image: Image | null): number {
    return image === null ? 0 : versionOf(image, this.versionField);
  }

  private async remember(key: string, image: Image | null): Promise<void> {
    const version = this.version(image);
    if (image === null || version === 0 || this.suspended.has(key) || version < this.known.get(key).version) return;
    this.known.raise(key, version);
    await this.cache.put(key, { version, timestamp: this.known.get(key).timestamp, image });
  }
}

function cloneOrNull(image: Image | null): Image | null {
  return image === null ? null : (cloneValue(image));
}
