import { setTimeout as pause } from 'node:timers/promises';
import type { Lease, LeaseStore } from '../leases/lease-store.js';
import { idKey } from '../model/bson-values.js';
import type { ChangeFeed, ResumeToken } from '../watch/change-feed.js';
import type { HandlerState, PartitionKey } from './delivery-store.js';
import { FeedRouter } from './feed-router.js';
import { partitionOf } from './partition-of.js';
import { type DeliveryParts, PartitionWorker } from './partition-worker.js';

/** What one handler runs on in this process. */
export interface RunnerParts extends DeliveryParts {
  readonly feed: ChangeFeed;
  readonly eventsCollection: string;
  readonly leases: LeaseStore;
  /** One for each process. */
  readonly member: string;
  readonly isAtOrAfter: (a: ResumeToken, b: ResumeToken) => boolean;
}

/** How often a process looks at what is kept of a handler, in ms: pauses, resets and wishes act within that. */
const lookEveryMs = 500;
/** How long a stop waits for events under way, in ms. */
const graceMs = 5_000;

interface Held {
  readonly worker: PartitionWorker;
  readonly lease: Lease;
  /** By the clock of `performance.now()`. */
  renewedAt: number;
}

/** One handler in this process: as many parts as are its share, each under a lease. */
export class HandlerRunner {
  private state: HandlerState | undefined;
  private router: FeedRouter | undefined;
  private readonly held = new Map<number, Held>();
  private isStopping = false;
  private looking: Promise<void> = Promise.resolve();
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly parts: RunnerParts) {}

  get name(): string {
    return this.parts.options.name;
  }

  /** The parts that this process works on. */
  get partitions(): number[] {
    return [...this.held.keys()].toSorted((a, b) => a - b);
  }

  /** Registers the handler; its work begins in the background. @returns what is odd about its options */
  async start(): Promise<string | undefined> {
    const { name, model, partitions, from } = this.parts.options;
    const state = await this.parts.store.register({ name, model, partitions, from });
    this.state = state;
    this.lookAgain(0);
    if (state.partitions === partitions) return undefined;
    return `Durable handler "${name}" keeps its ${state.partitions} partitions: ${partitions} come with the next reset.`;
  }

  /** Lets events under way end, writes what was handled, and gives the parts to others. Twice is harmless. */
  async stop(): Promise<void> {
    this.isStopping = true;
    clearTimeout(this.timer);
    await this.looking;
    clearTimeout(this.timer);
    await this.letGo([...this.held.values()]);
    await this.router?.close();
    await this.parts.store.leave(this.name, this.parts.member).catch(() => undefined);
  }

  private lookAgain(ms: number): void {
    if (this.isStopping) return;
    this.timer = setTimeout(() => {
      this.looking = this.look()
        .catch((error: unknown) => this.parts.warn(`Durable handler "${this.name}": ${String(error)}`))
        .finally(() => this.lookAgain(lookEveryMs));
    }, ms);
    this.timer.unref();
  }

  private async look(): Promise<void> {
    const { store, options, member } = this.parts;
    // before what is stored is asked: a worker that stopped the handler has stored that first
    const ended = [...this.held.values()].filter(({ worker }) => worker.hasEnded);
    let state = await store.beat(this.name, member, options.leaseMs);
    if (this.state?.generation !== state.generation) await this.forget();
    this.state = state;
    if (state.paused) return this.letGo([...this.held.values()]);
    await this.letGo(ended.filter((each) => this.held.get(each.worker.partition) === each));
    const router = this.openRouter(state);
    const position = await this.positionOf(router);
    if (position === undefined) return this.renew();
    if (state.begunAt === undefined) this.state = state = await store.begin(this.name, state.generation, position);
    if (state.begunAt === undefined) return;
    await this.renew();
    await this.takeShare(state);
    await this.grantWishes(state);
  }

  /** Never waits long: the leases have to be renewed. */
  private async positionOf(router: FeedRouter): Promise<ResumeToken> {
    if (router.position !== undefined) return router.position;
    return Promise.race([router.open(), pause(lookEveryMs, undefined, { ref: false })]);
  }

  private openRouter({ partitions }: HandlerState): FeedRouter {
    if (this.router !== undefined) return this.router;
    const { feed, eventsCollection, isAtOrAfter } = this.parts;
    this.router = new FeedRouter({ feed, eventsCollection, isAtOrAfter, partitions });
    void this.router.open();
    return this.router;
  }

  private async forget(): Promise<void> {
    await this.letGo([...this.held.values()]);
    await this.router?.close();
    this.router = undefined;
  }

  private async renew(): Promise<void> {
    const { leaseMs } = this.parts.options;
    const due = [...this.held.values()].filter(({ renewedAt }) => performance.now() - renewedAt > leaseMs / 3);
    await Promise.all(
      due.map(async (held) => {
        const sentAt = performance.now();
        if (await this.parts.leases.renew(held.lease, leaseMs)) held.renewedAt = sentAt;
        else await this.letGo([held]);
      }),
    );
  }

  /** As many parts as every process gets when all get the same; one that has too many gives some away. */
  private async takeShare(state: HandlerState): Promise<void> {
    const share = Math.ceil(state.partitions / Math.max(1, state.members));
    const tooMany = [...this.held.values()].slice(share);
    if (tooMany.length > 0) await this.letGo(tooMany);
    const taken: PartitionWorker[] = [];
    const offset = Math.floor(this.parts.random() * state.partitions);
    try {
      for (let index = 0; index < state.partitions && this.held.size < share && !this.isStopping; index++) {
        const partition = (index + offset) % state.partitions;
        if (this.held.has(partition)) continue;
        const worker = await this.take(state, partition);
        if (worker !== undefined) taken.push(worker);
      }
    } finally {
      // also when the next one could not be taken
      if (taken.length > 0) this.router?.join(taken);
      for (const worker of taken) worker.start();
    }
  }

  private async take(state: HandlerState, partition: number): Promise<PartitionWorker | undefined> {
    const { leases, store, options, member } = this.parts;
    const sentAt = performance.now();
    const lease = await leases.acquire(`durable-handler/${this.name}/${partition}`, member, options.leaseMs);
    if (lease === null) return undefined;
    const key: PartitionKey = { handler: this.name, generation: state.generation, partition };
    const fresh = { position: state.startToken, scan: state.from === 'now' ? undefined : { after: undefined } };
    const kept = await store.claim(key, member, fresh).catch(async (error: unknown) => {
      await leases.release(lease).catch(() => undefined);
      throw error;
    });
    if (kept === null) {
      await leases.release(lease);
      return undefined;
    }
    // a part without any position has to look through everything
    const progress = { position: kept.position, scan: kept.position === undefined ? { after: undefined } : kept.scan };
    const worker = new PartitionWorker(this.parts, state, kept.claim, progress, {
      position: () => this.router?.position,
      rejoin: (each) => this.router?.join([each]),
      lost: (each) => void this.lost(each),
      stop: async (because) => {
        await store.setPaused(this.name, true, because);
      },
    });
    this.held.set(partition, { worker, lease, renewedAt: sentAt });
    return worker;
  }

  private async lost(worker: PartitionWorker): Promise<void> {
    const held = this.held.get(worker.partition);
    if (held?.worker !== worker) return;
    this.held.delete(worker.partition);
    this.router?.leave(worker);
    await this.parts.leases.release(held.lease).catch(() => undefined);
  }

  private async letGo(all: readonly Held[]): Promise<void> {
    await Promise.all(
      all.map(async ({ worker, lease }) => {
        await worker.stop(graceMs);
        this.router?.leave(worker);
        if (this.held.get(worker.partition)?.worker === worker) this.held.delete(worker.partition);
        await this.parts.leases.release(lease).catch((error: unknown) => this.parts.warn(`The lease "${lease.name}" stays until it runs out: ${String(error)}`));
      }),
    );
  }

  private async grantWishes(state: HandlerState): Promise<void> {
    if (this.held.size === 0) return;
    const wished = await this.parts.store.parked(this.name, state.generation, { limit: 1_000, wishesOnly: true });
    for (const each of wished) {
      if (each.wish !== undefined) this.held.get(partitionOf(idKey(each.documentId), state.partitions))?.worker.wanted(each, each.wish);
    }
  }
}
