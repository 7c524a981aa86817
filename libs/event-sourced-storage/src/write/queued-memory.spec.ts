import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from '@jest/globals';
import { createMemoryEngine } from '../testing/memory-engine.js';
import type { CommitOutcome, DocumentChange } from './document-change.js';
import { DocumentCommitter } from './document-committer.js';
import { longestSlice } from './slices.js';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** What the queue keeps of a write that waits, beside what the caller gave it: the call, its promise, its timer. `docs/performance.md` names it. */
const bytesPerWaitingWrite = 4_096;
const writes = 100_000;
/** So that none is given up on a slow machine; each still has its timer. */
const patient = 600_000;

/** Does not commit before it is told to. */
class Held extends DocumentCommitter {
  release!: () => void;
  private readonly released = new Promise<void>((resolve) => (this.release = resolve));
  isOpen = true;

  constructor(private readonly inner: DocumentCommitter) {
    super();
  }

  override async commit(flight: readonly DocumentChange[], options: { deadline: number }): Promise<readonly CommitOutcome[]> {
    if (!this.isOpen) await this.released;
    return this.inner.commit(flight, options);
  }

  override writeInTransaction(): Promise<CommitOutcome> {
    throw new Error('not used');
  }
}

async function heapAfterGarbage(): Promise<number> {
  for (let turn = 0; turn < 3; turn++) {
    await new Promise((resume) => setImmediate(resume));
    collectGarbage();
  }
  return process.memoryUsage().heapUsed;
}

/** What the queue says of itself. */
interface Inside {
  readonly queue: { readonly stagedChanges: number; readonly loading: number; readonly slices: { readonly length: number } };
}

const documents = 20_000;
const filler = 'x'.repeat(1_000);
const nextTurn = (): Promise<void> => new Promise((resume) => setImmediate(resume));

describe('100,000 writes that wait', () => {
  it(`keep no more than ${bytesPerWaitingWrite} bytes each beside what the caller gave, since no more are decided than a flight or two carry`, async () => {
    let held: Held | undefined;
    const { engine, notified } = createMemoryEngine({ committer: (inner) => (held = new Held(inner)), options: { maxQueued: writes } });
    const committer = held as unknown as Held;
    await Promise.all(Array.from({ length: documents }, (_, index) => engine.upsert({ _id: `d${index}`, n: 0, filler }, 'c', { timeoutMs: patient })));
    committer.isOpen = false;
    const before = await heapAfterGarbage();
    let done = 0;
    const queued = Array.from({ length: writes }, (_, index) => engine.update(`d${index % documents}`, (doc) => void (doc['n'] = index + 1), 'c', { timeoutMs: patient }).then(() => void done++));
    const { queue } = engine as unknown as Inside;
    let mostStaged = 0;
    for (let quiet = 0; quiet < 10; quiet = queue.loading + queue.slices.length === 0 ? quiet + 1 : 0) {
      await nextTurn();
      mostStaged = Math.max(mostStaged, queue.stagedChanges);
    }
    const waiting = await heapAfterGarbage();
    expect((waiting - before) / writes).toBeLessThan(bytesPerWaitingWrite);
    expect(mostStaged).toBeGreaterThan(100);
    expect(mostStaged).toBeLessThanOrEqual(500 + longestSlice);
    expect(done).toBe(0);
    committer.release();
    await Promise.all(queued);
    expect(done).toBe(writes);
    expect(notified).toHaveLength(writes + documents);
  }, 300_000);
});
