import { describe, expect, it } from '@jest/globals';
import fc from '../testing/examples.js';
import mongoose from 'mongoose';
import { InvalidValueError } from './bson-values.js';
import type { DiffPaths, Image } from './diff.js';
import { bsonText, generatedEdit, generatedImage, generatedPaths } from '../testing/generated-documents.js';
import { computeDiff } from '../write/compute-diff.js';
import { applyDiff } from './apply-diff.js';

const { ObjectId } = mongoose.mongo;

function set(before: Image, paths: Image): Image {
  return applyDiff(before, { set: paths, unset: [] });
}

function unset(before: Image, ...paths: string[]): Image {
  return applyDiff(before, { set: {}, unset: paths });
}

describe('applyDiff', () => {
  it('sets and unsets fields, nested fields and elements', () => {
    const before = { a: 1, b: { c: 1, d: 2 }, list: [1, { e: 1 }] };
    expect(applyDiff(before, { set: { a: 2, 'b.c': 3, 'list.1.e': 4 }, unset: ['b.d'] })).toEqual({ a: 2, b: { c: 3 }, list: [1, { e: 4 }] });
  });

  it('answers the document itself when the diff is empty', () => {
    const before = { a: 1 };
    expect(applyDiff(before, { set: {}, unset: [] })).toBe(before);
  });

  it('creates missing parents as objects, also when the path goes on with a number', () => {
    expect(set({}, { 'a.b.c': 1, 'a.d': 2, 'e.0': 3 })).toEqual({ a: { b: { c: 1 }, d: 2 }, e: { 0: 3 } });
  });

  it('reads a number as an index in an array and as a key in an object', () => {
    expect(set({ a: [1, 2], b: { x: 1 } }, { 'a.0': 5, 'b.0': 5 })).toEqual({ a: [5, 2], b: { x: 1, 0: 5 } });
  });

  it('fills an array up with null', () => {
    expect(set({ a: [1] }, { 'a.3': 2, 'a.5.b': 3 })).toEqual({ a: [1, null, null, 2, null, { b: 3 }] });
  });

  it('leaves null for an unset element, as a server does', () => {
    expect(unset({ a: [1, 2, { b: 1, c: 1 }] }, 'a.0', 'a.2.b', 'a.7')).toEqual({ a: [null, 2, { c: 1 }] });
  });

  it('unsets nothing where there is nothing', () => {
    const before = { a: 1, b: null, c: { d: 1 }, e: [1], id: new ObjectId() };
    expect(unset(before, 'x', 'y.z', 'a.b', 'b.c', 'c.x', 'c.y.z', 'e.x', 'e.1.y', 'id.i0')).toEqual(before);
  });

  it('creates no parent for an unset path', () => {
    expect(applyDiff({}, { set: { 'a.y': 1 }, unset: ['a.x.z', 'b.c'] })).toEqual({ a: { y: 1 } });
  });

  it('adds new fields in the order of the server and keeps the place of the others', () => {
    const paths = { z: 1, 'é': 1, '～': 1, '😀': 1, B: 1, a1: 1, kept: 2, 'n.z': 1, 'n.b': 1, '99999999999': 1, '100000000000': 1, '1a': 1 };
    const applied = set({ y: 1, kept: 1, gone: 1 }, paths);
    expect(Object.keys(applied)).toEqual(['y', 'kept', 'gone', '1a', '99999999999', '100000000000', 'B', 'a1', 'n', 'z', 'é', '～', '😀']);
    expect(Object.keys(applied['n'] as Image)).toEqual(['b', 'z']);
    expect(Object.keys(unset({ a: 1, b: 1, c: 1 }, 'b'))).toEqual(['a', 'c']);
  });

  it.each([
    ['through a number', { a: 1 }, 'a.b'],
    ['through null', { a: null }, 'a.b'],
    ['through an ObjectId', { a: new ObjectId() }, 'a.b'],
    ['through a Date', { a: { at: new Date(0) } }, 'a.at.b'],
    ['to a name in an array', { a: [1] }, 'a.b'],
    ['to a negative index', { a: [1] }, 'a.-1'],
    ['far beyond the end of an array', { a: [] }, 'a.1500001'],
    ['to an index that is none', { a: [] }, 'a.99999999999'],
  ])('refuses to set %s', (_name, before, path) => {
    expect(() => set(before, { [path]: 1 })).toThrow(expect.objectContaining({ name: 'InvalidValueError', path }));
  });

  it.each([
    [{ a: 1, 'a.b': 1 }, []],
    [{ 'a.b': 1, a: 1 }, []],
    [{ 'a.b.c': 1 }, ['a']],
    [{ 'a.b': 1 }, ['a.b']],
    [{}, ['a', 'a.b']],
  ])('refuses a path together with the same or one below: %j %j', (paths, unsetPaths) => {
    expect(() => applyDiff({ a: {} }, { set: paths, unset: unsetPaths })).toThrow(InvalidValueError);
  });

  it('refuses paths that could reach a prototype, and others that no diff contains', () => {
    for (const path of ['__proto__', '__proto__.polluted', 'a.__proto__.polluted', 'constructor.prototype.polluted', 'a.constructor', '', 'a.', 'a.$x', '$x', 'a.01']) {
      expect(() => set({ a: {} }, { ...JSON.parse(`{${JSON.stringify(path)}:1}`) })).toThrow(InvalidValueError);
      expect(() => unset({ a: {} }, path)).toThrow(InvalidValueError);
    }
  });

  it('never changes Object.prototype, whatever the diff', () => {
    const names = Object.getOwnPropertyNames(Object.prototype).join();
    const segment = fc.constantFrom('__proto__', 'constructor', 'prototype', 'toString', 'a', '0');
    const path = fc.array(segment, { minLength: 1, maxLength: 3 }).map((segments) => segments.join('.'));
    const document = fc.constantFrom('{}', '{"a":{"__proto__":{"x":1}}}', '{"a":[{"constructor":{"prototype":{}}}]}', '{"__proto__":{"a":{}}}');
    fc.assert(fc.property(document, fc.array(fc.tuple(path, fc.json())), fc.array(path), (text, sets, unsets) => {
      const diff = { set: Object.fromEntries(sets.map(([key, value]) => [key, JSON.parse(value) as unknown])), unset: unsets };
      try {
        applyDiff(JSON.parse(text) as Image, diff);
      } catch (error) {
        expect(error).toBeInstanceOf(InvalidValueError);
      }
      expect(Object.getOwnPropertyNames(Object.prototype).join()).toBe(names);
      expect(({} as Image)['x']).toBeUndefined();
    }), { numRuns: 400 });
  });

  it('keeps an own key __proto__ of stored data as it is', () => {
    const before = JSON.parse('{"a":{"__proto__":{"x":1},"b":1,"c":1}}') as Image;
    expect(JSON.stringify(applyDiff(before, { set: { 'a.b': 2 }, unset: ['a.c'] }))).toBe('{"a":{"__proto__":{"x":1},"b":2}}');
  });

  it('changes neither the document nor the diff', () => {
    fc.assert(fc.property(generatedImage(), generatedPaths(), (before, diff) => {
      const texts = [bsonText(before, 'as they are'), bsonText(diff, 'as they are')];
      try {
        applyDiff(before, diff);
      } catch (error) {
        expect(error).toBeInstanceOf(InvalidValueError);
      }
      expect([bsonText(before, 'as they are'), bsonText(diff, 'as they are')]).toEqual(texts);
    }), { numRuns: 200 });
  });

  it('shares what no path touches', () => {
    const before = { a: { b: {}, c: {} }, list: [{}, {}], d: {} };
    const after = applyDiff(before, { set: { 'a.b.x': 1, 'list.0.y': 1 }, unset: ['d.e'] }) as typeof before;
    expect(after.a.c).toBe(before.a.c);
    expect(after.list[1]).toBe(before.list[1]);
    expect(after.a).not.toBe(before.a);
    const branches: DiffPaths = { set: { 'a.b': after.a }, unset: [] };
    expect((applyDiff(before, branches)['a'] as Image)['b']).toBe(after.a);
  });

  it('makes the same of fields that are there already, whether other paths go with them or not', () => {
    // an unset path that is not there changes nothing, and asks for the general way
    const nothing = 'not there.at all';
    fc.assert(fc.property(generatedImage(), generatedImage(), (before, other) => {
      const fields = Object.keys(before).filter((name) => name !== '_id');
      const values = Object.values(other);
      const paths = Object.fromEntries(fields.map((name, index) => [name, values[index % values.length]]));
      for (const given of [paths, Object.fromEntries(Object.entries(paths).toReversed()), { ...paths, ...other }]) {
        const quick = applyDiff(before, { set: given, unset: [] });
        const general = applyDiff(before, { set: given, unset: [nothing] });
        expect(bsonText(quick, 'as they are')).toBe(bsonText(general, 'as they are'));
        expect(Object.keys(quick)).toEqual(Object.keys(general));
        for (const [name, value] of Object.entries(general)) expect(quick[name]).toBe(value);
      }
    }), { numRuns: 200 });
  });

  it('puts a value in the place of a field under a name that every object inherits', () => {
    const before = JSON.parse('{"toString":1,"hasOwnProperty":2,"a":3}') as Image;
    expect(Object.entries(set(before, { toString: 4, hasOwnProperty: 5 }))).toEqual([['toString', 4], ['hasOwnProperty', 5], ['a', 3]]);
    expect(Object.entries(set({ a: 1 }, { toString: 4 }))).toEqual([['a', 1], ['toString', 4]]);
  });

  it('can be repeated: the same diff changes nothing more', () => {
    fc.assert(fc.property(generatedEdit(), ({ before, after }) => {
      const diff = computeDiff(before, after, { versionField: 'version' });
      const once = applyDiff(before, diff);
      expect(bsonText(applyDiff(once, diff), 'as they are')).toBe(bsonText(once, 'as they are'));
    }));
  });
});
