import { describe, expect, it } from '@jest/globals';
import fc from '../testing/examples.js';
import { bsonText, generatedJsonEdit } from '../testing/generated-documents.js';
import { computeDiff } from '../write/compute-diff.js';
import { InvalidValueError } from './bson-values.js';
import type { Image } from './diff.js';
import { followPath, splitPath } from './diff-path.js';
import { type JsonPatchOperation, toJsonPatch } from './to-json-patch.js';

/** RFC 6902 §4, written from its text: strict, a missing target or parent is an error. */
function patched(document: unknown, operations: readonly JsonPatchOperation[]): unknown {
  const copy: unknown = structuredClone(document);
  for (const operation of operations) {
    const segments = operation.path.split('/').slice(1).map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
    const last = segments.pop() ?? '';
    const parent = segments.reduce((value, segment) => memberOf(value, segment), copy);
    if (operation.op !== 'add') memberOf(parent, last);
    if (Array.isArray(parent)) {
      const index = last === '-' ? parent.length : Number(last);
      if (!(index <= parent.length)) throw new Error(`no index ${last}`);
      const { length: removed } = operation.op === 'add' ? [] : [0];
      parent.splice(index, removed, ...(operation.op === 'remove' ? [] : [operation.value]));
    } else {
      const object = parent as Image;
      if (typeof object !== 'object' || object === null) throw new Error('the parent is a scalar');
      if (operation.op === 'remove') delete object[last];
      else object[last] = operation.value;
    }
  }
  return copy;
}

function memberOf(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) throw new Error(`no member ${name}`);
  return (value as Image)[name];
}

describe('toJsonPatch', () => {
  it('replaces what is there, adds what is not, and removes', () => {
    const before = { a: 1, b: { c: 1, d: 1 }, list: [1, 2] };
    const diff = { set: { a: 2, 'b.new': 1, 'list.1': 3 }, unset: ['b.c'] };
    expect(toJsonPatch(diff, before)).toEqual([
      { op: 'remove', path: '/b/c' },
      { op: 'replace', path: '/a', value: 2 },
      { op: 'add', path: '/b/new', value: 1 },
      { op: 'replace', path: '/list/1', value: 3 },
    ]);
  });

  it('without the document uses add, which replaces a member, and replace for what may be an element, which add would insert', () => {
    expect(toJsonPatch({ set: { a: 2, 'b.c': 1, 'list.1': 3, 'list.1x': 1, 7: 1 }, unset: ['d.e'] })).toEqual([
      { op: 'remove', path: '/d/e' },
      { op: 'add', path: '/7', value: 1 },
      { op: 'add', path: '/a', value: 2 },
      { op: 'add', path: '/b/c', value: 1 },
      { op: 'replace', path: '/list/1', value: 3 },
      { op: 'add', path: '/list/1x', value: 1 },
    ]);
  });

  it('escapes ~ and / in names', () => {
    expect(toJsonPatch({ set: { 'a.m~n/o~1': 1 }, unset: [] })).toEqual([{ op: 'add', path: '/a/m~0n~1o~01', value: 1 }]);
  });

  it('adds the missing parents first, once', () => {
    expect(toJsonPatch({ set: { 'a.b.c': 1, 'a.b.d': 2 }, unset: ['x.y'] }, {})).toEqual([
      { op: 'add', path: '/a', value: {} },
      { op: 'add', path: '/a/b', value: {} },
      { op: 'add', path: '/a/b/c', value: 1 },
      { op: 'add', path: '/a/b/d', value: 2 },
    ]);
  });

  it('adds a field whose name is a number, and leaves null for an unset element', () => {
    const before = { scores: { 1: 5 }, list: [1, 2] };
    expect(toJsonPatch({ set: { 'scores.17': 1 }, unset: ['list.0'] }, before)).toEqual([
      { op: 'replace', path: '/list/0', value: null },
      { op: 'add', path: '/scores/17', value: 1 },
    ]);
  });

  it('refuses a set path that does not fit the document, and paths that could reach a prototype', () => {
    expect(() => toJsonPatch({ set: { 'a.b': 1 }, unset: [] }, { a: null })).toThrow(InvalidValueError);
    expect(() => toJsonPatch({ set: { 'a.2': 1 }, unset: [] }, { a: [1] })).toThrow(InvalidValueError);
    expect(() => toJsonPatch({ set: { 'a.__proto__.b': 1 }, unset: [] })).toThrow(InvalidValueError);
    expect(() => toJsonPatch({ set: {}, unset: ['__proto__'] }, {})).toThrow(InvalidValueError);
  });

  it('leads to the document after any edit', () => {
    fc.assert(fc.property(generatedJsonEdit(), ({ before, after }) => {
      const operations = toJsonPatch(computeDiff(before, after, { versionField: 'version' }), before);
      expect(bsonText(patched({ ...before, version: 2 }, operations), 'sorted')).toBe(bsonText(after, 'sorted'));
    }), { numRuns: 400 });
  });

  it('does so without the document too, unless a field appears whose name is a number', () => {
    fc.assert(fc.property(generatedJsonEdit(), ({ before, after }) => {
      const diff = computeDiff(before, after, { versionField: 'version' });
      fc.pre(Object.keys(diff.set).every((path) => !/\.\d+$/.test(path) || followPath(before, splitPath(path)).value !== undefined));
      expect(bsonText(patched({ ...before, version: 2 }, toJsonPatch(diff)), 'sorted')).toBe(bsonText(after, 'sorted'));
    }), { numRuns: 400 });
  });
});
