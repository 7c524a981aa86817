import type { SnapshotStore } from '../history/snapshot-store.js';
import type { StreamStore } from '../history/stream-store.js';
import type { LeaseStore } from '../leases/lease-store.js';
import type { Image } from '../model/diff.js';
import type { DocumentId } from '../model/document-id.js';
import type { Snapshot } from '../model/snapshot.js';
import type { ResolvedSnapshotOptions, SnapshotSchedulerOptions } from '../options/snapshot-options.js';
import type { TransactionSession } from '../read/document-reader.js';
import type { ChangeFeed, FeedSubscription } from '../watch/change-feed.js';
import { AfterCommit, type CommittedChange } from '../write/after-commit.js';
import type { HistoryIndex } from './history-index.js';
import { policyOf } from './snapshot-policy.js';
import { SnapshotRetention } from './snapshot-retention.js';
import { noScheduler, type SnapshotRound, SnapshotScheduler, type SnapshotSchedulerStatus } from './snapshot.scheduler.js';
import type { SweepProgress } from './sweep-progress.js';

/** What a scheduler needs beyond the storage itself. */
export interface SnapshotScheduling {
  readonly options: Required<SnapshotSchedulerOptions>;
  /** Who this process is. */
  readonly holder: string;
  readonly leases: LeaseStore;
  readonly index: HistoryIndex;
  readonly progress: SweepProgress;
  /** Tells of commits of other processes; without, only the way through all documents finds them. */
  readonly feed?: ChangeFeed | undefined;
}

/** What the snapshots of one feature work with. */
export interface SnapshotsParts {
  readonly options: { readonly collection: string; readonly eventsCollection: string; readonly snapshots: ResolvedSnapshotOptions };
  readonly snapshots: SnapshotStore;
  readonly streams: StreamStore;
  readonly history: {
    createSnapshot(id: DocumentId, save?: (snapshot: Snapshot<Image>) => Promise<Snapshot<Image>>): Promise<Snapshot<Image>>;
  };
  readonly runTransaction: <R>(run: (session: TransactionSession) => Promise<R>) => Promise<R>;
  readonly scheduling?: SnapshotScheduling | undefined;
  readonly now: () => number;
  readonly warn: (message: string) => void;
}

/** The snapshots of one feature: made by hand, or by the scheduler where there is one and a rule to go by. */
export class Snapshots {
  private readonly retention: SnapshotRetention;
  private readonly scheduler: SnapshotScheduler | undefined;
  private subscription: FeedSubscription | undefined;

  constructor(private readonly parts: SnapshotsParts) {
    const { options, now, scheduling } = parts;
    this.retention = new SnapshotRetention(parts.snapshots, parts.streams, options.snapshots, now);
    const policy = policyOf(options.snapshots);
    if (scheduling === undefined || policy === undefined) return;
    this.scheduler = new SnapshotScheduler({
      ...parts,
      ...scheduling,
      collection: options.collection,
      policy,
      retention: this.retention,
      createSnapshot: (id, save) => parts.history.createSnapshot(id, save),
    });
  }

  /** Makes one by hand. That older ones go is not what the caller asked for, so a failure there is only logged. */
  async create(id: DocumentId): Promise<Snapshot<Image>> {
    const snapshot = await this.parts.history.createSnapshot(id);
    await this.retention.apply(id).catch((error: unknown) => this.parts.warn(`${this.parts.options.collection}/${String(id)}@${snapshot.serverSeq}: older snapshots stay for now: ${String(error)}`));
    return snapshot;
  }

  /** The same listener, and the scheduler before it. */
  listeningTo(afterCommit: AfterCommit): AfterCommit {
    return this.scheduler === undefined ? afterCommit : new TellBoth(this.scheduler, afterCommit);
  }

  start(): void {
    const { scheduler } = this;
    if (scheduler === undefined) return;
    const { options, scheduling } = this.parts;
    this.subscription = scheduling?.feed?.subscribe(options.eventsCollection, (notice) => {
      if (notice.kind === 'committed') scheduler.changedDocument(notice.documentId);
    });
    scheduler.start();
  }

  runOnce(): Promise<SnapshotRound> {
    return this.scheduler?.runOnce() ?? Promise.resolve({ ran: false, examined: 0, made: 0, removed: 0, failed: 0 });
  }

  status(): SnapshotSchedulerStatus {
    return this.scheduler?.status() ?? noScheduler;
  }

  async stop(): Promise<void> {
    await this.subscription?.close();
    await this.scheduler?.stop();
  }
}

class TellBoth extends AfterCommit {
  constructor(
    private readonly scheduler: SnapshotScheduler,
    private readonly next: AfterCommit,
  ) {
    super();
  }

  override notify(committed: CommittedChange): void {
    this.scheduler.changedDocument(committed.event.documentId);
    this.next.notify(committed);
  }
}
