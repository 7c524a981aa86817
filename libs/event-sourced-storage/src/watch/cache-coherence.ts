import { idKey } from '../model/bson-values.js';
import type { DocumentId } from '../model/document-id.js';
import type { ReadPath } from '../read/read-path.js';
import type { FeedNotice } from './change-feed.js';

/** So many documents are read again at the same time, by one command; the others wait for it, and changes of one document become one read. */
const readsInARound = 100;
/** More than that are dropped from the cache instead, and read when they are asked for. */
const mostWaiting = 10_000;

/** Keeps what this process remembers up with what others commit: only ever to a newer number. */
export class CacheCoherence {
  private readonly waiting = new Map<string, DocumentId>();
  private isReading = false;
  private isClosed = false;

  constructor(
    private readonly readPath: ReadPath,
    /** Whether a cached document is read again at once, or dropped. */
    private readonly refreshes: boolean,
    /** Whether what an event changed may be applied to the copy before it: copies and events are of one shape, and the feed tells what was changed without events. */
    private readonly mayFollow: boolean,
  ) {}

  /** A notice of the feed. */
  hear(notice: FeedNotice): void {
    if (notice.kind === 'interrupted') this.readPath.doubtAll();
    if (notice.kind !== 'committed') return;
    const key = idKey(notice.documentId);
    const isDeleted = notice.operation === 'delete';
    if (this.isClosed || this.follows(key, notice) || !this.readPath.noticed(key, notice.serverSeq, isDeleted)) return;
    if (isDeleted || !this.refreshes || this.waiting.size >= mostWaiting) {
      void this.readPath.dropStale(key);
      return;
    }
    this.waiting.set(key, notice.documentId);
    if (this.isReading) return;
    this.isReading = true;
    // in a moment: it may be our own commit, whose answer and new state are on the way
    setImmediate(() => void this.work());
  }

  /** Reads nothing more. */
  close(): void {
    this.isClosed = true;
    this.waiting.clear();
  }

  private follows(key: string, { serverSeq, diff }: FeedNotice & { readonly kind: 'committed' }): boolean {
    if (diff === undefined || !this.mayFollow) return false;
    try {
      return this.readPath.follow(key, serverSeq, diff);
    } catch {
      return false; // the diff does not fit the copy: somebody wrote around the storage
    }
  }

  private async work(): Promise<void> {
    while (this.waiting.size > 0) {
      const round = [...this.waiting].slice(0, readsInARound);
      for (const [key] of round) this.waiting.delete(key);
      await Promise.all(round.map(([key, id]) => this.refresh(key, id)));
    }
    this.isReading = false;
  }

  private async refresh(key: string, id: DocumentId): Promise<void> {
    try {
      await this.readPath.refresh(id, key);
    } catch {
      // the old copy answers no more; the next reader meets the database, and its error
    }
  }
}
