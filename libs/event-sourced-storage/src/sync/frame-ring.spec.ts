import { describe, expect, it } from '@jest/globals';
import type { Image } from '../model/diff.js';
import type { DocumentEvent } from '../model/document-event.js';
import { FrameRing, RingBudget } from './frame-ring.js';
import { createRedaction, noRedaction } from './redaction.js';

const facts = { ref: 'games/1', versionField: 'version', authorKey: 'by' };
const usual = { redaction: noRedaction, types: 'extended', format: 'diff' } as const;

function events(from: number, to: number, size = 1): DocumentEvent<Image>[] {
  return Array.from({ length: to - from + 1 }, (_, index) => ({
    documentId: '1', serverSeq: from + index, operation: 'update', clientId: 'c', operationId: `o${from + index}`, timestamp: new Date(0),
    diff: { hasChanges: true, version: from + index, set: { text: 'x'.repeat(size) }, unset: [] },
  }));
}

const numbers = (entries: readonly { readonly serverSeq: number }[] | undefined): number[] | undefined => entries?.map(({ serverSeq }) => serverSeq);

describe('FrameRing', () => {
  it('gives everything after a number, or nothing when some of it is not there', () => {
    const ring = new FrameRing(facts, new RingBudget(1e6), 4);
    expect(ring.after(0, 0)).toEqual([]);
    expect(ring.after(0, 3)).toBeUndefined();
    ring.append(events(5, 6), undefined);
    expect(numbers(ring.after(4, 6))).toEqual([5, 6]);
    expect(numbers(ring.after(5, 6))).toEqual([6]);
    expect(numbers(ring.after(6, 6))).toEqual([]);
    expect(numbers(ring.after(9, 6))).toEqual([]);
    expect(ring.after(3, 6)).toBeUndefined();
  });

  it('keeps its length: the oldest go first, and what is put in front never pushes out', () => {
    const ring = new FrameRing(facts, new RingBudget(1e6), 4);
    ring.append(events(1, 6), undefined);
    expect(numbers(ring.after(2, 6))).toEqual([3, 4, 5, 6]);
    expect(ring.after(1, 6)).toBeUndefined();
    const filled = new FrameRing(facts, new RingBudget(1e6), 4);
    filled.append(events(9, 10), undefined);
    filled.prepend(events(3, 8));
    expect(numbers(filled.after(6, 10))).toEqual([7, 8, 9, 10]);
    expect(filled.after(5, 10)).toBeUndefined();
  });

  it('makes a frame once for all of one view, and another one for another view', () => {
    const ring = new FrameRing(facts, new RingBudget(1e6), 4);
    ring.append(events(1, 1), undefined);
    const [entry] = ring.after(0, 1) ?? [];
    expect(entry?.body(usual)).toContain('"text":"x"');
    expect(entry?.body({ ...usual, redaction: createRedaction('r', ['text']) })).not.toContain('text');
    expect(entry?.body(usual).startsWith('event: ev\ndata: {')).toBe(true);
  });
});

describe('RingBudget', () => {
  it('bounds all rings: the one that was not used for longest gives up its older half first', () => {
    const budget = new RingBudget(30_000);
    const rings = Array.from({ length: 4 }, () => new FrameRing(facts, budget, 100));
    for (const ring of rings) {
      ring.append(events(1, 10, 1_000), undefined);
      expect(budget.bytes).toBeLessThanOrEqual(30_000);
    }
    expect(rings[0]?.after(0, 10)).toBeUndefined();
    expect(numbers(rings[3]?.after(0, 10))).toHaveLength(10);
    expect(budget.bytes).toBe(rings.reduce((sum, ring) => sum + ring.bytes, 0));
  });

  it('counts the frames too, and forgets a ring that is dropped', () => {
    const budget = new RingBudget(1e6);
    const ring = new FrameRing(facts, budget, 10);
    ring.append(events(1, 5, 1_000), undefined);
    const before = budget.bytes;
    for (const entry of ring.after(0, 5) ?? []) entry.body(usual);
    expect(budget.bytes).toBeGreaterThan(before + 5_000);
    budget.forget(ring);
    expect(budget.bytes).toBe(0);
  });

  it('a ring that holds nothing any more does not save the others', () => {
    const budget = new RingBudget(10_000);
    const [evicted, other] = [new FrameRing(facts, budget, 100), new FrameRing(facts, budget, 100)];
    evicted.append(events(1, 2, 1_000), undefined);
    const taken = evicted.after(0, 2) ?? [];
    other.append(events(1, 10, 600), undefined);
    expect(evicted.after(1, 2)).toBeUndefined();
    for (const entry of taken) entry.body(usual); // made after its eviction
    for (let from = 11; from <= 101; from += 10) other.append(events(from, from + 9, 600), undefined);
    expect(budget.bytes).toBeLessThanOrEqual(10_000);
    expect(budget.bytes).toBe(evicted.bytes + other.bytes);
  });

  it('never fails on one frame that is larger than everything', () => {
    const budget = new RingBudget(100);
    const ring = new FrameRing(facts, budget, 10);
    ring.append(events(1, 3, 1_000), undefined);
    expect(ring.bytes).toBe(0);
    expect(ring.after(0, 3)).toBeUndefined();
  });
});
