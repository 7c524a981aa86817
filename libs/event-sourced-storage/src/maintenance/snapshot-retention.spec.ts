import { describe, expect, it } from '@jest/globals';
import { removableSnapshots } from './snapshot-retention.js';

const now = 1_000_000;
/** At 50, 40, 30, 20, 10; each 1 s older than the one before. */
const entries = [50, 40, 30, 20, 10].map((serverSeq, index) => ({ serverSeq, createdAt: new Date(now - index * 1_000), pinned: false }));

describe('removableSnapshots', () => {
  it.each([
    ['no rule', { keepLast: 0, keepForMs: 0 }, 0, []],
    ['the last two', { keepLast: 2, keepForMs: 0 }, 0, [30, 20, 10]],
    ['the last one', { keepLast: 1, keepForMs: 0 }, 0, [40, 30, 20, 10]],
    ['more than there are', { keepLast: 9, keepForMs: 0 }, 0, []],
    ['for two seconds', { keepLast: 0, keepForMs: 2_000 }, 0, [30, 20, 10]],
    ['a millisecond more', { keepLast: 0, keepForMs: 2_001 }, 0, [20, 10]],
    ['the newest, however old', { keepLast: 0, keepForMs: 1 }, 0, [40, 30, 20, 10]],
    ['what either rule keeps', { keepLast: 3, keepForMs: 1_500 }, 0, [20, 10]],
    ['the one at the floor, and none below it', { keepLast: 1, keepForMs: 0 }, 20, [40, 30, 10]],
    ['none below the floor, whatever the rules', { keepLast: 9, keepForMs: 0 }, 20, [10]],
  ])('%s', (_name, retention, floor, removed) => {
    expect(removableSnapshots(entries, retention, floor, now)).toEqual(removed);
  });

  it('nothing of nothing', () => {
    expect(removableSnapshots([], { keepLast: 1, keepForMs: 1 }, 0, now)).toEqual([]);
  });
});
