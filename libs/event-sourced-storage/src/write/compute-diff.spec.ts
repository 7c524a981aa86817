import { describe, expect, it } from '@jest/globals';
import fc from '../testing/examples.js';
import mongoose from 'mongoose';
import { applyDiff } from '../model/apply-diff.js';
import { byteSize, fieldSize, InvalidValueError, sameValue } from '../model/bson-values.js';
import type { DiffPaths, Image } from '../model/diff.js';
import { splitPath } from '../model/diff-path.js';
import { inverseDiff } from '../model/inverse-diff.js';
import { bsonText, generatedEdit, generatedImage } from '../testing/generated-documents.js';
import { computeDiff } from './compute-diff.js';

const { Binary, Decimal128, Long, ObjectId, UUID } = mongoose.mongo;

/** A document with enough beside the fields at hand that no diff outgrows it. */
const rest = { _id: 1, version: 1, ballast: 'x'.repeat(500) };

function diff(before: Image, after: Image): DiffPaths {
  return computeDiff({ ...rest, ...before }, { ...rest, ...after }, { versionField: 'version' });
}

const nothing: DiffPaths = { set: {}, unset: [] };

describe('computeDiff', () => {
  it('gives absolute values of the changed fields only', () => {
    expect(diff({ gold: 5, name: 'anna', level: 1 }, { gold: 7, name: 'anna', level: 1 })).toEqual({ set: { gold: 7 }, unset: [] });
  });

  it('goes into nested objects', () => {
    expect(diff({ a: { b: { c: 1, d: 2 } } }, { a: { b: { c: 1, d: 3, e: 4 } } })).toEqual({ set: { 'a.b.d': 3, 'a.b.e': 4 }, unset: [] });
  });

  it('tells number to 0, text to empty, field to null and field removed apart', () => {
    expect(diff({ a: 1, b: 'x', c: 1, d: 1 }, { a: 0, b: '', c: null })).toEqual({ set: { a: 0, b: '', c: null }, unset: ['d'] });
  });

  it('unsets removed fields, also those that become undefined', () => {
    expect(diff({ a: { b: 1, c: 2 }, d: 1 }, { a: { c: 2, b: undefined }, d: undefined })).toEqual({ set: {}, unset: ['a.b', 'd'] });
  });

  it('sees no change in equal values of other instances', () => {
    const values = (): Image => (({
	id: new ObjectId('a'.repeat(24)),
	at: new Date(5),
	price: Decimal128.fromString('1.50'),
	long: Long.fromString('9007199254740993'),
	bytes: new Binary(Buffer.from('a')),
		uuid: new UUID(Buffer.alloc(16)),
		nan: Number.NaN,
		list: [[new Date(1)]],
		empty: {},
		none: []
}));
    expect(diff(values(), values())).toEqual(nothing);
  });

  it('sees no change between -0 and 0, an absent and an undefined field, and in the order of keys', () => {
    expect(diff({ a: 0, c: { d: 1, e: 2 } }, { a: -0, b: undefined, c: { e: 2, d: 1 } })).toEqual(nothing);
    expect(diff({ a: undefined }, {})).toEqual(nothing);
  });

  it.each([
    ['a Date', new Date(5), new Date(6)],
    ['an ObjectId', new ObjectId('a'.repeat(24)), new ObjectId('b'.repeat(24))],
    ['a Decimal128', Decimal128.fromString('1.0'), Decimal128.fromString('1.00')],
    ['a Long', Long.fromString('9007199254740992'), Long.fromString('9007199254740993')],
    ['a UUID', new UUID(Buffer.alloc(16)), new UUID(Buffer.alloc(16, 1))],
    ['a Buffer', Buffer.from('a'), Buffer.from('b')],
    ['a type', '5', 5],
    ['a value to null', 5, null],
    ['an object to an array', { 0: 1 }, [1]],
    ['an array to an object', [1], { 0: 1 }],
    ['a scalar to an object', 1, { a: 1 }],
    ['an object to a Date', {}, new Date(5)],
  ])('records a change of %s as a whole', (_name, before, after) => {
    expect(diff({ a: { b: before } }, { a: { b: after } }).set).toEqual({ 'a.b': after });
  });

  it('sets elements of an array that keeps its length', () => {
    expect(diff({ a: [1, { b: 1, c: 1 }, [5, 6]] }, { a: [2, { b: 2 }, [5, 7]] })).toEqual({ set: { 'a.0': 2, 'a.1.b': 2, 'a.2.1': 7 }, unset: ['a.1.c'] });
  });

  it('sets elements that change from null, to null, or to another type', () => {
    expect(diff({ a: [null, 1, { b: 1 }, [1]] }, { a: [{ b: 1 }, null, [1], { 0: 1 }] }).set).toEqual({ 'a.0': { b: 1 }, 'a.1': null, 'a.2': [1], 'a.3': { 0: 1 } });
  });

  it.each([
    ['grows at the end', [1, 2, 3]],
    ['grows at the start', [0, 1, 2]],
    ['shrinks', [1]],
    ['is emptied', []],
  ])('sets the whole array when it %s', (_name, after) => {
    expect(diff({ a: { list: [1, 2] } }, { a: { list: after } })).toEqual({ set: { 'a.list': after }, unset: [] });
  });

  it('sets the array that changed its length, not the one around it', () => {
    expect(diff({ a: [[1], [2]] }, { a: [[1], [2, 3]] })).toEqual({ set: { 'a.1': [2, 3] }, unset: [] });
  });

  it('changes the right one of two equal elements', () => {
    expect(diff({ a: ['x', 'x', 'y'] }, { a: ['x', 'z', 'y'] })).toEqual({ set: { 'a.1': 'z' }, unset: [] });
  });

  it.each(['x.y', '.', '$x', '$set', '', '01'])('replaces the object in which a key %p appears, changes or goes away', (key) => {
    for (const [old, value] of [[{}, { [key]: 1 }], [{ [key]: 1 }, { [key]: 2 }], [{ [key]: { c: 1 } }, { [key]: { c: 2 } }], [{ [key]: 1 }, {}]]) {
      expect(diff({ a: { b: { ...old, other: 1 } } }, { a: { b: { ...value, other: 2 } } })).toEqual({ set: { 'a.b': { ...value, other: 2 } }, unset: [] });
      expect(diff({ a: [{ ...old, other: 1, gone: 1 }] }, { a: [{ ...value, other: 2 }] })).toEqual({ set: { 'a.0': { ...value, other: 2 } }, unset: [] });
    }
  });

  it.each(['x.y', '.', '$x', '', '01'])('does not replace an object for an unchanged key %p', (key) => {
    const awkward = { [key]: { c: new Date(5) } };
    expect(diff({ a: { ...awkward, b: 1 } }, { a: { [key]: { c: new Date(5) }, b: 2 } })).toEqual({ set: { 'a.b': 2 }, unset: [] });
  });

  it('keeps the paths of the neighbours of a replaced object', () => {
    const before = { a: { one: { d: 1 }, two: { e: 1, 'x.y': 1 }, three: { f: 1 } } };
    const after = { a: { one: { d: 2 }, two: { e: 2, 'x.y': 2 }, three: {} } };
    expect(diff(before, after)).toEqual({ set: { 'a.one.d': 2, 'a.two': { e: 2, 'x.y': 2 } }, unset: ['a.three.f'] });
  });

  it('names keys that are numbers, in objects and at the top', () => {
    expect(diff({ scores: { 1: 5 }, 7: 1, '01': 1 }, { scores: { 1: 6, 17: 1 }, 7: 2, '01': 2 })).toEqual({
      set: { 7: 2, '01': 2, 'scores.1': 6, 'scores.17': 1 },
      unset: [],
    });
  });

  it('sets a new object as a whole, whatever its keys', () => {
    expect(diff({}, { a: { 0: { '$b.c': 1 } } })).toEqual({ set: { a: { 0: { '$b.c': 1 } } }, unset: [] });
  });

  it.each(['x.y', '$x', ''])('refuses a changed top-level field %p, which an update cannot name', (key) => {
    for (const [before, after] of [[{}, { [key]: 1 }], [{ [key]: { a: 1 } }, { [key]: { a: 2 } }], [{ [key]: 1 }, {}]] as const) {
      expect(() => diff(before, after)).toThrow(expect.objectContaining({ name: 'InvalidValueError', path: key }));
    }
    expect(diff({ [key]: { a: 1 }, b: 1 }, { [key]: { a: 1 }, b: 2 })).toEqual({ set: { b: 2 }, unset: [] });
  });

  it.each(['__proto__', 'constructor', 'prototype'])('refuses a new or changed key %p, and lets it be removed', (key) => {
    const own = JSON.parse(`{"b":{"${key}":{"x":1}}}`) as Image;
    expect(() => diff({ a: { b: {} } }, { a: own })).toThrow(InvalidValueError);
    expect(diff({ a: own }, { a: { b: {} } })).toEqual({ set: { 'a.b': {} }, unset: [] });
    expect(diff({ a: own, c: 1 }, { a: JSON.parse(JSON.stringify(own)), c: 2 })).toEqual({ set: { c: 2 }, unset: [] });
  });

  it('is not misled by keys that every object inherits', () => {
    expect(diff({ a: {} }, { a: { toString: 1 } })).toEqual({ set: { 'a.toString': 1 }, unset: [] });
    expect(diff({ a: { valueOf: 1 } }, { a: {} })).toEqual({ set: {}, unset: ['a.valueOf'] });
  });

  it('leaves out _id and the version field at the top, and only there', () => {
    const before = { _id: 1, version: 1, a: { _id: 1, version: 1 } };
    expect(diff(before, { _id: 2, version: 9, a: { _id: 2, version: 2 } })).toEqual({ set: { 'a._id': 2, 'a.version': 2 }, unset: [] });
    expect(computeDiff({ ...rest, rev: 1 }, { ...rest, version: 5 }, { versionField: 'rev' })).toEqual({ set: { version: 5 }, unset: [] });
    expect(computeDiff(rest, { ballast: rest.ballast }, { versionField: 'version' })).toEqual(nothing);
  });

  it('replaces the changed top-level fields when the paths would be larger than the document', () => {
    const before = { _id: 1, version: 1, board: Array.from({ length: 50 }, () => 0), name: 'x', gone: 1 };
    const after = { _id: 1, version: 1, board: Array.from({ length: 50 }, () => 1), name: 'x' };
    expect(computeDiff(before, after, { versionField: 'version' })).toEqual({ set: { board: after.board }, unset: ['gone'] });
    expect(diff({ board: [0, 0, 0] }, { board: [1, 1, 1] }).set).toEqual({ 'board.0': 1, 'board.1': 1, 'board.2': 1 });
  });

  it('prefers paths as long as they are not larger than the document', () => {
    const size = Array.from({ length: 10 }, (_, index) => fieldSize(`board.${index}`, 1)).reduce((sum, bytes) => sum + bytes);
    for (let length = 0; length < 100; length++) {
      const image = (value: number): Image => ({ _id: 1, board: Array.from({ length: 10 }, () => value), ballast: 'x'.repeat(length) });
      const isReplaced = 'board' in computeDiff(image(0), image(1), { versionField: 'version' }).set;
      expect([length, isReplaced]).toEqual([length, size > byteSize(image(1))]);
    }
  });

  it('keeps the single path of a change in a small document', () => {
    expect(computeDiff({ _id: 1, a: { b: { c: 1 } } }, { _id: 1, a: { b: { c: 2 } } }, { versionField: 'version' })).toEqual({ set: { 'a.b.c': 2 }, unset: [] });
  });

  it('replaces the changed top-level fields beyond 1,000 paths', () => {
    const wide = (value: number, length: number): Image => ({ ...rest, ballast: 'x'.repeat(50_000), list: Array.from({ length }, () => value), other: value });
    const change = (length: number): DiffPaths => computeDiff(wide(1, length), wide(2, length), { versionField: 'version' });
    expect(Object.keys(change(999).set)).toHaveLength(1_000);
    expect(Object.keys(change(1_000).set)).toEqual(['list', 'other']);
  });

  it('counts unset paths too, and allows more when the fields of the document are as many', () => {
    const fields = Object.fromEntries(Array.from({ length: 1_500 }, (_, index) => [`k${index}`, 1]));
    expect(diff({ a: fields }, { a: {} })).toEqual({ set: { a: {} }, unset: [] });
    expect(diff(fields, {}).unset).toHaveLength(1_500);
    expect(Object.keys(diff({}, fields).set)).toHaveLength(1_500);
  });

  it('replaces the changed top-level fields beyond a depth of 32', () => {
    const nested = (depth: number, value: unknown): unknown => (depth === 0 ? value : { k: nested(depth - 1, value) });
    const change = (depth: number): DiffPaths => diff({ a: nested(depth - 1, 1), b: { c: 1 }, d: 1 }, { a: nested(depth - 1, 2), b: { c: 2 }, d: 1 });
    expect(Object.keys(change(32).set)).toEqual([`a${'.k'.repeat(31)}`, 'b.c']);
    expect(Object.keys(change(33).set)).toEqual(['a', 'b']);
    expect(diff({ a: nested(40, 1), b: 1 }, { a: nested(40, 1), b: 2 })).toEqual({ set: { b: 2 }, unset: [] });
  });

  it('does not look into branches that both images share', () => {
    const shared = { get trap(): never { throw new Error('looked'); } };
    expect(diff({ shared, list: [shared, 1] }, { shared, list: [shared, 2] })).toEqual({ set: { 'list.1': 2 }, unset: [] });
  });

  it('changes neither image', () => {
    fc.assert(fc.property(generatedEdit(), ({ before, after }) => {
      const texts = [bsonText(before, 'as they are'), bsonText(after, 'as they are')];
      computeDiff(before, after, { versionField: 'version' });
      expect([bsonText(before, 'as they are'), bsonText(after, 'as they are')]).toEqual(texts);
    }));
  });
});

describe('the diff of any edit', () => {
  const options = { versionField: 'version' };
  const withoutVersion = ({ version: _version, ...image }: Image): Image => image;

  it('applied to the document before gives the document after, with all BSON types', () => {
    fc.assert(fc.property(generatedEdit(), ({ before, after }) => {
      const applied = withoutVersion(applyDiff(before, computeDiff(before, after, options)));
      expect(bsonText(applied, 'sorted')).toBe(bsonText(withoutVersion(after), 'sorted'));
      expect(sameValue(applied, withoutVersion(after))).toBe(true);
    }), { numRuns: 400 });
  });

  it('does so too with small limits, which force replacements', () => {
    fc.assert(fc.property(generatedEdit(), fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 3 }), ({ before, after }, maxPaths, maxDepth) => {
      const found = computeDiff(before, after, { ...options, maxPaths, maxDepth });
      expect(bsonText(withoutVersion(applyDiff(before, found)), 'sorted')).toBe(bsonText(withoutVersion(after), 'sorted'));
    }), { numRuns: 200 });
  });

  it('survives being stored', () => {
    const { BSON } = mongoose.mongo;
    fc.assert(fc.property(generatedEdit(), ({ before, after }) => {
      const stored = BSON.deserialize(BSON.serialize(computeDiff(before, after, options))) as DiffPaths;
      expect(bsonText(withoutVersion(applyDiff(before, stored)), 'sorted')).toBe(bsonText(withoutVersion(after), 'sorted'));
    }), { numRuns: 200 });
  });

  it('is empty exactly when nothing changed', () => {
    fc.assert(fc.property(generatedEdit(), ({ before, after }) => {
      const { set, unset } = computeDiff(before, after, options);
      expect(Object.keys(set).length + unset.length === 0).toBe(bsonText(withoutVersion(before), 'sorted') === bsonText(withoutVersion(after), 'sorted'));
    }), { numRuns: 200 });
  });

  it('has no path together with one above it, none twice, and none that an update refuses', () => {
    fc.assert(fc.property(generatedEdit(), ({ before, after }) => {
      const { set, unset } = computeDiff(before, after, options);
      const paths = [...Object.keys(set), ...unset];
      expect(new Set(paths).size).toBe(paths.length);
      for (const path of paths) {
        const segments = splitPath(path);
        const above = segments.map((_, depth) => segments.slice(0, depth).join('.'));
        expect(above.filter((one) => paths.includes(one))).toEqual([]);
      }
    }), { numRuns: 200 });
  });

  it('is never larger than the document, or else names its fields only', () => {
    fc.assert(fc.property(generatedImage(), generatedImage(), (before, after) => {
      const { set, unset } = computeDiff(before, after, options);
      if ([...Object.keys(set), ...unset].every((path) => !path.includes('.'))) return;
      const sizes = [...Object.entries(set), ...Object.entries(unset)].map(([key, value]) => fieldSize(key, value));
      expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThanOrEqual(byteSize(after));
    }), { numRuns: 200 });
  });

  it('has an inverse that leads back', () => {
    fc.assert(fc.property(generatedEdit(), ({ before, after }) => {
      const found = computeDiff(before, after, options);
      const back = inverseDiff(found, before);
      const changed = applyDiff(before, found);
      expect(bsonText(applyDiff(changed, back), 'sorted')).toBe(bsonText(before, 'sorted'));
      expect(bsonText(applyDiff(applyDiff(changed, back), inverseDiff(back, changed)), 'sorted')).toBe(bsonText(changed, 'sorted'));
    }), { numRuns: 400 });
  });
});
