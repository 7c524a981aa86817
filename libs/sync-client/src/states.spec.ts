import { describe, expect, it } from '@jest/globals';
import { states, type Status } from './states.js';

const signals = ['start', 'hello', 'live', 'lost', 'restart', 'due', 'denied', 'pause', 'resume', 'close'];
const all = Object.keys(states) as Status[];

describe('The states of a connection', () => {
  it('have an answer to every signal, and every answer is a state', () => {
    expect(all).toHaveLength(8);
    for (const status of all) {
      expect(Object.keys(states[status]).toSorted()).toEqual(signals.toSorted());
      for (const next of Object.values(states[status])) expect(next === null || all.includes(next)).toBe(true);
    }
  });

  it('are all reached, and all but closed are left', () => {
    const reached = new Set(all.flatMap((status) => Object.values(states[status])));
    expect(all.filter((status) => status !== 'idle' && !reached.has(status))).toEqual([]);
    expect(all.filter((status) => Object.values(states[status]).every((next) => next === null))).toEqual(['closed']);
  });

  it.each([
    ['error', ['start', 'close']],
    ['closed', []],
    ['paused', ['resume', 'close']],
    ['reconnecting', ['start', 'due', 'pause', 'close']],
  ] as const)('%s is left by these signals only: %j', (status, left) => {
    expect(Object.entries(states[status]).flatMap(([signal, next]) => (next === null ? [] : [signal]))).toEqual(expect.arrayContaining([...left]));
    expect(Object.values(states[status]).filter((next) => next !== null)).toHaveLength(left.length);
  });

  it('can be paused and closed wherever a connection is wanted', () => {
    for (const status of ['idle', 'connecting', 'catching-up', 'live', 'reconnecting'] as const) expect(states[status].pause).toBe('paused');
    for (const status of all) expect(states[status].close).toBe(status === 'closed' ? null : 'closed');
  });
});
