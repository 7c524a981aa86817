import { StaleLeaseError } from '../errors/stale-lease.error.js';
import type { SnapshotStore } from '../history/snapshot-store.js';
import type { Lease, LeaseStore } from '../leases/lease-store.js';
import type { Image } from '../model/diff.js';
import type { DocumentId } from '../model/document-id.js';
import type { Snapshot } from '../model/snapshot.js';
import type { SnapshotPolicy, SnapshotSchedulerOptions } from '../options/snapshot-options.js';
import type { TransactionSession } from '../read/document-reader.js';
import { ChangedDocuments } from './changed-documents.js';
import type { HistoryIndex } from './history-index.js';
import type { SnapshotRetention } from './snapshot-retention.js';
import type { SweepProgress } from './sweep-progress.js';

/** What one round did. */
export interface SnapshotRound {
  /** `false`: another process has the lease, and nothing was done here. */
  readonly ran: boolean;
  /** Documents looked at. */
  readonly examined: number;
  /** Snapshots made. */
  readonly made: number;
  /** Snapshots removed because they are kept no longer. */
  readonly removed: number;
  /** Documents that failed; each was logged. */
  readonly failed: number;
}

/** How the scheduler of this process is doing. Numbers count from its start. */
export interface SnapshotSchedulerStatus {
  /** `false`: there is no scheduler, or no rule for snapshots. All else is then `0`. */
  readonly isEnabled: boolean;
  /** Whether the last round ran here: then this process holds the lease. */
  readonly isHolder: boolean;
  /** Rounds that ran here. */
  readonly rounds: number;
  /** Documents looked at. */
  readonly examined: number;
  /** Snapshots made. */
  readonly made: number;
  /** Snapshots removed by retention. */
  readonly removed: number;
  /** Documents that failed; each was logged. */
  readonly failed: number;
  /** Changed documents that wait for their turn here. */
  readonly waiting: number;
  /** How often all documents were gone through, by all processes ever; as of the last round that ran here. */
  readonly sweeps: number;
  /** When the last round here ended, also one that found the lease taken; by this process's clock. */
  readonly lastRoundAt?: Date;
  /** The last failure here, and when. */
  readonly lastError?: { readonly at: Date; readonly message: string };
}

/** The scheduler's counters before it did anything. */
export const noScheduler: SnapshotSchedulerStatus = { isEnabled: false, isHolder: false, rounds: 0, examined: 0, made: 0, removed: 0, failed: 0, waiting: 0, sweeps: 0 };

/** What the scheduler works with. */
export interface SchedulerParts {
  /** The collection of documents: names the lease. */
  readonly collection: string;
  /** Who this process is. */
  readonly holder: string;
  readonly leases: LeaseStore;
  readonly index: HistoryIndex;
  readonly progress: SweepProgress;
  readonly snapshots: SnapshotStore;
  readonly retention: SnapshotRetention;
  readonly policy: SnapshotPolicy;
  readonly options: Required<SnapshotSchedulerOptions>;
  /** Snapshots the document as it is now, and has the snapshot saved by `save`. */
  readonly createSnapshot: (id: DocumentId, save: (snapshot: Snapshot<Image>) => Promise<Snapshot<Image>>) => Promise<Snapshot<Image>>;
  readonly runTransaction: <R>(run: (session: TransactionSession) => Promise<R>) => Promise<R>;
  readonly now: () => number;
  readonly warn: (message: string) => void;
}

/** Changed documents remembered at the most; the way through all documents finds the others. */
const mostChanged = 10_000;
const nothing: SnapshotRound = { ran: true, examined: 0, made: 0, removed: 0, failed: 0 };

/**
 * Makes snapshots of documents that are due, in one process at a time. Each round looks at some documents that were told to have changed, and
 * at the next few on a way through all of them that is remembered across processes. A snapshot that is late costs reading time and nothing
 * else, so a failure is counted, logged and left at that.
 */
export class SnapshotScheduler {
  private readonly changed = new ChangedDocuments(mostChanged);
  private readonly name: string;
  private counters: SnapshotSchedulerStatus = { ...noScheduler, isEnabled: true };
  private lease: Lease | undefined;
  private renewedAt = 0;
  private running: Promise<unknown> = Promise.resolve();
  private timer: NodeJS.Timeout | undefined;
  private isStopped = false;

  constructor(private readonly parts: SchedulerParts) {
    this.name = `snapshots/${parts.collection}`;
  }

  /** A document has changed, here or elsewhere. */
  changedDocument(id: DocumentId): void {
    this.changed.add(id);
  }

  status(): SnapshotSchedulerStatus {
    return { ...this.counters, waiting: this.changed.size };
  }

  /** Begins with rounds by themselves, unless the options say otherwise. */
  start(): void {
    const { everyMs } = this.parts.options;
    if (everyMs === 0 || this.isStopped) return;
    this.timer = setTimeout(() => void this.runOnce().finally(() => this.start()), everyMs).unref();
  }

  /** One round, after the one that is under way. Rejects never. */
  runOnce(): Promise<SnapshotRound> {
    const round = this.running.then(() => this.round());
    this.running = round;
    return round;
  }

  /** No new round; the one under way ends after its present document, and the lease is given back. Twice is harmless. */
  async stop(): Promise<void> {
    this.isStopped = true;
    clearTimeout(this.timer);
    await this.running;
    const { lease } = this;
    this.lease = undefined;
    if (lease !== undefined) await this.parts.leases.release(lease).catch((error: unknown) => this.parts.warn(`${this.name}: the lease stays behind until it runs out: ${String(error)}`));
  }

  private async round(): Promise<SnapshotRound> {
    if (this.isStopped) return { ...nothing, ran: false };
    let result: SnapshotRound = { ...nothing, ran: false };
    try {
      this.lease = (await this.parts.leases.acquire(this.name, this.parts.holder, this.parts.options.leaseMs)) ?? undefined;
      this.renewedAt = performance.now();
      if (this.lease !== undefined) result = { ran: true, ...counted(await this.lookAtChanged(), await this.sweepOn()) };
    } catch (error) {
      this.failed('the round ended early', error);
    }
    this.counters = { ...this.counters, rounds: this.counters.rounds + (result.ran ? 1 : 0), isHolder: this.lease !== undefined, lastRoundAt: new Date(this.parts.now()) };
    return result;
  }

  private async lookAtChanged(): Promise<SnapshotRound> {
    return (await this.lookAt(this.changed.take(this.parts.options.batch))).round;
  }

  /** The next few on the way through all documents. */
  private async sweepOn(): Promise<SnapshotRound> {
    const { index, progress, options } = this.parts;
    if (options.sweepBatch === 0) return nothing;
    const position = await progress.load(this.name);
    const ids = await index.idsAfter(position.after, options.sweepBatch);
    const { round, last } = await this.lookAt(ids);
    const isEnd = ids.length < options.sweepBatch && last === ids.at(-1);
    const after = last ?? position.after;
    const sweeps = position.sweeps + (isEnd ? 1 : 0);
    // what was not looked at any more is looked at next time
    const { lease } = this;
    if (lease !== undefined) await progress.save(this.name, isEnd || after === undefined ? { sweeps } : { sweeps, after }, lease.term);
    this.counters = { ...this.counters, sweeps };
    return round;
  }

  /** @returns also the last one that was looked at before the lease was lost or the scheduler stopped */
  private async lookAt(ids: readonly DocumentId[]): Promise<{ readonly round: SnapshotRound; readonly last: DocumentId | undefined }> {
    let round = nothing;
    let last: DocumentId | undefined;
    for (const id of ids) {
      const lease = await this.stillHeld();
      if (lease === undefined) {
        this.changed.add(id);
        continue;
      }
      const one = await this.lookAtOne(id, lease);
      this.counters = { ...this.counters, ...counted(this.counters, one) };
      round = { ran: true, ...counted(round, one) };
      last = id;
    }
    return { round, last };
  }

  private async lookAtOne(id: DocumentId, lease: Lease): Promise<SnapshotRound> {
    try {
      const made = (await this.isDue(id)) ? await this.make(id, lease) : 0;
      const removed = await this.parts.retention.apply(id);
      return { ...nothing, examined: 1, made, removed };
    } catch (error) {
      if (error instanceof StaleLeaseError) this.lease = undefined;
      this.changed.add(id);
      this.failed(`no snapshot of ${this.parts.collection}/${String(id)}`, error);
      return { ...nothing, examined: 1, failed: 1 };
    }
  }

  private async isDue(id: DocumentId): Promise<boolean> {
    const { index, snapshots, policy, now } = this.parts;
    const head = await index.head(id);
    if (head === null) return false;
    const [newest] = await snapshots.list(id, 1);
    const newestSnapshot = newest?.serverSeq ?? 0;
    const eventsSince = head.serverSeq - newestSnapshot;
    if (eventsSince <= 0) return false;
    const since = newest?.createdAt ?? (await index.oldestAt(id)) ?? new Date(now());
    const bytes = policy.needsBytes === true ? { bytesSince: await index.bytesAfter(id, newestSnapshot) } : {};
    const isDue = policy({ head: head.serverSeq, newestSnapshot, eventsSince, msSince: Math.max(0, now() - since.getTime()), isDeleted: head.isDeleted, ...bytes });
    // it may be due later although nothing more happens
    if (!isDue && policy.needsTime === true) this.changed.add(id);
    return isDue;
  }

  /** The fence and the snapshot are one transaction: whoever slept through the loss of the lease saves nothing. */
  private async make(id: DocumentId, lease: Lease): Promise<number> {
    const { leases, snapshots, runTransaction } = this.parts;
    const made = { count: 0 };
    await this.parts.createSnapshot(id, (snapshot) =>
      runTransaction(async (session) => {
        await leases.fence(lease, session);
        const saved = await snapshots.save(snapshot, { session });
        made.count = saved.createdAt.getTime() === snapshot.createdAt.getTime() ? 1 : 0;
        return saved;
      }),
    );
    return made.count;
  }

  /** The lease, prolonged in time; `undefined` when it is lost or the work shall end. */
  private async stillHeld(): Promise<Lease | undefined> {
    const { leases, options } = this.parts;
    if (this.isStopped || this.lease === undefined) return undefined;
    if (performance.now() - this.renewedAt < options.leaseMs / 3) return this.lease;
    try {
      if (!(await leases.renew(this.lease, options.leaseMs))) this.lease = undefined;
      this.renewedAt = performance.now();
    } catch (error) {
      this.lease = undefined;
      this.failed('the lease could not be prolonged', error);
    }
    return this.lease;
  }

  private failed(what: string, error: unknown): void {
    const message = `${this.name}: ${what}: ${error instanceof Error ? error.message : String(error)}`;
    this.counters = { ...this.counters, lastError: { at: new Date(this.parts.now()), message } };
    this.parts.warn(message);
  }
}

type Counts = Omit<SnapshotRound, 'ran'>;

function counted(a: Counts, b: Counts): Counts {
  return { examined: a.examined + b.examined, made: a.made + b.made, removed: a.removed + b.removed, failed: a.failed + b.failed };
}
