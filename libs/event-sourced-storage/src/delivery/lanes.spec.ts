import { describe, expect, it } from '@jest/globals';
import { Lanes } from './lanes.js';

describe('Lanes', () => {
  it('serves documents in the order in which they came, each once', () => {
    const lanes = new Lanes(10);
    for (const [key, target] of [['a', 1], ['b', 1], ['a', 2]] as const) lanes.add(key, key, target, true);
    expect(lanes.take(5).map(({ key, target, lowest }) => [key, target, lowest])).toEqual([['a', 2, 1], ['b', 1, 1]]);
    expect(lanes.hasReady).toBe(false);
  });

  it('takes no more documents than it has room for, but more events of those it has', () => {
    const lanes = new Lanes(1);
    expect(lanes.add('a', 'a', 1, true)).toBe(true);
    expect(lanes.add('b', 'b', 1, true)).toBe(false);
    expect(lanes.add('a', 'a', 7, true)).toBe(true);
    expect(lanes.get('a')?.target).toBe(7);
  });

  it('has reached a mark when what was known then is handled, whatever came later', () => {
    const lanes = new Lanes(10);
    lanes.add('a', 'a', 2, true);
    lanes.add('b', 'b', 1, true);
    const mark = lanes.targets();
    const [a, b] = lanes.take(2);
    if (a === undefined || b === undefined) throw new Error('two lanes were added');
    lanes.add('a', 'a', 3, true);
    lanes.done(b);
    a.handled = 1;
    expect(lanes.reached(mark)).toBe(false);
    a.handled = 2;
    expect(lanes.reached(mark)).toBe(true);
  });
});
