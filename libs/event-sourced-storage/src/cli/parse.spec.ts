import { describe, expect, it } from '@jest/globals';
import { date, fraction, integer, positiveInteger, start } from './parse.js';

describe('what is given on a command line', () => {
  it('numbers are whole, and not below their least', () => {
    expect([integer('0'), integer('12'), positiveInteger('1'), fraction('0.5'), fraction('1')]).toEqual([0, 12, 1, 0.5, 1]);
    for (const text of ['', '-1', '1.5', '1e3', '0x10', ' 1', '9'.repeat(16), 'Infinity']) expect(() => integer(text)).toThrow('whole number');
    expect(() => positiveInteger('0')).toThrow('above 0');
    for (const text of ['', '0', '1.01', '-0.5', 'NaN', 'half']) expect(() => fraction(text)).toThrow('above 0');
  });

  it('dates say their zone, so that they mean the same everywhere', () => {
    expect(date('2026-01-31').toISOString()).toBe('2026-01-31T00:00:00.000Z');
    expect(date('2026-01-31T12:00:00.5+02:00').toISOString()).toBe('2026-01-31T10:00:00.500Z');
    for (const text of ['', 'yesterday', '2026', '2026-13-01', '2026-01-31T12:00:00', '31.1.2026', '1700000000000']) expect(() => date(text)).toThrow('A date is needed');
  });

  it('a handler starts at the beginning, now or at a date', () => {
    expect([start('beginning'), start('now'), start('2026-01-31')]).toEqual(['beginning', 'now', new Date('2026-01-31')]);
    expect(() => start('then')).toThrow('A date is needed');
  });
});
