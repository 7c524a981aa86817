import { describe, expect, it } from '@jest/globals';
import fc from './testing/examples.js';
import { applyDiff as applyAsServer } from '../../event-sourced-storage/src/model/apply-diff.js';
import { generatedJsonEdit, generatedPaths } from '../../event-sourced-storage/src/testing/generated-documents.js';
import { computeDiff } from '../../event-sourced-storage/src/write/compute-diff.js';
import { applyDiff } from './apply-diff.js';

const text = (value: unknown): string => JSON.stringify(value, (_key, inner: unknown) => (isObject(inner) ? Object.entries(inner).toSorted(([a], [b]) => (a < b ? -1 : 1)) : inner));
const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null && !Array.isArray(value);

describe('applyDiff of the client', () => {
  it('makes of every diff what the server makes of it', () => {
    fc.assert(
      fc.property(generatedJsonEdit(), ({ before, after }) => {
        const diff = computeDiff(before, after, { versionField: 'version' });
        const wire = JSON.parse(JSON.stringify({ before, ...diff })) as { before: unknown; set: Record<string, unknown>; unset: string[] };
        const applied = applyDiff(wire.before, wire.set, wire.unset);
        expect(text(applied)).toBe(text(JSON.parse(JSON.stringify(applyAsServer(before, diff)))));
        expect(text(applyDiff(applied, wire.set, wire.unset))).toBe(text(applied));
      }),
      { numRuns: 500 },
    );
  });

  it('makes of any paths what the server makes of them, where it takes them', () => {
    fc.assert(
      fc.property(generatedJsonEdit(), generatedPaths(), ({ before }, paths) => {
        const { set, unset } = JSON.parse(JSON.stringify(paths, (_key, inner: unknown) => (typeof inner === 'bigint' ? String(inner) : inner))) as typeof paths;
        const plain = JSON.parse(JSON.stringify(before)) as typeof before;
        let expected: unknown;
        try {
          expected = applyAsServer(plain, { set, unset });
        } catch {
          return; // a diff that the server refuses never arrives
        }
        expect(text(applyDiff(plain, set, unset))).toBe(text(expected));
      }),
      { numRuns: 500 },
    );
  });

  it('changes neither the document nor the diff, and shares what no path touches', () => {
    const before = { a: { b: { x: 1 }, c: {} }, list: [{}, { y: 1 }], d: {} };
    const frozen = JSON.stringify(before);
    const after = applyDiff(before, { 'a.b.x': 2, 'list.1.y': 2 }, ['d.e']) as typeof before;
    expect(JSON.stringify(before)).toBe(frozen);
    expect(after).toEqual({ a: { b: { x: 2 }, c: {} }, list: [{}, { y: 2 }], d: {} });
    expect(after.a.c).toBe(before.a.c);
    expect(after.list[0]).toBe(before.list[0]);
    const value = { z: { k: 1 } };
    applyDiff(applyDiff({}, { value }), { 'value.z.k': 2 });
    expect(value).toEqual({ z: { k: 1 } });
  });

  it.each(['__proto__.x', 'a.__proto__', 'a.__proto__.x', 'constructor.prototype.x', 'a.constructor', 'prototype'])('refuses the path %s', (path) => {
    expect(() => applyDiff({ a: {} }, JSON.parse(`{${JSON.stringify(path)}:1}`) as Record<string, unknown>)).toThrow(TypeError);
    expect(() => applyDiff({ a: {} }, {}, [path])).toThrow(TypeError);
    expect(({} as Record<string, unknown>)['x']).toBeUndefined();
  });

  it.each([
    ['through a text', { a: 'x' }, 'a.b'],
    ['through null', { a: null }, 'a.b'],
    ['to a name in an array', { a: [] }, 'a.b'],
    ['far beyond the end of an array', { a: [] }, 'a.99999999'],
  ])('refuses to set %s: the diff is not of this document', (_name, doc, path) => {
    expect(() => applyDiff(doc, { [path]: 1 })).toThrow(TypeError);
  });
});
