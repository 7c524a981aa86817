import { describe, expect, it } from '@jest/globals';
import type { SnapshotStore } from '../history/snapshot-store.js';
import { MemoryDatabase } from '../memory/memory-database.js';
import { MemoryHistoryIndex } from '../memory/memory-history-index.js';
import { MemoryLeaseStore } from '../memory/memory-lease-store.js';
import { MemorySession } from '../memory/memory-session.js';
import { MemorySnapshotStore } from '../memory/memory-snapshot-store.js';
import { MemoryStreamStore } from '../memory/memory-stream-store.js';
import { MemorySweepProgress } from '../memory/memory-sweep-progress.js';
import { idKey } from '../model/bson-values.js';
import type { DocumentId } from '../model/document-id.js';
import { everyEvents, everyMs } from './snapshot-policy.js';
import { SnapshotRetention } from './snapshot-retention.js';
import { type SchedulerParts, SnapshotScheduler } from './snapshot.scheduler.js';

/** One database, and schedulers of several processes on it. */
class World {
  now = 1_000;
  readonly database = new MemoryDatabase();
  readonly leases = new MemoryLeaseStore(() => this.now);
  readonly progress = new MemorySweepProgress();
  readonly snapshots: SnapshotStore = new MemorySnapshotStore(this.database);
  readonly warnings: string[] = [];

  scheduler(holder: string, changes: Partial<SchedulerParts> = {}): SnapshotScheduler {
    const now = (): number => this.now;
    return new SnapshotScheduler({
      collection: 'games',
      holder,
      leases: this.leases,
      index: new MemoryHistoryIndex(this.database),
      progress: this.progress,
      snapshots: this.snapshots,
      retention: new SnapshotRetention(this.snapshots, new MemoryStreamStore(this.database), { keepLast: 0, keepForMs: 0 }, now),
      policy: everyEvents(2),
      options: { everyMs: 0, batch: 10, sweepBatch: 10, leaseMs: 100 },
      createSnapshot: (id, save) => save(this.present(id)),
      runTransaction: async (run) => {
        const session = new MemorySession();
        session.startTransaction();
        try {
          const result = await run(session);
          await session.commitTransaction();
          return result;
        } catch (error) {
          await session.abortTransaction();
          throw error;
        }
      },
      now,
      warn: (message) => void this.warnings.push(message),
      ...changes,
    });
  }

  /** Appends events to a history of no content. */
  write(id: DocumentId, events: number): void {
    const head = this.head(id);
    const added = Array.from({ length: events }, (_, index) => {
      const common = { documentId: id, serverSeq: head + 1 + index, clientId: 'c', timestamp: new Date(this.now), operationId: `${String(id)}-${head + index}` };
      if (common.serverSeq === 1) return { ...common, operation: 'create' as const, createdDoc: { _id: id } };
      return { ...common, operation: 'update' as const, diff: { hasChanges: true as const, version: common.serverSeq, set: {}, unset: [] } };
    });
    this.database.addEvents(idKey(id), added);
  }

  present(id: DocumentId): { documentId: DocumentId; serverSeq: number; state: { _id: DocumentId }; createdAt: Date } {
    return { documentId: id, serverSeq: this.head(id), state: { _id: id }, createdAt: new Date(this.now) };
  }

  async numbers(id: DocumentId): Promise<number[]> {
    return (await this.snapshots.list(id)).map(({ serverSeq }) => serverSeq);
  }

  private head(id: DocumentId): number {
    return this.database.events(idKey(id), (all) => all.slice(-1))[0]?.serverSeq ?? 0;
  }
}

describe('SnapshotScheduler', () => {
  it('a holder that sleeps through the loss of its lease saves nothing when it wakes', async () => {
    const world = new World();
    world.write('a', 2);
    let wake = (): void => undefined;
    const asleep = new Promise<void>((resolve) => (wake = resolve));
    let sleeps = (): void => undefined;
    const isAsleep = new Promise<void>((resolve) => (sleeps = resolve));
    const sleeper = world.scheduler('sleeper', {
      createSnapshot: async (id, save) => {
        const snapshot = world.present(id);
        sleeps();
        await asleep;
        return save(snapshot);
      },
    });
    const other = world.scheduler('other');
    const sleeping = sleeper.runOnce();
    await isAsleep;
    expect(await other.runOnce()).toMatchObject({ ran: false });
    world.now += 100;
    world.write('a', 1);
    expect(await other.runOnce()).toMatchObject({ ran: true, made: 1 });
    wake();
    expect(await sleeping).toMatchObject({ made: 0, failed: 1 });
    expect(await world.numbers('a')).toEqual([3]);
    expect(sleeper.status()).toMatchObject({ isHolder: false, made: 0, failed: 1, waiting: 1, lastError: { message: expect.stringContaining('is not held in term 1 any more') as unknown } });
    expect(other.status()).toMatchObject({ isHolder: true, made: 1 });
    expect(world.warnings).toHaveLength(1);
  });

  it('looks at a bounded number of changed documents, and at the others in the next round', async () => {
    const world = new World();
    const scheduler = world.scheduler('one', { options: { everyMs: 0, batch: 2, sweepBatch: 0, leaseMs: 100 } });
    for (const id of ['a', 'b', 'c']) {
      world.write(id, 2);
      scheduler.changedDocument(id);
      scheduler.changedDocument(id);
    }
    expect(scheduler.status().waiting).toBe(3);
    expect(await scheduler.runOnce()).toMatchObject({ examined: 2, made: 2 });
    expect(await scheduler.runOnce()).toMatchObject({ examined: 1, made: 1 });
    expect(await scheduler.runOnce()).toMatchObject({ examined: 0, made: 0 });
  });

  it('asks a rule by time again, although nothing more happened', async () => {
    const world = new World();
    const scheduler = world.scheduler('one', { policy: everyMs(50), options: { everyMs: 0, batch: 2, sweepBatch: 0, leaseMs: 100 } });
    world.write('a', 1);
    scheduler.changedDocument('a');
    expect(await scheduler.runOnce()).toMatchObject({ examined: 1, made: 0 });
    world.now += 50;
    expect(await scheduler.runOnce()).toMatchObject({ examined: 1, made: 1 });
    expect(await scheduler.runOnce()).toMatchObject({ examined: 0 });
  });

  it('a failed document is looked at again, and the others are not held up', async () => {
    const world = new World();
    let fails = true;
    const scheduler = world.scheduler('one', {
      options: { everyMs: 0, batch: 10, sweepBatch: 0, leaseMs: 100 },
      createSnapshot: (id, save) => (id === 'a' && fails ? Promise.reject(new Error('disk full')) : save(world.present(id))),
    });
    for (const id of ['a', 'b']) {
      world.write(id, 2);
      scheduler.changedDocument(id);
    }
    expect(await scheduler.runOnce()).toEqual({ ran: true, examined: 2, made: 1, removed: 0, failed: 1 });
    expect(scheduler.status().lastError).toEqual({ at: new Date(world.now), message: 'snapshots/games: no snapshot of games/a: disk full' });
    fails = false;
    expect(await scheduler.runOnce()).toMatchObject({ examined: 1, made: 1, failed: 0 });
  });

  it('a database that is away ends the round and rejects nothing; changed documents wait', async () => {
    const world = new World();
    const scheduler = world.scheduler('one', { leases: Object.assign(new MemoryLeaseStore(), { acquire: () => Promise.reject(new Error('no primary')) }) });
    scheduler.changedDocument('a');
    expect(await scheduler.runOnce()).toEqual({ ran: false, examined: 0, made: 0, removed: 0, failed: 0 });
    expect(scheduler.status()).toMatchObject({ isHolder: false, waiting: 1, lastError: { message: 'snapshots/games: the round ended early: no primary' } });
  });

  it('rounds follow each other, never beside each other', async () => {
    const world = new World();
    world.write('a', 2);
    let running = 0;
    let most = 0;
    const scheduler = world.scheduler('one', {
      createSnapshot: async (id, save) => {
        most = Math.max(most, ++running);
        await new Promise((resume) => setImmediate(resume));
        running--;
        return save(world.present(id));
      },
    });
    await Promise.all([scheduler.runOnce(), scheduler.runOnce(), scheduler.runOnce()]);
    expect(most).toBe(1);
    expect(scheduler.status()).toMatchObject({ rounds: 3, made: 1 });
  });

  it('stopping ends the round after the present document, gives the lease back, and is harmless twice', async () => {
    const world = new World();
    for (const id of ['a', 'b', 'c']) world.write(id, 2);
    let scheduler = undefined as SnapshotScheduler | undefined;
    let stopped: Promise<void> | undefined;
    scheduler = world.scheduler('one', {
      createSnapshot: (id, save) => {
        stopped ??= scheduler?.stop();
        return save(world.present(id));
      },
    });
    expect(await scheduler.runOnce()).toMatchObject({ examined: 1, made: 1 });
    await stopped;
    await scheduler.stop();
    expect(await scheduler.runOnce()).toMatchObject({ ran: false });
    // the way through all documents goes on behind the last one that was looked at
    expect(await world.scheduler('two').runOnce()).toMatchObject({ ran: true, examined: 2, made: 2 });
  });

  it('a position of an older term does not replace that of a newer one', async () => {
    const progress = new MemorySweepProgress();
    expect(await progress.save('x', { sweeps: 1 }, 2)).toBe(true);
    expect(await progress.save('x', { sweeps: 0, after: 'a' }, 1)).toBe(false);
    expect(await progress.load('x')).toEqual({ sweeps: 1 });
  });
});
