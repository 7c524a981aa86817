import { describe, expect, it } from '@jest/globals';
import fc from './testing/examples.js';
import { claim, Keeper } from './keeper.js';
import { settle } from './options.js';
import type { ReplicaState } from './replica-state.js';
import { memoryStorage } from './storage.js';
import { ModelClock, ModelDisk, turn } from './testing/simulation.js';

const key = 'plain /sync/games/1';

function keeperOn(disk: ModelDisk, options: { user?: string; maxStoredBytes?: number; clock?: ModelClock } = {}): Keeper {
  const { clock = new ModelClock(), ...rest } = options;
  const storage = disk.storage();
  return new Keeper(settle({ url: '/sync', fetch: () => Promise.reject(new Error()), storage, onError: () => undefined, schedule: clock.schedule, ...rest }), storage, key);
}

function stateAt(v: number, size = 1): ReplicaState {
  return { doc: { v, text: 'x'.repeat(size) }, v, epoch: 'e', deleted: false, stale: false, awaiting: false };
}

async function finish(disk: ModelDisk): Promise<void> {
  while (disk.isBusy) {
    disk.work(false);
    await turn();
  }
}

describe('A stored replica', () => {
  it('is one value of document and position, whatever fails and whenever the power goes', async () => {
    const step = fc.constantFrom('save', 'save', 'erase', 'done', 'failed', 'power');
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const disk = new ModelDisk();
        let keeper = keeperOn(disk);
        let v = 0;
        for (const name of steps) {
          if (name === 'save') keeper.save(stateAt(++v));
          if (name === 'erase') keeper.erase();
          if (name === 'done' || name === 'failed') disk.work(name === 'failed');
          if (name === 'power') {
            disk.losePower();
            keeper = keeperOn(disk);
          }
          await turn();
          const kept = disk.kept.get(key) as ReplicaState | undefined;
          if (kept) expect((kept.doc as { v: number }).v).toBe(kept.v);
          expect(kept?.v ?? 0).toBeLessThanOrEqual(v);
        }
      }),
      { numRuns: 200 },
    );
  });

  it('is the last one in the end, though what was overtaken is not written', async () => {
    const written: unknown[] = [];
    const disk = new ModelDisk((_key, value) => written.push((value as ReplicaState).v));
    const keeper = keeperOn(disk);
    for (let v = 1; v <= 100; v++) keeper.save(stateAt(v));
    await finish(disk);
    await keeper.idle();
    expect(written).toEqual([1, 100]);
  });

  it('that is erased while a write is under way is gone afterwards', async () => {
    const disk = new ModelDisk();
    const keeper = keeperOn(disk);
    keeper.save(stateAt(1));
    keeper.save(stateAt(2));
    keeper.erase();
    await finish(disk);
    expect(disk.kept.has(key)).toBe(false);
  });

  it('is erased later when that fails at first', async () => {
    const disk = new ModelDisk();
    const clock = new ModelClock();
    const keeper = keeperOn(disk, { clock });
    keeper.save(stateAt(1));
    await finish(disk);
    keeper.erase();
    disk.work(true);
    await turn();
    expect(disk.kept.has(key)).toBe(true);
    clock.pass(1_000);
    await finish(disk);
    expect(disk.kept.has(key)).toBe(false);
  });

  it('is not kept when it is too large, nor is an old one in its place', async () => {
    const disk = new ModelDisk();
    const keeper = keeperOn(disk, { maxStoredBytes: 100 });
    keeper.save(stateAt(1));
    await finish(disk);
    expect(disk.kept.has(key)).toBe(true);
    keeper.save(stateAt(2, 200));
    await finish(disk);
    expect(disk.kept.has(key)).toBe(false);
  });

  it('counts as nothing when it is not of this user, or not of this form', async () => {
    const disk = new ModelDisk();
    keeperOn(disk, { user: 'ann' }).save(stateAt(1));
    await finish(disk);
    const load = async (user: string): Promise<unknown> => {
      const loading = keeperOn(disk, { user }).load();
      await finish(disk);
      return loading;
    };
    expect(await load('ann')).toMatchObject({ v: 1 });
    expect(await load('bob')).toBeUndefined();
    for (const other of [null, 'text', { user: 'ann' }, { user: 'ann', v: 1.5, epoch: 'e' }, { user: 'ann', v: 1 }]) {
      disk.kept.set(key, other);
      expect(await load('ann')).toBeUndefined();
    }
  });

  it('is dropped, with all others, when another user comes, also when the power goes half-way', async () => {
    const storage = memoryStorage();
    await claim(storage, 'ann');
    await storage.set('a', 1);
    await claim(storage, 'ann');
    expect(await storage.get('a')).toBe(1);
    await claim({ ...storage, set: () => Promise.reject(new Error('power')) }, 'bob').catch(() => undefined);
    expect(await storage.get('a')).toBeUndefined();
    await claim(storage, 'bob');
    expect(await storage.get('user')).toBe('bob');
  });
});
