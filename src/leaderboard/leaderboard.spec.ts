import { beforeEach, describe, expect, it } from '@jest/globals';
import { Leaderboard } from './leaderboard.js';

describe('Leaderboard', () => {
  let board: Leaderboard;
  const ids = (count = 10) => board.top(count).map(({ id }) => id);

  beforeEach(() => {
    board = new Leaderboard(3);
    for (const [id, gold] of [['a', 1], ['b', 3], ['c', 2]] as const) board.put({ id, name: id, gold });
  });

  it('puts the richest first', () => {
    expect(ids()).toEqual(['b', 'c', 'a']);
    expect(ids(1)).toEqual(['b']);
  });

  it('moves a game whose gold changes', () => {
    board.put({ id: 'a', name: 'a', gold: 9 });
    expect(ids()).toEqual(['a', 'b', 'c']);
  });

  it('forgets a deleted game', () => {
    board.remove('b');
    board.remove('unknown');
    expect(ids()).toEqual(['c', 'a']);
  });

  it('keeps no more than its capacity, and those are the richest', () => {
    board.put({ id: 'd', name: 'd', gold: 8 });
    expect(ids()).toEqual(['d', 'b', 'c']);
    board.put({ id: 'e', name: 'e', gold: 0 });
    expect(ids()).toEqual(['d', 'b', 'c']);
  });

  it('orders equals by id', () => {
    board.put({ id: 'a', name: 'a', gold: 3 });
    expect(ids()).toEqual(['a', 'b', 'c']);
  });
});
