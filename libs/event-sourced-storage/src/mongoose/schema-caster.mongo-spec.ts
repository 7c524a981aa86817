import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import mongoose, { type mongo } from 'mongoose';
import type { Image } from '../model/diff.js';
import { computeDiff } from '../write/compute-diff.js';
import { runEdit } from '../write/run-edit.js';
import { rawCollection } from './raw-collection.js';
import { SchemaCaster } from './schema-caster.js';

const { Schema, Types } = mongoose;
const now = new Date('2026-01-02T03:04:05.678Z');

describe('what the caster returns is what the server returns', () => {
  const connection = mongoose.createConnection(process.env['TEST_MONGODB_URI'] ?? '', { dbName: `test_${process.env['JEST_WORKER_ID']}_caster` });
  const schema = new Schema(
    {
      text: String,
      count: Number,
      when: Date,
      ref: Schema.Types.ObjectId,
      price: Schema.Types.Decimal128,
      key: Schema.Types.UUID,
      big: BigInt,
      bytes: Buffer,
      real: Schema.Types.Double,
      any: {},
      tags: [String],
      grid: [[Number]],
      map: { type: Map, of: Number },
      items: [new Schema({ sku: String, qty: { type: Number, default: 1 } }, { timestamps: true })],
      inner: new Schema({ a: Number, deep: { b: [Buffer] } }, { _id: false }),
      nest: { leaf: Number },
    },
    { timestamps: true, autoIndex: false, autoCreate: false, strict: false },
  );
  const caster = new SchemaCaster(connection.model('Thing', schema), 'things', 'version');

  beforeAll(() => connection.asPromise());
  afterAll(async () => {
    await connection.dropDatabase();
    await connection.close();
  });

  const stored = (): mongo.Collection<Image> => rawCollection<Image>(connection, 'things');
  const everything = (n: number): Image => ({
    text: `t${n}`,
    count: n + 0.5,
    when: `2026-01-0${n + 1}`,
    ref: new Types.ObjectId().toHexString(),
    price: `${n}.10`,
    key: new Types.UUID().toString(),
    big: 2n ** BigInt(60 - n * 20),
    bytes: Buffer.from(`b${n}`),
    real: n,
    any: { list: [1n, Buffer.from('x'), new Map([['k', undefined]])], [`n${n}`]: null, huge: 2 ** 40 },
    tags: ['a', n],
    grid: [[n], ['2', 3]],
    map: { [`k${n}`]: String(n), same: 1 },
    items: [{ sku: n }, { sku: 'x', qty: '3' }],
    inner: { a: String(n), deep: { b: [Buffer.from('y')] } },
    nest: { leaf: String(n) },
    unknown: { free: [n, 5n, Buffer.from('z')] },
  });

  it('of a new document, and of one in which every field changed', async () => {
    const id = new Types.ObjectId();
    const made = { ...(await caster.castNew(id, everything(0), now)), version: 1 };
    await stored().insertOne(made);
    const first = (await stored().findOne({ _id: id } as object)) as Image;
    expect(first).toEqual(made);

    const edited = await runEdit((document) => void Object.assign(document, everything(1)), first, { attempt: 1 });
    const after = await caster.castChanges(first, edited, computeDiff(first, edited, { versionField: 'version' }), new Date(now.getTime() + 1));
    const { set, unset } = computeDiff(first, after, { versionField: 'version' });
    await stored().updateOne({ _id: id }, { $set: set, ...(unset.length > 0 && { $unset: Object.fromEntries(unset.map((path) => [path, ''])) }) });
    expect(await stored().findOne({ _id: id })).toEqual(after);
    expect(after).toMatchObject({ createdAt: now, updatedAt: new Date(now.getTime() + 1), text: 't1', count: 1.5, tags: ['a', '1'] });
  });
});
