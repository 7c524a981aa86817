import { describe, expect, it } from '@jest/globals';
import { LatestWishes, type Wish } from './latest-wishes.js';

interface Value {
  readonly version: number;
}
const put = (version: number): Wish<Value> => ({ drop: false, value: { version } });
const drop: Wish<Value> = { drop: true, value: undefined };

/** Fulfils a wish when a test says so. */
function bench(): { readonly wishes: LatestWishes<Value>; readonly asked: Wish<Value>[]; readonly finish: () => void } {
  const asked: Wish<Value>[] = [];
  const finishers: (() => void)[] = [];
  const wishes = new LatestWishes<Value>((_, wish) => {
    asked.push(wish);
    return new Promise((resolve) => finishers.push(resolve));
  });
  return { wishes, asked, finish: () => finishers.shift()?.() };
}

describe('LatestWishes', () => {
  it.each<readonly [string, readonly Wish<Value>[], Wish<Value>]>([
    ['two puts: the newer', [put(2), put(3)], put(3)],
    ['two puts, newer first: the newer', [put(3), put(2)], put(3)],
    ['put and drop: a drop', [put(3), drop], drop],
    ['drop and put: both', [drop, put(3)], { drop: true, value: { version: 3 } }],
    ['drop and two puts: both with the newer', [drop, put(3), put(2)], { drop: true, value: { version: 3 } }],
    ['put, drop and an older put: both with the older', [put(3), drop, put(2)], { drop: true, value: { version: 2 } }],
    ['two drops: a drop', [drop, drop], drop],
  ])('merges while one is being fulfilled: %s', async (_, wishes, merged) => {
    const { wishes: lanes, asked, finish } = bench();
    const first = lanes.add('a', put(1));
    const rest = Promise.all(wishes.map((wish) => lanes.add('a', wish)));
    finish();
    await first;
    while (asked.length < 2) await Promise.resolve();
    expect(asked).toEqual([put(1), merged]);
    finish();
    await rest;
  });

  it('keeps keys apart, and nothing of a key whose wishes are fulfilled', async () => {
    const { wishes, asked, finish } = bench();
    const all = Promise.all([wishes.add('a', put(1)), wishes.add('b', put(2)), wishes.add('b', put(3))]);
    expect(asked).toEqual([put(1), put(2)]);
    expect(wishes.size).toBe(2);
    finish();
    finish();
    while (asked.length < 3) await Promise.resolve();
    finish();
    await all;
    expect(asked).toEqual([put(1), put(2), put(3)]);
    expect(wishes.size).toBe(0);
  });
});
