import { describe, expect, it } from '@jest/globals';
import fc from '../testing/examples.js';
import mongoose from 'mongoose';
import { DocumentValidationError } from '../errors/document-validation.error.js';
import { cloneValue, sameValue } from '../model/bson-values.js';
import type { Image } from '../model/diff.js';
import { computeDiff } from '../write/compute-diff.js';
import { runEdit } from '../write/run-edit.js';
import { SchemaCaster } from './schema-caster.js';

const { Schema, Types } = mongoose;
const { BSON } = mongoose.mongo;
const now = new Date('2026-01-02T03:04:05.678Z');
const id = new Types.ObjectId('0123456789abcdef01234567');

const item = new Schema({ sku: { type: String, trim: true }, qty: { type: Number, default: 1 }, sub: [{ n: Number }] }, { timestamps: true });
const schema = new Schema(
  {
    text: { type: String, trim: true, maxlength: 6 },
    fixed: { type: String, immutable: true },
    count: { type: Number, min: -100 },
    big: BigInt,
    bytes: Buffer,
    any: {},
    tags: [{ type: String, minlength: 1 }],
    numbers: [Number],
    map: { type: Map, of: Number },
    nest: { leaf: Number, deep: { leaf: String } },
    items: [item],
    inner: new Schema({ leaf: Number, note: String }, { _id: false }),
  },
  { timestamps: true, autoCreate: false, autoIndex: false },
);
const caster = new SchemaCaster(mongoose.createConnection().model('Thing', schema), 'things', 'version');

/** Mostly what the schema takes: an edit of twenty values is refused for one. */
const mostly = <T>(good: fc.Arbitrary<T>, ...bad: T[]): fc.Arbitrary<T> => fc.oneof({ weight: 60, arbitrary: good }, { weight: 1, arbitrary: fc.constantFrom(...bad) });
const text = mostly(fc.constantFrom(' a ', 'b', '5', 'Ä'), '', 'much too long');
const number: fc.Arbitrary<unknown> = mostly<unknown>(fc.oneof(fc.integer({ min: -99, max: 200 }), fc.constantFrom(0.5, 2 ** 40, -0, '7', Infinity)), Number.NaN, 'x', -200);
const integer: fc.Arbitrary<unknown> = fc.oneof(fc.integer(), fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), fc.constantFrom('12', 2 ** 40));
const free = fc.anything({ key: fc.constantFrom('a', 'b', '0', 'c'), maxDepth: 3, maxKeys: 3, withDate: true, withBigInt: false });
const subdocument = fc.record({ _id: fc.constantFrom(id, new Types.ObjectId('89abcdef0123456789abcdef')), sku: text, qty: number, sub: fc.array(fc.record({ n: number }), { maxLength: 2 }), unknown: free }, { requiredKeys: [] });
const fields: Record<string, fc.Arbitrary<unknown>> = {
  text,
  fixed: text,
  count: number,
  big: integer,
  bytes: fc.oneof(fc.uint8Array({ maxLength: 3 }).map((bytes) => Buffer.from(bytes)), fc.constant('text')),
  any: free,
  tags: fc.oneof(fc.array(text, { maxLength: 3 }), text),
  numbers: fc.array(number, { maxLength: 3 }),
  map: fc.dictionary(mostly(fc.constantFrom('a', 'b', '0'), 'x.y', '$z'), number, { maxKeys: 3 }),
  nest: fc.record({ leaf: number, deep: fc.record({ leaf: text, unknown: free }, { requiredKeys: [] }) }, { requiredKeys: [] }),
  items: fc.array(subdocument, { maxLength: 3 }),
  inner: fc.record({ leaf: number, note: text }, { requiredKeys: [] }),
  unknown: free,
  createdAt: fc.constant(new Date(5)),
  updatedAt: fc.oneof(fc.date({ noInvalidDate: true }), fc.constant(undefined)),
};
const data = fc.record(fields, { requiredKeys: [] });

async function cast(before: Image, values: Image): Promise<Image | undefined> {
  try {
    const edited = await runEdit(() => cloneValue({ ...before, ...values }), before, { attempt: 1 });
    return await caster.castChanges(before, edited, computeDiff(before, edited, { versionField: 'version' }), now);
  } catch (error) {
    if (error instanceof DocumentValidationError || (error as Error).name === 'InvalidArgumentError') return undefined;
    throw error;
  }
}

async function create(values: Image): Promise<Image | undefined> {
  try {
    return { ...(await caster.castNew(id, values, now)), version: 1 };
  } catch (error) {
    if (error instanceof DocumentValidationError) return undefined;
    throw error;
  }
}

const readBack = (image: Image): Image => BSON.deserialize(BSON.serialize(image));

describe('for any document and any edit', () => {
  it('what the caster returns is stored and read back as it is, and is no change the second time', async () => {
    let changed = 0;
    await fc.assert(
      fc.asyncProperty(data, data, async (first, second) => {
        const before = await create(first);
        if (before === undefined) return;
        expect(readBack(before)).toEqual(before);
        const copy = cloneValue(before);
        const after = await cast(before, second);
        expect(before).toEqual(copy);
        if (after === undefined || after === before) return;
        changed++;
        expect(sameValue(readBack(after), after)).toBe(true);
        expect(readBack(after)).toEqual(after);
        expect(after['fixed']).toEqual(before['fixed']);
        expect(after['createdAt']).toEqual(before['createdAt']);
        expect(after['unknown']).toBeUndefined();
        expect(Object.keys(computeDiff(before, after, { versionField: 'version' }).set).length + computeDiff(before, after, { versionField: 'version' }).unset.length).toBeGreaterThan(0);
        const { items: _items, ...again } = second; // its new elements are new each time
        expect(await cast(after, again)).toBe(after);
      }),
      { numRuns: 200 },
    );
    expect(changed).toBeGreaterThan(50); // else the generators make nothing that the schema accepts
  });
});
