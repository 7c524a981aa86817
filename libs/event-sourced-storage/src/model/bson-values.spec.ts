import { describe, expect, it } from '@jest/globals';
import fc from '../testing/examples.js';
import mongoose from 'mongoose';
import { types } from 'node:util';
import { runInNewContext } from 'node:vm';
import { bsonText, generatedEdit, generatedImage, generatedValue } from '../testing/generated-documents.js';
import type { Image } from './diff.js';
import { byteSize, byteSizeAfter, cloneValue, fieldSize, idKey, InvalidValueError, isLargerThan, isPlainObject, normalizeImage, sameValue } from './bson-values.js';

const { BSON, Binary, DBRef, Decimal128, Double, Int32, Long, ObjectId, Timestamp, UUID } = mongoose.mongo;

const hex = 'a'.repeat(24);

describe('cloneValue', () => {
  it('copies every kind of value to an equal one', () => {
    fc.assert(fc.property(generatedValue(), (value) => expect(bsonText(cloneValue(value), 'as they are')).toBe(bsonText(value, 'as they are'))));
  });

  it('shares no object, array, Date or bytes with the original', () => {
    const original = {
      object: { list: [{ at: new Date(5) }] },
      at: new Date(5),
      buffer: Buffer.from('abc'),
      bytes: new Uint8Array([1, 2]),
      binary: new Binary(Buffer.from('abc'), 128),
      uuid: new UUID(),
      map: new Map([['key', { value: 1 }]]),
    };
    const text = BSON.EJSON.stringify(original);
    const copy = cloneValue(original);
    copy.object.list[0]?.at.setTime(6);
    copy.object.list.push({ at: new Date(7) });
    copy.at.setTime(6);
    copy.buffer[0] = 0;
    copy.bytes[0] = 0;
    copy.binary.buffer[0] = 0;
    copy.uuid.buffer[0] = (copy.uuid.buffer[0] ?? 0) + 1;
    const inMap = copy.map.get('key');
    if (inMap) inMap.value = 2;
    expect(BSON.EJSON.stringify(original)).toBe(text);
    expect(original.map.get('key')).toEqual({ value: 1 });
  });

  it('keeps the class of every value', () => {
    const copy = cloneValue({ buffer: Buffer.from('a'), bytes: new Uint8Array(1), binary: new Binary(Buffer.from('a'), 5), uuid: new UUID(), map: new Map() });
    expect(Buffer.isBuffer(copy.buffer)).toBe(true);
    expect(Buffer.isBuffer(copy.bytes)).toBe(false);
    expect(copy.binary).toBeInstanceOf(Binary);
    expect(copy.binary.sub_type).toBe(5);
    expect(copy.uuid).toBeInstanceOf(UUID);
    expect(copy.map).toBeInstanceOf(Map);
  });

  it('shares immutable values such as ObjectIds', () => {
    const id = new ObjectId();
    expect(cloneValue([id])[0]).toBe(id);
  });

  it('copies only the used part of a Binary with room to grow', () => {
    const binary = new Binary();
    binary.put(7);
    expect(cloneValue(binary).buffer).toHaveLength(1);
  });

  it('copies an own key __proto__ of stored data without reaching a prototype', () => {
    const stored = BSON.deserialize(BSON.serialize(JSON.parse('{"a":{"__proto__":{"polluted":1}}}')));
    const copy = cloneValue(stored);
    expect(JSON.stringify(copy)).toBe('{"a":{"__proto__":{"polluted":1}}}');
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
    expect(copy['a']['polluted']).toBeUndefined();
  });
});

describe('sameValue', () => {
  const same: readonly (readonly [string, unknown, unknown])[] = [
    ['ObjectIds of the same bytes', new ObjectId(hex), new ObjectId(hex)],
    ['Dates of the same millisecond', new Date(5), new Date(5)],
    ['invalid Dates', new Date(Number.NaN), new Date(Number.NaN)],
    ['UUIDs of the same bytes', new UUID(Buffer.alloc(16, 1)), new UUID(Buffer.alloc(16, 1))],
    ['a UUID and a Binary of the same bytes and subtype', new UUID(Buffer.alloc(16, 1)), new Binary(Buffer.alloc(16, 1), 4)],
    ['a Buffer and a Binary of subtype 0', Buffer.from('abc'), new Binary(Buffer.from('abc'))],
    ['Decimal128 of the same text', Decimal128.fromString('1.50'), Decimal128.fromString('1.50')],
    ['Longs of the same text', Long.fromString('9007199254740993'), Long.fromString('9007199254740993')],
    ['a number and a Long', 5, Long.fromNumber(5)],
    ['a number and a bigint', 5, 5n],
    ['a bigint and a Long', 9007199254740993n, Long.fromString('9007199254740993')],
    ['a number and an Int32', 5, new Int32(5)],
    ['an Int32 and a Double', new Int32(5), new Double(5)],
    ['NaN and NaN', Number.NaN, Number.NaN],
    ['-0 and 0', -0, 0],
    ['a missing key and undefined', { a: 1 }, { a: 1, b: undefined }],
    ['undefined and a missing key', { a: 1, b: undefined }, { a: 1, c: undefined }],
    ['objects in another order of keys', { a: 1, b: 2 }, { b: 2, a: 1 }],
    ['Maps', new Map([['a', [1]]]), new Map([['a', [1]]])],
    ['Timestamps', new Timestamp({ t: 1, i: 2 }), new Timestamp({ t: 1, i: 2 })],
    ['references', new DBRef('games', new ObjectId(hex)), new DBRef('games', new ObjectId(hex))],
    ['regular expressions', /a/i, /a/i],
  ];
  it.each(same)('%s are the same', (_name, a, b) => {
    expect(sameValue(a, b)).toBe(true);
    expect(sameValue(b, a)).toBe(true);
  });

  const different: readonly (readonly [string, unknown, unknown])[] = [
    ['ObjectIds of other bytes', new ObjectId(hex), new ObjectId('b'.repeat(24))],
    ['an ObjectId and its text', new ObjectId(hex), hex],
    ['a Date and its milliseconds', new Date(5), 5],
    ['Dates of other milliseconds', new Date(5), new Date(6)],
    ['Binaries of another subtype', new Binary(Buffer.from('a'), 0), new Binary(Buffer.from('a'), 5)],
    ['Binaries of other bytes', new Binary(Buffer.from('a')), new Binary(Buffer.from('b'))],
    ['Decimal128 of another scale', Decimal128.fromString('1.0'), Decimal128.fromString('1.00')],
    ['a Decimal128 and a number', Decimal128.fromString('5'), 5],
    ['Longs that are one as a double', Long.fromString('9007199254740992'), Long.fromString('9007199254740993')],
    ['a Timestamp and a Long', new Timestamp({ t: 0, i: 5 }), Long.fromNumber(5)],
    ['a number and its text', 5, '5'],
    ['0 and an empty string', 0, ''],
    ['null and a missing key', { a: null }, {}],
    ['null and undefined', null, undefined],
    ['an undefined key and a value', { a: undefined, b: 1 }, { a: 1, b: 1 }],
    ['an inherited and an own key', {}, { toString: 'x' }],
    ['a key __proto__ and none', JSON.parse('{"__proto__":{}}'), {}],
    ['an array and an object', [1], { 0: 1 }],
    ['arrays in another order', [1, 2], [2, 1]],
    ['a Map and an object', new Map([['a', 1]]), { a: 1 }],
    ['an object that claims to be an ObjectId', { _bsontype: 'ObjectId' }, new ObjectId(hex)],
    ['expressions with other flags', /a/, /a/i],
  ];
  it.each(different)('%s differ', (_name, a, b) => {
    expect(sameValue(a, b)).toBe(false);
    expect(sameValue(b, a)).toBe(false);
  });

  it('agrees with the bytes that the driver would store, the order of keys, -0 and integer types aside', () => {
    fc.assert(
      fc.property(generatedValue(), generatedValue(), (a, b) => expect(sameValue(a, b)).toBe(bsonText(a, 'sorted') === bsonText(b, 'sorted'))),
      { numRuns: 200 },
    );
  });

  it('recognises the ObjectIds of another copy of the driver', () => {
    class ObjectIdOfAnotherCopy {
      readonly _bsontype = 'ObjectId';
      equals(): boolean {
        throw new Error('reads private fields');
      }
      toHexString(): string {
        return hex;
      }
    }
    expect(sameValue(new ObjectIdOfAnotherCopy(), new ObjectId(hex))).toBe(true);
  });
});

describe('isPlainObject', () => {
  it('accepts object literals of any realm and objects without prototype', () => {
    expect([{}, Object.create(null), runInNewContext('({ a: 1 })')].map(isPlainObject)).toEqual([true, true, true]);
  });

  it('refuses everything else', () => {
    class Game {}
    const others = [null, undefined, 1, 'a', [], new Date(), new Map(), new Game(), new ObjectId(), Buffer.alloc(1), Object.create({}), () => 1];
    expect(others.filter(isPlainObject)).toEqual([]);
  });
});

describe('idKey', () => {
  it('tells ids of different types apart', () => {
    const ids = ['5', 5, new ObjectId(hex), hex, new UUID(Buffer.alloc(16)), new Binary(Buffer.alloc(16)), '00000000-0000-0000-0000-000000000000', 'n:5'];
    expect(new Set(ids.map(idKey)).size).toBe(ids.length);
  });

  it('is the same for ids that the server takes for one', () => {
    for (const id of [5n, Long.fromNumber(5), new Int32(5), new Double(5), Decimal128.fromString('5.00'), Decimal128.fromString('50E-1')]) {
      expect(idKey(id)).toBe(idKey(5));
    }
    expect(idKey(-0)).toBe(idKey(0));
    expect(idKey(Decimal128.fromString('-0E+3'))).toBe(idKey(0));
    expect(idKey(2 ** 60)).toBe(idKey(Long.fromString(String(2n ** 60n))));
    expect(idKey(Decimal128.fromString('1.2E+3'))).toBe(idKey(1200));
    expect(idKey(new ObjectId(hex.toUpperCase()))).toBe(idKey(new ObjectId(hex)));
    expect(idKey(new UUID(Buffer.alloc(16, 1)))).toBe(idKey(new Binary(Buffer.alloc(16, 1), 4)));
  });

  it.each([[null], [{}], [{ _bsontype: 'ObjectId' }], [[]], [new Date()], [new Timestamp({ t: 1, i: 1 })], [undefined], [true]])('refuses %p', (id) => {
    expect(() => idKey(id as never)).toThrow(InvalidValueError);
  });
});

describe('byteSize', () => {
  it('is what the driver sends', () => {
    fc.assert(fc.property(generatedImage(), (image) => {
      const estimated = /\$(?:code|regularExpression|ref)"/.test(BSON.EJSON.stringify(image));
      const size = BSON.serialize(image).length;
      if (estimated) expect(byteSize(image)).toBeGreaterThanOrEqual(size);
      else expect(byteSize(image)).toBe(size);
    }), { numRuns: 200 });
  });

  it('counts Maps as objects, undefined not at all, and array indexes as the keys they are', () => {
    expect(byteSize({ map: new Map([['a', 1]]) })).toBe(BSON.serialize({ map: { a: 1 } }).length);
    expect(byteSize({ a: 1, b: undefined })).toBe(BSON.serialize({ a: 1 }).length);
    const list = Array.from({ length: 1_001 }, (_, index) => index);
    expect(byteSize({ list })).toBe(BSON.serialize({ list }).length);
  });

  it('counts texts in UTF-8', () => {
    const image = { 'é': '😀', long: 'é'.repeat(100), ascii: 'a'.repeat(100) };
    expect(byteSize(image)).toBe(BSON.serialize(image).length);
  });

  it('adds up from the fields', () => {
    fc.assert(fc.property(generatedImage(), (image) => {
      const fields = Object.entries(image).map(([key, value]) => fieldSize(key, value));
      expect(byteSize(image)).toBe(fields.reduce((sum, size) => sum + size, 5));
    }));
  });

  it('is known of what became of a document by what changed, whatever the two share', () => {
    fc.assert(fc.property(generatedEdit(), ({ before, after }) => {
      const known = { image: before, bytes: byteSize(before) };
      expect(byteSizeAfter(known, after)).toBe(byteSize(after));
      expect(byteSizeAfter(known, normalizeImage(after, before))).toBe(byteSize(normalizeImage(after)));
    }), { numRuns: 300 });
    expect(byteSizeAfter({ image: { a: 1 }, bytes: 1_000 }, { a: 1 })).toBe(1_000);
  });

  it('isLargerThan compares with a number of bytes', () => {
    fc.assert(fc.property(generatedImage(), fc.integer({ min: -2, max: 2 }), (image, offset) => {
      expect(isLargerThan(image, byteSize(image) + offset)).toBe(offset < 0);
    }));
  });

  it('isLargerThan measures no more than it needs', () => {
    const image = { a: 'x'.repeat(50), get b(): never { throw new Error('measured'); } };
    expect(isLargerThan(image, 20)).toBe(true);
  });
});

describe('normalizeImage', () => {
  it('leaves what the driver would store as it is', () => {
    fc.assert(fc.property(generatedImage(), (image) => expect(bsonText(normalizeImage(image), 'as they are')).toBe(bsonText(image, 'as they are'))));
  });

  it('shares nothing changeable with its input', () => {
    const input = { list: [{ at: new Date(5) }], binary: new Binary(Buffer.from('a')), buffer: Buffer.from('a') };
    const image = normalizeImage(input);
    input.list[0]?.at.setTime(6);
    input.list.push({ at: new Date(7) });
    input.binary.buffer[0] = 0;
    input.buffer[0] = 0;
    expect(bsonText(image, 'sorted')).toBe(bsonText({ list: [{ at: new Date(5) }], binary: new Binary(Buffer.from('a')), buffer: Buffer.from('a') }, 'sorted'));
  });

  it('drops keys with undefined and stores null for undefined in arrays', () => {
    const holes = [1];
    holes[2] = 3;
    expect(normalizeImage({ a: undefined, b: { c: undefined }, d: [undefined, 1], holes })).toEqual({ b: {}, d: [null, 1], holes: [1, null, 3] });
    expect(Object.keys(normalizeImage({ a: undefined }))).toEqual([]);
  });

  it('turns Maps into objects', () => {
    expect(normalizeImage({ map: new Map([['a', new Map([['b', 1]])]]) })).toEqual({ map: { a: { b: 1 } } });
  });

  it('takes the fields of class instances', () => {
    class Boss {
      hp = 5;
      readonly #secret = 1;
      get doubled(): number {
        return this.hp * 2 * this.#secret;
      }
    }
    expect(normalizeImage({ boss: new Boss() })).toEqual({ boss: { hp: 5 } });
    expect(isPlainObject(normalizeImage(new Boss()))).toBe(true);
  });

  it('takes what a Mongoose document stores, without virtuals, getters and transforms', () => {
    const item = new mongoose.Schema({ name: String, price: mongoose.Schema.Types.Decimal128 }, { _id: false });
    const schema = new mongoose.Schema(
      { title: { type: String, get: (text: string) => `<${text}>` }, items: [item], scores: { type: Map, of: Number }, photo: Buffer, tags: [String] },
      { toObject: { virtuals: true, getters: true, transform: () => ({ transformed: true }) } },
    );
    schema.virtual('shout').get(() => 'HEY');
    const Model = mongoose.model('NormalizedGame', schema);
    const data = { title: 'Raid', items: [{ name: 'sword', price: '9.50' }], scores: { anna: 1 }, photo: Buffer.from('jpg'), tags: ['a'] };
    const game = new Model({ _id: new ObjectId(hex), ...data });
    const expected = {
      _id: new ObjectId(hex), title: 'Raid', items: [{ name: 'sword', price: Decimal128.fromString('9.50') }],
      scores: { anna: 1 }, photo: new Binary(Buffer.from('jpg')), tags: ['a'],
    };
    expect(bsonText(normalizeImage(game), 'sorted')).toBe(bsonText(expected, 'sorted'));
    const parts = { items: game.items, first: game.items[0], scores: game.scores, photo: game.photo, tags: game.tags };
    const { items, scores, photo, tags } = expected;
    expect(bsonText(normalizeImage(parts), 'sorted')).toBe(bsonText({ items, first: items[0], scores, photo, tags }, 'sorted'));
  });

  it('replaces lone surrogates, as the driver does', () => {
    expect(normalizeImage({ 'a\ud800': ['b\udc00', '😀'] })).toEqual({ 'a\ufffd': ['b\ufffd', '😀'] });
  });

  it('keeps keys that only look dangerous', () => {
    expect(normalizeImage({ a: { toString: 1, hasOwnProperty: 2, valueOf: 3 } })).toEqual({ a: { toString: 1, hasOwnProperty: 2, valueOf: 3 } });
  });

  const cyclic: Record<string, unknown> = {};
  cyclic['self'] = { cyclic };
  class Fake {
    readonly _bsontype = 'ObjectId';
  }
  const refused: readonly (readonly [string, unknown, string])[] = [
    ['a function', { a: { b: () => 1 } }, 'a.b'],
    ['a symbol', { a: Symbol('x') }, 'a'],
    ['an invalid Date', { a: [new Date(Number.NaN)] }, 'a.0'],
    ['a bigint beyond 64 bits', { a: 2n ** 63n }, 'a'],
    ['a Set', { a: new Set([1]) }, 'a'],
    ['a promise', { a: Promise.resolve(1) }, 'a'],
    ['a Float64Array', { a: new Float64Array(1) }, 'a'],
    ['a Map with keys that are no strings', { a: new Map([[1, 1]]) }, 'a'],
    ['a RegExp with a flag that BSON does not have', { a: /x/u }, 'a'],
    ['a BSON type of one’s own making', { a: new Fake() }, 'a'],
    ['an own key __proto__', JSON.parse('{"a":{"__proto__":{"x":1}}}'), 'a.__proto__'],
    ['a key constructor', { a: [{ constructor: 1 }] }, 'a.0.constructor'],
    ['a key prototype', { prototype: 1 }, 'prototype'],
    ['a key __proto__ in a Map', { a: new Map([['__proto__', 1]]) }, 'a.__proto__'],
    ['a BSON type from JSON', { a: { _bsontype: 'ObjectId', id: 'x' } }, 'a._bsontype'],
    ['a key with NUL', { a: { 'b\0c': 1 } }, 'a.b\0c'],
    ['an array under an inherited name, whose objects the driver would read back as bytes', { a: { toString: [{ b: 1 }] } }, 'a.toString'],
    ['an object that contains itself', cyclic, Array.from({ length: 32 }, (_, depth) => (depth % 2 ? 'cyclic' : 'self')).join('.')],
    ['an array as the document', [1], ''],
    ['a Date as the document', new Date(), ''],
    ['null as the document', null, ''],
  ];
  it.each(refused)('refuses %s and names the path', (_name, value, path) => {
    expect(() => normalizeImage(value)).toThrow(expect.objectContaining({ name: 'InvalidValueError', path }));
  });

  it('allows a depth of 32 and refuses 33', () => {
    const nested = (depth: number): unknown => (depth === 0 ? 1 : { a: nested(depth - 1) });
    expect(normalizeImage(nested(32))).toEqual(nested(32));
    expect(() => normalizeImage(nested(33))).toThrow('deeper than 32 levels');
  });

  describe('beside what it was before', () => {
    const texts = (image: Image): string => bsonText(image, 'as they are');

    it('makes what it makes alone', () => {
      fc.assert(fc.property(generatedEdit(), ({ before: given, after }) => {
        const before = normalizeImage(given);
        expect(bsonText(normalizeImage(after, before), 'sorted')).toBe(bsonText(normalizeImage(after), 'sorted'));
      }), { numRuns: 300 });
    });

    it('changes neither of them, and hands out nothing changeable of the edited one', () => {
      fc.assert(fc.property(generatedEdit(), ({ before: given, after }) => {
        const before = normalizeImage(given);
        const [textBefore, textAfter] = [texts(before), texts(after)];
        const ours = new Set(changeables(before));
        const theirs = new Set(changeables(after).filter((part) => !ours.has(part)));
        const image = normalizeImage(after, before);
        expect(changeables(image).filter((part) => theirs.has(part))).toEqual([]);
        expect([texts(before), texts(after)]).toEqual([textBefore, textAfter]);
      }), { numRuns: 200 });
    });

    it('is that very object, branch by branch, where nothing changed', () => {
      fc.assert(fc.property(generatedImage(), generatedImage(), (given, other) => {
        const before = normalizeImage({ ...given, other });
        const image = normalizeImage({ ...cloneValue(before), added: 1 }, before);
        for (const [name, value] of Object.entries(before)) if (isRecordOrList(value) && !holdsCopied(value)) expect(image[name]).toBe(value);
        if (!holdsCopied(before)) expect(normalizeImage(cloneValue(before), before)).toBe(before);
      }));
    });

    const stored: readonly (readonly [string, string])[] = [
      ['__proto__', '{"a":{"__proto__":{"x":1},"b":1,"c":[1]}}'],
      ['constructor', '{"a":{"constructor":1,"b":1,"c":[1]}}'],
      ['prototype', '{"a":{"b":1,"prototype":{},"c":[1]}}'],
      ['_bsontype', '{"a":{"b":1,"c":[1],"_bsontype":{}}}'],
    ];
    it.each(stored)('a stored key %s is refused where the object around it changed', (key, text) => {
      const before = JSON.parse(text) as { a: Image };
      const edits: ((a: Image) => unknown)[] = [(a) => (a['b'] = 2), (a) => delete a['b'], (a) => (a['d'] = 1), (a) => (a['c'] = [2])];
      for (const edit of edits) {
        const edited = JSON.parse(text) as { a: Image };
        edit(edited.a);
        for (const old of [before, undefined]) expect(() => normalizeImage(edited, old)).toThrow(expect.objectContaining({ name: 'InvalidValueError', path: `a.${key}` }));
      }
      expect(({} as Image)['x']).toBeUndefined();
    });

    it.each(stored)('a stored key %s is left alone where nothing around it changed', (key, text) => {
      const before = JSON.parse(text) as { a: Image };
      const image = normalizeImage({ ...(JSON.parse(text) as Image), other: 1 }, before) as { a: Image };
      expect(image.a).toBe(before.a);
      expect(Object.hasOwn(image.a, key)).toBe(true);
    });
  });

  it('never changes Object.prototype, whatever the JSON', () => {
    const names = Object.getOwnPropertyNames(Object.prototype).join();
    const key = fc.oneof(fc.constantFrom('__proto__', 'constructor', 'prototype', 'toString'), fc.string());
    const json = fc.letrec((tie) => ({ value: fc.oneof({ depthSize: 'medium' }, fc.integer(), fc.array(tie('value')), fc.array(fc.tuple(key, tie('value'))).map((fields) => Object.fromEntries(fields))) })).value;
    fc.assert(fc.property(json, (value) => {
      try {
        normalizeImage({ value });
      } catch (error) {
        expect(error).toBeInstanceOf(InvalidValueError);
      }
      expect(Object.getOwnPropertyNames(Object.prototype).join()).toBe(names);
    }));
  });
});

/** All objects, arrays, Dates and bytes in a value. */
function changeables(value: unknown): object[] {
  if (typeof value !== 'object' || value === null) return [];
  if (isRecordOrList(value)) return [value, ...Object.values(value).flatMap(changeables)];
  return types.isDate(value) || ArrayBuffer.isView(value) ? [value] : [];
}

function isRecordOrList(value: unknown): value is object {
  return Array.isArray(value) || isPlainObject(value);
}

/** Whether there is anything in it that is copied, changed or not: what BSON has a type of its own for, and what does not equal itself. */
function holdsCopied(value: unknown): boolean {
  if (isRecordOrList(value)) return Object.values(value).some(holdsCopied);
  return Number.isNaN(value) || (typeof value === 'object' && value !== null && !types.isDate(value));
}
