import { describe, expect, it } from '@jest/globals';
import { resolveSnapshotOptions, type SnapshotFacts } from '../options/snapshot-options.js';
import { allOf, anyOf, everyBytes, everyEvents, everyMs, onDelete, policyOf } from './snapshot-policy.js';

function facts(given: Partial<SnapshotFacts>): SnapshotFacts {
  return { head: 10, newestSnapshot: 0, eventsSince: 10, msSince: 0, isDeleted: false, ...given };
}

describe('snapshot policies', () => {
  it.each([
    [99, false],
    [100, true],
    [101, true],
  ])('every 100 events: after %d it says %p', (eventsSince, due) => {
    expect(everyEvents(100)(facts({ eventsSince }))).toBe(due);
  });

  it.each([
    [999, 1, false],
    [1_000, 1, true],
    [1_000_000, 0, false],
  ])('every second: after %d ms and %d events it says %p', (msSince, eventsSince, due) => {
    expect(everyMs(1_000)(facts({ msSince, eventsSince }))).toBe(due);
  });

  it.each([
    [true, 1, true],
    [true, 0, false],
    [false, 1, false],
  ])('on delete: deleted %p with %d events since it says %p', (isDeleted, eventsSince, due) => {
    expect(onDelete()(facts({ isDeleted, eventsSince }))).toBe(due);
  });

  it.each([
    [4_095, false],
    [4_096, true],
    [undefined, false],
  ])('every 4 KiB: after %p bytes it says %p', (bytesSince, due) => {
    expect(everyBytes(4_096)(facts(bytesSince === undefined ? {} : { bytesSince }))).toBe(due);
  });

  it('anyOf is due when one is, allOf when all are, and neither of nothing', () => {
    const [yes, no] = [(): boolean => true, (): boolean => false];
    expect([anyOf(no, yes), anyOf(no, no), anyOf(), allOf(yes, yes), allOf(no, yes), allOf()].map((policy) => policy(facts({})))).toEqual([true, false, false, true, false, false]);
  });

  it('a combination needs bytes exactly when a part of it does', () => {
    expect([everyBytes(1), anyOf(everyEvents(1), everyBytes(1)), allOf(everyBytes(1)), anyOf(allOf(everyBytes(1)))].map(({ needsBytes }) => needsBytes)).toEqual([true, true, true, true]);
    expect([everyEvents(1), anyOf(everyEvents(1)), allOf(onDelete(), everyMs(1))].map(({ needsBytes }) => needsBytes)).toEqual([undefined, undefined, undefined]);
  });

  it('a combination needs time exactly when a part of it does', () => {
    expect([everyMs(1), anyOf(everyEvents(1), everyMs(1)), allOf(anyOf(everyMs(1))), anyOf(everyBytes(1)), onDelete()].map(({ needsTime }) => needsTime)).toEqual([true, true, true, undefined, undefined]);
  });

  it('options without a rule are no policy; each rule alone is one, and they are combined with or', () => {
    const of = (given: Parameters<typeof resolveSnapshotOptions>[1]): ReturnType<typeof policyOf> => policyOf(resolveSnapshotOptions(undefined, given));
    expect(of({})).toBeUndefined();
    expect(of({ everyEvents: 0, everyMs: 0, everyBytes: 0, onDelete: false, keepLast: 3 })).toBeUndefined();
    const policy = of({ everyEvents: 100, everyMs: 1_000, onDelete: true, everyBytes: 4_096, policy: ({ head }) => head === 77 });
    expect(policy?.needsBytes).toBe(true);
    const due = [{ eventsSince: 100 }, { msSince: 1_000 }, { isDeleted: true }, { bytesSince: 4_096 }, { head: 77 }];
    for (const each of due) expect(policy?.(facts(each))).toBe(true);
    expect(policy?.(facts({}))).toBe(false);
  });

  it('a feature overrides the module rule by rule, also with 0', () => {
    expect(resolveSnapshotOptions({ everyEvents: 100, keepLast: 5 }, { everyEvents: 0, everyMs: 7 })).toMatchObject({ everyEvents: 0, everyMs: 7, keepLast: 5 });
  });
});
