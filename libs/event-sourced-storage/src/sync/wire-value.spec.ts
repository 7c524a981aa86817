import { describe, expect, it } from '@jest/globals';
import mongoose from 'mongoose';
import { toWire } from './wire-value.js';

const { Binary, BSONRegExp, BSONSymbol, Code, DBRef, Decimal128, Double, EJSON, Int32, Long, MaxKey, MinKey, ObjectId, Timestamp, UUID } = mongoose.mongo.BSON as typeof mongoose.mongo.BSON & { EJSON: { parse(text: string, options?: object): unknown } };

const hex = '665f1c2e9b1e8a0012345678';
const uuid = '0b8a1f4e-3d6c-4a52-9f17-2c5d8e7a9b01';
const cases: readonly (readonly [string, unknown, unknown, unknown])[] = [
  ['text', 'a\nb', 'a\nb', 'a\nb'],
  ['number', 1.5, 1.5, 1.5],
  ['NaN', Number.NaN, { $numberDouble: 'NaN' }, 'NaN'],
  ['-Infinity', -Infinity, { $numberDouble: '-Infinity' }, '-Infinity'],
  ['minus zero', -0, { $numberDouble: '-0.0' }, -0],
  ['boolean', true, true, true],
  ['null', null, null, null],
  ['ObjectId', new ObjectId(hex), { $oid: hex }, hex],
  ['Date', new Date(1_480), { $date: '1970-01-01T00:00:01.480Z' }, '1970-01-01T00:00:01.480Z'],
  ['Date before 1970', new Date(-1), { $date: { $numberLong: '-1' } }, '1969-12-31T23:59:59.999Z'],
  ['Decimal128', Decimal128.fromString('1.10'), { $numberDecimal: '1.10' }, '1.10'],
  ['Long', Long.fromString('9007199254740993'), { $numberLong: '9007199254740993' }, '9007199254740993'],
  ['bigint', 9_007_199_254_740_993n, { $numberLong: '9007199254740993' }, '9007199254740993'],
  ['Int32', new Int32(7), 7, 7],
  ['Double', new Double(7.5), 7.5, 7.5],
  ['Binary', new Binary(Buffer.from('abc')), { $binary: { base64: 'YWJj', subType: '00' } }, 'YWJj'],
  ['bytes', Buffer.from('abc'), { $binary: { base64: 'YWJj', subType: '00' } }, 'YWJj'],
  ['UUID', new UUID(uuid), { $binary: { base64: Buffer.from(uuid.replaceAll('-', ''), 'hex').toString('base64'), subType: '04' } }, uuid],
  ['RegExp', /a.b/i, { $regularExpression: { pattern: 'a.b', options: 'i' } }, '/a.b/i'],
  ['BSONRegExp', new BSONRegExp('a', 'im'), { $regularExpression: { pattern: 'a', options: 'im' } }, '/a/im'],
  ['BSONSymbol', new BSONSymbol('s'), { $symbol: 's' }, 's'],
  ['Timestamp', new Timestamp({ t: 2, i: 3 }), { $timestamp: { t: 2, i: 3 } }, '8589934595'],
  ['MinKey', new MinKey(), { $minKey: 1 }, 'MinKey'],
  ['MaxKey', new MaxKey(), { $maxKey: 1 }, 'MaxKey'],
  ['Code', new Code('f()'), { $code: 'f()' }, 'f()'],
  ['DBRef', new DBRef('c', new ObjectId(hex)), { $ref: 'c', $id: { $oid: hex } }, { $ref: 'c', $id: hex }],
  ['Map', new Map<string, unknown>([['a', new Date(0)]]), { a: { $date: '1970-01-01T00:00:00.000Z' } }, { a: '1970-01-01T00:00:00.000Z' }],
  ['objects and arrays', { a: [{ b: new ObjectId(hex), c: undefined }] }, { a: [{ b: { $oid: hex } }] }, { a: [{ b: hex }] }],
];

describe('toWire', () => {
  it.each(cases)('%s', (_name, value, extended, plain) => {
    expect(toWire(value, 'extended')).toEqual(extended);
    expect(toWire(value, 'plain')).toEqual(plain);
  });

  it('is what the EJSON of the driver reads back as the same value', () => {
    for (const [name, value] of cases) {
      if (['bytes', 'Int32', 'Double', 'bigint', 'Map', 'objects and arrays', 'RegExp'].includes(name)) continue; // read back in another class of the same BSON type
      const read = EJSON.parse(JSON.stringify({ value: toWire(value, 'extended') }), { relaxed: false }) as { value: unknown };
      const bytes = (content: unknown): string => Buffer.from(mongoose.mongo.BSON.serialize({ content })).toString('hex');
      if (typeof value !== 'number') expect([name, bytes(read.value)]).toEqual([name, bytes(value)]);
    }
  });

  it('keeps a key that could reach a prototype as a key', () => {
    const planted = JSON.parse('{"__proto__":{"polluted":1}}') as object;
    expect(JSON.stringify(toWire(planted, 'extended'))).toBe('{"__proto__":{"polluted":1}}');
    expect(({} as { polluted?: number }).polluted).toBeUndefined();
  });
});
