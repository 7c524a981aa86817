import { describe, expect, it } from '@jest/globals';
import { type Answer, decide, isContiguous, type Position, type Standing } from './catch-up.js';

const plain: Standing = { epoch: 'genAAA', floor: 0, head: 10 };
const compacted: Standing = { ...plain, floor: 4 };
const erased: Standing = { epoch: 'genAAA-mark', floor: 10, head: 10, erasedAt: 10 };
const again: Standing = { ...erased, head: 12 };

function at(after: number, epoch: string | undefined = 'genAAA'): Position {
  return { kind: 'after', after, epoch };
}

const rows: readonly (readonly [string, Position, Standing, Answer])[] = [
  ['no after', { kind: 'nothing' }, plain, { kind: 'snapshot' }],
  ['after=now', { kind: 'now' }, plain, { kind: 'events', after: 10 }],
  ['after=0, floor 0', at(0, undefined), plain, { kind: 'events', after: 0 }],
  ['after=0, compacted', at(0, undefined), compacted, { kind: 'reset', reason: 'compacted' }],
  ['epoch differs', at(3, 'genBBB'), plain, { kind: 'reset', reason: 'epoch' }],
  ['epoch differs, and the number is ahead too', at(30, 'genBBB'), plain, { kind: 'reset', reason: 'epoch' }],
  ['after > head', at(11), plain, { kind: 'reset', reason: 'ahead' }],
  ['after < floor', at(3), compacted, { kind: 'reset', reason: 'compacted' }],
  ['after = floor', at(4), compacted, { kind: 'events', after: 4 }],
  ['after = head', at(10), plain, { kind: 'events', after: 10 }],
  ['in between', at(7), compacted, { kind: 'events', after: 7 }],
  ['purged, with an old position', at(9), erased, { kind: 'purged' }],
  ['purged, with nothing', { kind: 'nothing' }, erased, { kind: 'purged' }],
  ['purged, and now', { kind: 'now' }, erased, { kind: 'purged' }],
  ['purged and created again, with a position of the former life', at(9), again, { kind: 'reset', reason: 'purged' }],
  ['purged and created again, with a position of another generation', at(9, 'genBBB'), again, { kind: 'reset', reason: 'epoch' }],
  ['purged and created again, with a position of the new life', at(11, 'genAAA-mark'), again, { kind: 'events', after: 11 }],
  ['purged and created again, with nothing', { kind: 'nothing' }, again, { kind: 'snapshot' }],
];

describe('decide', () => {
  it.each(rows)('%s', (_name, position, standing, answer) => {
    expect(decide(position, standing)).toEqual(answer);
  });

  it('gives events for a position exactly when it is resumable: same epoch, floor <= after <= head', () => {
    for (let floor = 0; floor <= 4; floor++) {
      for (let head = floor + 1; head <= 6; head++) {
        for (let after = 0; after <= 8; after++) {
          for (const epoch of ['genAAA', 'genBBB']) {
            const isResumable = epoch === 'genAAA' && floor <= after && after <= head;
            expect(decide(at(after, epoch), { epoch: 'genAAA', floor, head }).kind).toBe(isResumable ? 'events' : 'reset');
          }
        }
      }
    }
  });
});

describe('isContiguous', () => {
  it('wants every number, from the one after', () => {
    const numbered = (...numbers: number[]): { serverSeq: number }[] => numbers.map((serverSeq) => ({ serverSeq }));
    expect(isContiguous(3, [])).toBe(true);
    expect(isContiguous(3, numbered(4, 5))).toBe(true);
    expect(isContiguous(3, numbered(5))).toBe(false);
    expect(isContiguous(3, numbered(4, 6))).toBe(false);
    expect(isContiguous(3, numbered(4, 4))).toBe(false);
  });
});
