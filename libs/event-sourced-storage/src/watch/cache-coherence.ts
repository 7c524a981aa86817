import { idKey } from '../model/bson-values.js';
import type { DocumentId } from '../model/document-id.js';
import type { ReadPath } from '../read/read-path.js';
import type { FeedNotice } from './change-feed.js';

/** So many documents are read again at the same time: readers come first. */
const parallelReads = 4;
/** More than that are dropped from the cache instead, and read when they are asked for. */
const mostWaiting = 10_000;

/** Keeps what this process remembers up with what others commit: only ever to a newer number. */
export class CacheCoherence {
  private readonly waiting = new Map<string, DocumentId>();
  private readonly running = new Set<string>();
  private isClosed = false;

  constructor(
    private readonly readPath: ReadPath,
    /** Whether a cached document is read again at once, or dropped. */
    private readonly refreshes: boolean,
  ) {}

  /** A notice of the feed. */
  hear(notice: FeedNotice): void {
    if (notice.kind === 'interrupted') this.readPath.doubtAll();
    if (notice.kind !== 'committed') return;
    const key = idKey(notice.documentId);
    const isDeleted = notice.operation === 'delete';
    if (this.isClosed || !this.readPath.noticed(key, notice.serverSeq, isDeleted)) return;
    if (isDeleted || !this.refreshes || this.waiting.size >= mostWaiting) {
      void this.readPath.dropStale(key);
      return;
    }
    const isFirst = this.waiting.size === 0;
    this.waiting.set(key, notice.documentId);
    // in a moment: it may be our own commit, whose answer and new state are on the way
    if (isFirst) setImmediate(() => this.work());
  }

  /** Reads nothing more. */
  close(): void {
    this.isClosed = true;
    this.waiting.clear();
  }

  private work(): void {
    for (const [key, id] of this.waiting) {
      if (this.running.size >= parallelReads) return;
      if (this.running.has(key)) continue; // commits that come meanwhile share one read after it
      this.waiting.delete(key);
      void this.refresh(key, id);
    }
  }

  private async refresh(key: string, id: DocumentId): Promise<void> {
    this.running.add(key);
    try {
      await this.readPath.refresh(id, key);
    } catch {
      // the old copy answers no more; the next reader meets the database, and its error
    } finally {
      this.running.delete(key);
      this.work();
    }
  }
}
