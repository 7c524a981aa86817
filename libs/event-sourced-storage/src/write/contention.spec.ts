import { describe, expect, it } from '@jest/globals';
import { Contention } from './contention.js';

describe('Contention', () => {
  it('one lost race is chance, a second one makes a document contended, and successes make it free again', () => {
    const contention = new Contention();
    contention.lost('a');
    expect(contention.has('a')).toBe(false);
    contention.lost('a');
    expect(contention.has('a')).toBe(true);
    expect(contention.has('b')).toBe(false);
    for (let wins = 0; wins < 3; wins++) contention.won('a');
    expect(contention.has('a')).toBe(false);
  });

  it('a race that is lost long after another one counts alone', () => {
    const contention = new Contention();
    contention.lost('a');
    for (let wins = 0; wins < 3; wins++) contention.won('a');
    contention.lost('a');
    expect(contention.has('a')).toBe(false);
  });

  it('the width halves with each commit that lost one, and grows by one with each that lost none', () => {
    const contention = new Contention();
    const width = contention.widthFor(0);
    contention.landed(false);
    expect(contention.widthFor(0)).toBe(width / 2);
    contention.landed(true);
    expect(contention.widthFor(0)).toBe(width / 2 + 1);
  });

  it('a process that always loses commits one by one while few wait, and a quarter of them while many do', () => {
    const contention = new Contention();
    for (let flights = 0; flights < 20; flights++) contention.landed(false);
    expect([1, 3, 4, 5, 28].map((waiting) => contention.widthFor(waiting))).toEqual([1, 1, 1, 2, 7]);
  });
});
