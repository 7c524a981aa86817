import { describe, expect, it } from '@jest/globals';
import { printable, printableLines } from './printable.js';

describe('what is shown on a terminal', () => {
  it('shows control characters and turns of direction as their numbers', () => {
    expect(printable('a\u001B[2Jb\nc\u202Ed\u009Be')).toBe(String.raw`a\u001b[2Jb\u000ac\u202ed\u009be`);
  });

  it('leaves everything else as it is, and keeps the lines of a longer text', () => {
    expect(printable('Ünï 🐉 – ok')).toBe('Ünï 🐉 – ok');
    expect(printableLines('one\ntw\u0007o')).toBe('one\ntw\\u0007o');
  });
});
