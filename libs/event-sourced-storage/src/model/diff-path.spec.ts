import { describe, expect, it } from '@jest/globals';
import mongoose from 'mongoose';
import { InvalidValueError } from './bson-values.js';
import { arrayIndex, childOf, followPath, isFieldName, isPathSegment, refuseUnnameableFields, splitPath } from './diff-path.js';

const { ObjectId } = mongoose.mongo;

describe('paths of a diff', () => {
  it.each(['', '.', 'a.b', 'a.', '$', '$set', '$[]', 'a\0', '__proto__', 'constructor', 'prototype'])('cannot name a field %p', (key) => {
    expect(isFieldName(key)).toBe(false);
    expect(isPathSegment(key)).toBe(false);
    expect(() => refuseUnnameableFields({ _id: 1, [key]: 1 })).toThrow(expect.objectContaining({ path: key }));
  });

  it.each(['a', 'a$', '0', '10', '-1', 'é', ' ', 'toString', '0x1', '_id'])('can name a field %p anywhere', (key) => {
    expect(isFieldName(key)).toBe(true);
    expect(isPathSegment(key)).toBe(true);
    expect(() => refuseUnnameableFields({ [key]: 1 })).not.toThrow();
  });

  it('can name digits with a leading zero at the top only: in an array the server would take them for an index', () => {
    expect(isFieldName('01')).toBe(true);
    expect(isPathSegment('01')).toBe(false);
    expect(splitPath('01.a')).toEqual(['01', 'a']);
    expect(() => splitPath('a.01')).toThrow(InvalidValueError);
  });

  it.each(['', 'a.', '.a', 'a..b', 'a.$', 'a.$[].b', '$set.a', 'a.__proto__.b', '__proto__', 'a.constructor', 'a.b\0'])('refuses %p', (path) => {
    expect(() => splitPath(path)).toThrow(expect.objectContaining({ name: 'InvalidValueError', path }));
  });

  it('takes whole numbers for array indexes', () => {
    expect(['0', '7', '10', '01', '-1', '1.5', 'a', '', '99999999999'].map(arrayIndex)).toEqual([0, 7, 10, ...Array.from({ length: 6 }, () => undefined)]);
  });

  it('finds own fields and elements only', () => {
    expect(childOf({ a: 1 }, 'a')).toBe(1);
    expect(childOf([1, 2], '1')).toBe(2);
    for (const [container, segment] of [[{}, 'toString'], [[], 'length'], [[1], '01'], [new ObjectId(), 'i0'], ['text', 'length'], [null, 'a'], [undefined, 'a']] as const) {
      expect(childOf(container, segment)).toBeUndefined();
    }
  });

  it('follows a path as far as it goes', () => {
    const image = { a: [{ b: null }] };
    expect(followPath(image, ['a', '0', 'b'])).toEqual({ depth: 2, holder: { b: null }, value: null });
    expect(followPath(image, ['a', '1', 'b'])).toEqual({ depth: 1, holder: [{ b: null }], value: undefined });
    expect(followPath(image, ['a', '0', 'b', 'c'])).toEqual({ depth: 3, holder: null, value: undefined });
  });
});
