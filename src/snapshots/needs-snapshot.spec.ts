import { describe, expect, it } from '@jest/globals';
import { needsSnapshot } from './needs-snapshot.js';

describe('needsSnapshot', () => {
  it.each([
    { head: 100, newestSnapshot: 0, answer: false },
    { head: 101, newestSnapshot: 0, answer: true },
    { head: 200, newestSnapshot: 101, answer: false },
    { head: 202, newestSnapshot: 101, answer: true },
    { head: 7, newestSnapshot: 7, answer: false },
    { head: 7, newestSnapshot: 500, answer: false },
  ])('after a snapshot at $newestSnapshot and with $head as newest event it says $answer', ({ answer, ...history }) => {
    expect(needsSnapshot(history, 100)).toBe(answer);
  });
});
