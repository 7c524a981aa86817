import { describe, expect, it } from '@jest/globals';
import { InvalidValueError } from './bson-values.js';
import { inverseDiff } from './inverse-diff.js';

describe('inverseDiff', () => {
  it('sets what was there and unsets what was not', () => {
    const before = { a: 1, b: { c: null, d: 5 }, list: [1, { e: 1 }] };
    const diff = { set: { a: 2, 'b.c': 1, 'b.new': 1, 'list.1.e': 2 }, unset: ['b.d'] };
    expect(inverseDiff(diff, before)).toEqual({ set: { a: 1, 'b.c': null, 'b.d': 5, 'list.1.e': 1 }, unset: ['b.new'] });
  });

  it('unsets the first parent that the diff created, once', () => {
    expect(inverseDiff({ set: { 'a.b.c': 1, 'a.b.d': 2, 'e.f': 1 }, unset: [] }, { e: {} })).toEqual({ set: {}, unset: ['a', 'e.f'] });
  });

  it('ignores unset paths that were not there', () => {
    expect(inverseDiff({ set: {}, unset: ['a', 'b.c', 'd.0', 'e.f.g'] }, { d: [], e: {} })).toEqual({ set: {}, unset: [] });
  });

  it('restores the array that the diff made longer, together with what else changed in it', () => {
    const before = { a: { list: [{ b: 1 }] } };
    expect(inverseDiff({ set: { 'a.list.0.b': 2, 'a.list.3': 1 }, unset: [] }, before)).toEqual({ set: { 'a.list': [{ b: 1 }] }, unset: [] });
  });

  it('refuses paths that could reach a prototype', () => {
    expect(() => inverseDiff({ set: {}, unset: ['a.__proto__.b'] }, {})).toThrow(InvalidValueError);
  });
});
