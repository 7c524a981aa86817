/* oxlint-disable typescript/require-await -- the port is asynchronous, memory is not */
import { type CachedDocument, DocumentCache } from '../read/document-cache.js';

/** Remembers every document for ever. */
export class MemoryDocumentCache extends DocumentCache {
  private readonly entries = new Map<string, CachedDocument>();

  override async get(key: string): Promise<CachedDocument | undefined> {
    return this.entries.get(key);
  }

  override async put(key: string, entry: CachedDocument): Promise<void> {
    if ((this.entries.get(key)?.version ?? 0) <= entry.version) this.entries.set(key, entry);
  }

  override async drop(key: string): Promise<void> {
    this.entries.delete(key);
  }

  override mayHold(key: string): boolean {
    return this.entries.has(key);
  }
}
