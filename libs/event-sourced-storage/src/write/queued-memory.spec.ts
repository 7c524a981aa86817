import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from '@jest/globals';
import { createMemoryEngine } from '../testing/memory-engine.js';
import type { CommitOutcome, DocumentChange } from './document-change.js';
import { DocumentCommitter } from './document-committer.js';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** What the queue keeps of a write that waits, beside what the caller gave it: the call, its promise, its timer. `docs/performance.md` names it. */
const bytesPerWaitingWrite = 4_096;
const writes = 100_000;

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

describe('100,000 writes that wait', () => {
  it(`keep no more than ${bytesPerWaitingWrite} bytes each beside what the caller gave`, async () => {
    let held: Held | undefined;
    const { engine, notified } = createMemoryEngine({ committer: (inner) => (held = new Held(inner)), options: { maxQueued: writes } });
    const committer = held as unknown as Held;
    for (let index = 0; index < 1_000; index++) await engine.upsert({ _id: `d${index}`, n: 0 }, 'c', {});
    committer.isOpen = false;
    const before = await heapAfterGarbage();
    let done = 0;
    const queued = Array.from({ length: writes }, (_, index) => engine.update(`d${index % 1_000}`, (doc) => void (doc['n'] = index + 1), 'c', {}).then(() => void done++));
    const waiting = await heapAfterGarbage();
    expect((waiting - before) / writes).toBeLessThan(bytesPerWaitingWrite);
    expect(done).toBe(0);
    committer.release();
    await Promise.all(queued);
    expect(done).toBe(writes);
    expect(notified).toHaveLength(writes + 1_000);
  }, 120_000);
});
