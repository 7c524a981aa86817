import { describe, expect, it } from '@jest/globals';
import { parseWholeNumber } from './parse-whole-number.js';

describe('parseWholeNumber', () => {
  it.each([['0', 0], ['7', 7], ['007', 7], ['9007199254740991', Number.MAX_SAFE_INTEGER]])('reads %p as %p', (text, number) => {
    expect(parseWholeNumber(text)).toBe(number);
  });

  it.each(['', ' 1', '1 ', '-1', '+1', '1.5', '1e3', '0x10', 'NaN', 'Infinity', '9007199254740992', '1'.repeat(17), '１', '1\n', ['1'], { $ne: '1' }, 1, undefined])(
    'refuses %p',
    (text) => {
      expect(parseWholeNumber(text)).toBeUndefined();
    },
  );
});
