import { idKey } from '../model/bson-values.js';
import type { ChangeFeed, FeedNotice, FeedSubscription, ResumeToken } from '../watch/change-feed.js';
import { partitionOf } from './partition-of.js';
import type { PartitionWorker } from './partition-worker.js';

/** What the router is made of. */
export interface RouterParts {
  readonly feed: ChangeFeed;
  readonly eventsCollection: string;
  readonly partitions: number;
  /** Whether a position is as late as another, or later. */
  readonly isAtOrAfter: (a: ResumeToken, b: ResumeToken) => boolean;
}

/**
 * Tells the parts in this process what is committed. All live off one shared stream; a part that was taken over is first led there from its
 * own position, on a second stream that ends where the shared one began.
 */
export class FeedRouter {
  private readonly workers = new Map<number, PartitionWorker>();
  private joining: PartitionWorker[] = [];
  private live: FeedSubscription | undefined;
  /** `until`: everything behind this position the shared stream tells those who are led. */
  private lead: { readonly workers: readonly PartitionWorker[]; readonly subscription: FeedSubscription; until: ResumeToken } | undefined;
  /** The last position that the shared stream told since it is live. */
  private last: ResumeToken;
  private readonly waiting: (() => void)[] = [];
  private isClosed = false;

  constructor(private readonly parts: RouterParts) {}

  /** Resolves with a position once the shared stream is live; `undefined`: closed before that. */
  async open(): Promise<ResumeToken> {
    this.live ??= this.parts.feed.subscribe(this.parts.eventsCollection, (notice) => this.onLive(notice));
    if (this.last === undefined && !this.isClosed) await new Promise<void>((resolve) => this.waiting.push(resolve));
    return this.last;
  }

  get position(): ResumeToken {
    return this.last;
  }

  /** From now on these are told everything after their positions. */
  join(workers: readonly PartitionWorker[]): void {
    for (const worker of workers) this.workers.set(worker.partition, worker);
    this.joining.push(...workers);
    this.leadOn();
  }

  leave(worker: PartitionWorker): void {
    if (this.workers.get(worker.partition) === worker) this.workers.delete(worker.partition);
    this.joining = this.joining.filter((each) => each !== worker);
  }

  async close(): Promise<void> {
    this.isClosed = true;
    for (const resolve of this.waiting.splice(0)) resolve();
    await Promise.all([this.live?.close(), this.lead?.subscription.close()]);
  }

  private onLive(notice: FeedNotice): void {
    if (this.isClosed) return;
    if (notice.kind === 'interrupted') return this.interrupted();
    if (notice.kind === 'committed') this.tell(notice, this.workers);
    const isFirst = this.last === undefined;
    this.last = notice.token;
    if (!isFirst) return;
    if (this.lead !== undefined) this.lead.until = notice.token;
    for (const resolve of this.waiting.splice(0)) resolve();
    this.leadOn();
  }

  /** Those that are still led are told everything by their own stream. */
  private interrupted(): void {
    this.last = undefined;
    if (this.lead !== undefined) this.lead.until = undefined;
    const led = new Set([...(this.lead?.workers ?? []), ...this.joining]);
    for (const worker of this.workers.values()) if (!led.has(worker)) worker.positionLost();
  }

  private tell({ documentId, serverSeq }: Extract<FeedNotice, { kind: 'committed' }>, workers: ReadonlyMap<number, PartitionWorker>): void {
    const key = idKey(documentId);
    workers.get(partitionOf(key, this.parts.partitions))?.told(key, documentId, serverSeq);
  }

  private leadOn(): void {
    if (this.lead !== undefined || this.joining.length === 0 || this.last === undefined || this.isClosed) return;
    const workers = this.joining.splice(0);
    const [withoutPosition, others] = [workers.filter(({ position }) => position === undefined), workers.filter(({ position }) => position !== undefined)];
    for (const worker of withoutPosition) worker.joined();
    const [one, ...more] = others;
    if (one === undefined) return;
    let earliest = one.position;
    for (const { position } of more) if (!this.parts.isAtOrAfter(position, earliest)) earliest = position;
    const led = new Map(others.map((worker) => [worker.partition, worker]));
    let isOver = false;
    const end = (): void => {
      if (isOver) return;
      isOver = true;
      void subscription.close();
      this.lead = undefined;
      this.leadOn();
    };
    const subscription = this.parts.feed.subscribe(
      this.parts.eventsCollection,
      (notice) => {
        if (isOver || this.isClosed) return;
        if (notice.kind === 'interrupted') {
          for (const worker of others) worker.positionLost();
          return end();
        }
        if (notice.kind === 'committed') this.tell(notice, led);
        const until = this.lead?.until;
        if (until === undefined || !this.parts.isAtOrAfter(notice.token, until)) return;
        for (const worker of others) worker.joined();
        end();
      },
      earliest,
    );
    // not what the shared stream told first: between that and now it told nobody of these parts
    this.lead = { workers: others, subscription, until: this.last };
  }
}
