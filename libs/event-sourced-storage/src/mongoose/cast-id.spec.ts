import { describe, expect, it } from '@jest/globals';
import mongoose from 'mongoose';
import { InvalidArgumentError } from '../errors/invalid-argument.error.js';
import { SchemaCaster } from './schema-caster.js';

const { Schema, Types } = mongoose;
const { Binary, Double, Int32, Long } = mongoose.mongo;

const hex = '0123456789abcdef01234567';
const uuid = '6ba7b810-9dad-41d1-80b4-00c04fd430c8';

/** A connection that is never opened and waits for nothing. */
function offline(): mongoose.Connection {
  const connection = mongoose.createConnection();
  connection.set('autoCreate', false);
  connection.set('autoIndex', false);
  return connection;
}

function casterOf(_id: mongoose.SchemaDefinitionProperty | undefined): SchemaCaster {
  const schema = new Schema({ ...(_id === undefined ? {} : { _id }), name: String });
  return new SchemaCaster(offline().model('Thing', schema), 'things', 'version');
}

/** Passes every check that only asks for a tag. */
const impostor = { _bsontype: 'ObjectId', id: Buffer.alloc(12), toHexString: () => hex };
const notIds: readonly unknown[] = [
  [undefined, null, true, false, Symbol('id'), () => hex, new Map(), new Set(), /a/],
  [{}, { $ne: null }, { _id: hex }, { toString: () => hex }, impostor, JSON.parse('{"_bsontype":"ObjectId","id":"x"}') as unknown],
  [[hex], [], new Date(), Number.NaN, Infinity, -Infinity],
].flat();

describe.each([
  ['ObjectId', undefined],
  ['String', String],
  ['Number', Number],
  ['UUID', Schema.Types.UUID],
  ['Decimal128', Schema.Types.Decimal128],
  ['BigInt', BigInt],
  ['Int32', Schema.Types.Int32],
  ['Double', Schema.Types.Double],
])('an id of kind %s', (kind, type) => {
  const caster = casterOf(type);

  it.each(notIds.map((value) => [value]))('is not %p', (value) => {
    expect(() => caster.castId(value)).toThrow(InvalidArgumentError);
  });

  it('is no document, whose _id might be one', () => {
    const model = offline().model('Thing', new Schema({ name: String }));
    expect(() => caster.castId(new model({ _id: hex }))).toThrow(/Mongoose document was given; give its _id/);
  });

  it('is not one of another BSON class', () => {
    const others = [new Types.ObjectId(hex), new Types.UUID(uuid), Types.Decimal128.fromString('1'), new Binary(Buffer.from('a')), new mongoose.mongo.Timestamp(1n), new mongoose.mongo.MaxKey()];
    for (const other of others) {
      if (other._bsontype === kind || (kind === 'UUID' && other instanceof Types.UUID)) continue;
      expect(() => caster.castId(other)).toThrow(InvalidArgumentError);
    }
  });

  it('names the argument and the kind', () => {
    expect(() => caster.castId(null)).toThrow(expect.objectContaining({ argument: 'id', message: `Invalid id: null is no ${kind} id.` }));
  });
});

describe('an ObjectId', () => {
  const caster = casterOf(undefined);

  it.each([hex, hex.toUpperCase(), new Types.ObjectId(hex)])('is made of %p', (given) => {
    expect(caster.castId(given)).toEqual(new Types.ObjectId(hex));
  });

  it.each(['', 'abcdefghijkl', hex.slice(1), `${hex}0`, ` ${hex}`, `${hex}\n`, 5, 12n, Buffer.from(hex, 'hex'), Buffer.alloc(12)])('is not made of %p, which Mongoose or the driver might take', (given) => {
    expect(() => caster.castId(given)).toThrow(InvalidArgumentError);
  });

  it('of another copy of the driver becomes one of ours', () => {
    class ObjectId {
      get _bsontype(): string {
        return 'ObjectId';
      }
      toString(): string {
        return hex;
      }
    }
    const cast = caster.castId(new ObjectId());
    expect(cast).toBeInstanceOf(Types.ObjectId);
    expect(cast).toEqual(new Types.ObjectId(hex));
  });
});

describe('a text', () => {
  it.each([['a', 'a'], ['Ä ö', 'Ä ö'], ['$ne', '$ne'], ['a.b', 'a.b'], ['👾', '👾'], [5, '5'], ['x'.repeat(1_024), 'x'.repeat(1_024)]])('is made of %p', (given, expected) => {
    expect(casterOf(String).castId(given)).toBe(expected);
  });

  it.each(['', 'x'.repeat(1_025), 'a\0b', 'half \uD83D', 5n])('is not made of %p', (given) => {
    expect(() => casterOf(String).castId(given)).toThrow(InvalidArgumentError);
  });

  it('goes through the schema’s setters, and is judged after them', () => {
    const caster = casterOf({ type: String, lowercase: true, trim: true });
    expect(caster.castId(' ABC ')).toBe('abc');
    expect(() => caster.castId('  ')).toThrow(InvalidArgumentError);
  });
});

describe('a number', () => {
  it.each([[5, 5], ['5', 5], ['-1.5', -1.5], ['1e3', 1_000], [-0, 0], [5n, 5], [Long.fromNumber(5), 5], [new Int32(5), 5], [new Double(1.5), 1.5]])('is made of %p', (given, expected) => {
    expect(casterOf(Number).castId(given)).toBe(expected);
  });

  it.each(['', ' 5', '0x10', '5 apples', '1e999', 2 ** 53, '9007199254740993', 2n ** 60n])('is not made of %p', (given) => {
    expect(() => casterOf(Number).castId(given)).toThrow(InvalidArgumentError);
  });

  it('of 32 bits is an integer within them', () => {
    expect(casterOf(Schema.Types.Int32).castId('7')).toBe(7);
    expect(() => casterOf(Schema.Types.Int32).castId(1.5)).toThrow(InvalidArgumentError);
    expect(() => casterOf(Schema.Types.Int32).castId(2 ** 31)).toThrow(InvalidArgumentError);
  });
});

describe('a bigint', () => {
  it.each([[5n, 5], ['5', 5], [5, 5], [2n ** 60n, Long.fromBigInt(2n ** 60n)], ['9007199254740993', Long.fromBigInt(9_007_199_254_740_993n)], [Long.fromNumber(7), 7]])('of %p is what the driver returns', (given, expected) => {
    expect(casterOf(BigInt).castId(given)).toEqual(expected);
  });

  it.each([2n ** 63n, '9223372036854775808', '', '1.5', 1.5, 2 ** 53])('is not made of %p', (given) => {
    expect(() => casterOf(BigInt).castId(given)).toThrow(InvalidArgumentError);
  });
});

describe('a UUID', () => {
  it.each([uuid, uuid.toUpperCase(), new Types.UUID(uuid), new Binary(Buffer.from(uuid.replaceAll('-', ''), 'hex'), 4)])('is made of %p', (given) => {
    const cast = casterOf(Schema.Types.UUID).castId(given);
    expect(cast).toBeInstanceOf(Types.UUID);
    expect(String(cast)).toBe(uuid);
  });

  it.each(['', `${uuid}0`, `x${uuid}`, uuid.replaceAll('-', ''), hex, Buffer.alloc(16), new Binary(Buffer.alloc(16), 0), new Binary(Buffer.alloc(3), 4)])('is not made of %p', (given) => {
    expect(() => casterOf(Schema.Types.UUID).castId(given)).toThrow(InvalidArgumentError);
  });
});

describe('a decimal', () => {
  it.each([['1.10', '1.10'], [5, '5'], [5n, '5'], [Types.Decimal128.fromString('1E+3'), '1E+3']])('is made of %p', (given, expected) => {
    expect(String(casterOf(Schema.Types.Decimal128).castId(given))).toBe(expected);
  });

  it.each(['', 'NaN', 'Infinity', '1'.repeat(40), Types.Decimal128.fromString('NaN')])('is not made of %p', (given) => {
    expect(() => casterOf(Schema.Types.Decimal128).castId(given)).toThrow(InvalidArgumentError);
  });
});

describe('an id of a kind that the storage does not know', () => {
  it.each([[Date], [{}], [Buffer]])('is refused, whatever it is', (type) => {
    expect(() => casterOf(type as mongoose.SchemaDefinitionProperty).castId(new Date())).toThrow(/the storage knows ObjectId, UUID, String/);
  });
});

describe('a new id', () => {
  it('is generated for ObjectId and UUID', () => {
    expect(casterOf(undefined).newId()).toBeInstanceOf(Types.ObjectId);
    expect(casterOf(Schema.Types.ObjectId).newId()).toBeInstanceOf(Types.ObjectId);
    expect(casterOf(Schema.Types.UUID).newId()).toBeInstanceOf(Types.UUID);
    expect(casterOf(undefined).newId()).not.toEqual(casterOf(undefined).newId());
  });

  it('is the schema’s default, cast', () => {
    expect(casterOf({ type: String, default: () => 'made' }).newId()).toBe('made');
    expect(casterOf({ type: Schema.Types.UUID, default: () => uuid }).newId()).toEqual(new Types.UUID(uuid));
  });

  it('is asked for where there is neither', () => {
    expect(() => casterOf(String).newId()).toThrow(/declare a default for _id/);
    expect(() => casterOf(Number).newId()).toThrow(InvalidArgumentError);
  });
});
