import { describe, expect, it } from '@jest/globals';
import fc from '../testing/examples.js';
import mongoose from 'mongoose';
import { bsonText, generatedEdit, generatedJsonEdit } from '../testing/generated-documents.js';
import { computeDiff } from '../write/compute-diff.js';
import { InvalidValueError, isPlainObject } from './bson-values.js';
import type { Image } from './diff.js';
import { toMergePatch } from './to-merge-patch.js';

const { ObjectId } = mongoose.mongo;

/** RFC 7396 §2, its pseudo code. */
function merged(target: unknown, patch: unknown): unknown {
  if (!isPlainObject(patch)) return patch;
  const result: Image = isPlainObject(target) ? { ...target } : {};
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete result[name];
    else result[name] = merged(Object.hasOwn(result, name) ? result[name] : undefined, value);
  }
  return result;
}

describe('toMergePatch', () => {
  it('nests what was set and has null for what was unset', () => {
    expect(toMergePatch({ set: { a: 1, 'b.c': 2 }, unset: ['b.d', 'e'] }, { b: { d: 1 }, e: 1 })).toEqual({ a: 1, b: { c: 2, d: null }, e: null });
  });

  it('has the whole array in which elements changed', () => {
    const before = { a: { list: [1, { b: 1, c: 1 }, [2, 3]] } };
    const patch = toMergePatch({ set: { 'a.list.0': 5, 'a.list.1.b': 2, 'a.list.2.1': null }, unset: ['a.list.1.c'] }, before);
    expect(patch).toEqual({ a: { list: [5, { b: 2 }, [2, null]] } });
    expect(before).toEqual({ a: { list: [1, { b: 1, c: 1 }, [2, 3]] } });
  });

  it('names the keys that went away with a replaced object', () => {
    expect(toMergePatch({ set: { a: { x: 1, y: { q: 1 } } }, unset: [] }, { a: { x: 1, y: { p: 1 }, z: 1 } })).toEqual({ a: { y: { q: 1, p: null }, z: null } });
  });

  it('leaves BSON values as they are', () => {
    const id = new ObjectId();
    expect(toMergePatch({ set: { 'a.id': id, at: new Date(5) }, unset: [] }, {})).toEqual({ a: { id }, at: new Date(5) });
  });

  it('ignores unset paths that were not there', () => {
    expect(toMergePatch({ set: {}, unset: ['a', 'b.c'] }, {})).toEqual({});
  });

  it.each([
    ['a field', { a: null }, 'a'],
    ['a nested field', { 'a.b': null }, 'a.b'],
    ['a field of a new object', { a: { b: { c: null } } }, 'a.b.c'],
  ])('refuses null for %s, which a merge patch cannot express', (_name, set, path) => {
    expect(() => toMergePatch({ set, unset: [] }, {})).toThrow(expect.objectContaining({ name: 'InvalidValueError', path }));
  });

  it('allows null in arrays and where it stays', () => {
    expect(toMergePatch({ set: { a: [null], b: { c: null, d: 2 } }, unset: [] }, { b: { c: null, d: 1 } })).toEqual({ a: [null], b: { d: 2 } });
  });

  it('refuses a path that does not fit the document, and paths that could reach a prototype', () => {
    expect(() => toMergePatch({ set: { 'a.1': 1 }, unset: [] }, { a: [1] })).toThrow(InvalidValueError);
    expect(() => toMergePatch({ set: { 'a.0.b': 1 }, unset: [] }, { a: [1] })).toThrow(InvalidValueError);
    expect(() => toMergePatch({ set: { 'a.__proto__.b': 1 }, unset: [] }, {})).toThrow(InvalidValueError);
  });

  it('leads to the document after any edit, unless that sets a null', () => {
    const withoutNull = fc.oneof(fc.integer(), fc.string(), fc.boolean());
    fc.assert(fc.property(generatedEdit(withoutNull), ({ before, after }) => {
      const patch = toMergePatch(computeDiff(before, after, { versionField: 'version' }), before);
      expect(bsonText(merged({ ...before, version: 2 }, patch), 'sorted')).toBe(bsonText(after, 'sorted'));
    }), { numRuns: 400 });
  });

  it('never leads anywhere else', () => {
    fc.assert(fc.property(generatedJsonEdit(), ({ before, after }) => {
      const diff = computeDiff(before, after, { versionField: 'version' });
      let patch: Image;
      try {
        patch = toMergePatch(diff, before);
      } catch (error) {
        expect(error).toBeInstanceOf(InvalidValueError);
        return;
      }
      expect(bsonText(merged({ ...before, version: 2 }, patch), 'sorted')).toBe(bsonText(after, 'sorted'));
    }), { numRuns: 400 });
  });
});
