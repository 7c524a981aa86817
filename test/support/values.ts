import fc from 'fast-check';
import mongoose from 'mongoose';
import type { FeatureDefinition } from 'nestjs-event-sourced-storage';

/** The same examples in every run; new ones with `PROOF_RANDOM`. */
if (!process.env['PROOF_RANDOM']) fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: 1 });

const { Decimal128, ObjectId, UUID } = mongoose.Types;
const { Binary, Long } = mongoose.mongo;

/** A document with a field of every type that a Mongoose schema allows. */
export interface Values {
  readonly _id: mongoose.Types.ObjectId;
  text?: string | null;
  count?: number | null;
  flag?: boolean | null;
  when?: Date | null;
  ref?: mongoose.Types.ObjectId | null;
  amount?: mongoose.Types.Decimal128 | null;
  big?: mongoose.mongo.Long | number | bigint | null;
  bytes?: mongoose.mongo.Binary | Buffer | null;
  guid?: mongoose.Types.UUID | null;
  scores?: Record<string, number> | Map<string, number> | null;
  parts?: Record<string, Item> | null;
  dates?: Date[];
  refs?: mongoose.Types.ObjectId[];
  matrix?: number[][];
  items?: Item[];
  nested?: { at?: Date; inner?: { amounts?: mongoose.Types.Decimal128[]; note?: string | null } };
  anything?: unknown;
  version: number;
}

export interface Item {
  sku?: string;
  count?: number;
  at?: Date;
  tags?: string[];
}

const Item = { sku: String, count: Number, at: Date, tags: { type: [String], default: undefined } };
const { Mixed, UUID: UuidType, Decimal128: DecimalType, ObjectId: IdType } = mongoose.Schema.Types;
const ItemSchema = new mongoose.Schema(Item, { _id: false, minimize: false });

const InnerSchema = new mongoose.Schema({ amounts: { type: [DecimalType], default: undefined }, note: String }, { _id: false, minimize: false });
const NestedSchema = new mongoose.Schema({ at: Date, inner: InnerSchema }, { _id: false, minimize: false });

/** Nothing is filled in and nothing left out, so that what is stored is what an edit left. */
const ValuesSchema = new mongoose.Schema(
  {
    text: String,
    count: Number,
    flag: Boolean,
    when: Date,
    ref: IdType,
    amount: DecimalType,
    big: BigInt,
    bytes: Buffer,
    guid: UuidType,
    scores: { type: Map, of: Number },
    parts: { type: Map, of: ItemSchema },
    dates: { type: [Date], default: undefined },
    refs: { type: [IdType], default: undefined },
    matrix: { type: [[Number]], default: undefined },
    items: { type: [ItemSchema], default: undefined },
    nested: NestedSchema,
    anything: Mixed,
  },
  { versionKey: 'version', minimize: false, collection: 'values' },
);

export const valuesFeature: FeatureDefinition = { name: 'Values', schema: ValuesSchema };

/** The fields that the storage does not own. */
export type Fields = Omit<Values, '_id' | 'version'>;

const few = <V>(...values: readonly V[]): fc.Arbitrary<V> => fc.constantFrom(...values);
const orNull = <V>(value: fc.Arbitrary<V>): fc.Arbitrary<V | null> => fc.option(value, { freq: 6 });

const number: fc.Arbitrary<number> = fc.oneof(few(0, -0, 1, -1, 1.5, 2 ** 31, 2 ** 53 - 1, 5e-324, Infinity), fc.integer({ min: 0, max: 4 }), fc.double({ noNaN: true }));
const text: fc.Arbitrary<string> = fc.oneof(few('', 'a', 'b', '$a', 'a.b', '\u0000', 'ä€😀'), fc.string({ unit: 'grapheme', maxLength: 8 }));
const date: fc.Arbitrary<Date> = fc.oneof(fc.integer({ min: -2, max: 2 }).map((ms) => new Date(ms)), fc.date({ noInvalidDate: true, min: new Date('0100-01-01'), max: new Date('9000-01-01') }));
const objectId: fc.Arbitrary<mongoose.Types.ObjectId> = fc.integer({ min: 1, max: 5 }).map((n) => new ObjectId(String(n).padStart(24, '6')));
const decimal: fc.Arbitrary<mongoose.Types.Decimal128> = few('0', '-0', '1', '1.0', '1.00', '-12.5', '1E+20', '1234567890123456789012345678901234').map((each) => Decimal128.fromString(each));
const long: fc.Arbitrary<bigint> = fc.oneof(few(0n, 1n, 2n ** 53n, 2n ** 53n + 1n, -(2n ** 63n), 2n ** 63n - 1n), fc.bigInt({ min: -5n, max: 5n }));
const bytes: fc.Arbitrary<Buffer> = fc.uint8Array({ maxLength: 5 }).map((each) => Buffer.from(each));
const guid: fc.Arbitrary<mongoose.Types.UUID> = fc.integer({ min: 0, max: 3 }).map((n) => new UUID(Buffer.alloc(16, n)));
const key: fc.Arbitrary<string> = fc.oneof(few('a', 'b', 'c'), few('0', '1', '10', 'x y', 'ä', '😀', 'toString', 'length', '_id', 'version'));
const item: fc.Arbitrary<Item> = fc.record({ sku: text, count: number, at: date, tags: fc.array(text, { maxLength: 3 }) }, { requiredKeys: [] });

/** Names that a path cannot contain: an object with one of them is replaced as a whole. */
const oddKey: fc.Arbitrary<string> = fc.oneof({ weight: 3, arbitrary: key }, { weight: 1, arbitrary: few('a.b', '.', '$x', '$set', '', '01') });
const scalar: fc.Arbitrary<unknown> = fc.oneof(
  few<unknown>(null, true, false),
  number,
  text,
  date,
  objectId,
  decimal,
  guid,
  bytes.map((each) => new Binary(each, 128)),
  long.map((each) => Long.fromBigInt(each)),
);
const anything: fc.Arbitrary<unknown> = fc.letrec<{ value: unknown; list: unknown[]; object: Record<string, unknown> }>((tie) => ({
  value: fc.oneof({ depthSize: 'small' }, scalar, tie('object'), tie('list')),
  list: fc.array(tie('value'), { maxLength: 4 }),
  // the driver cannot read an array under an inherited name back, so the storage refuses it
  object: fc.dictionary(oddKey, tie('value'), { maxKeys: 4, noNullPrototype: true }).map((object) => {
    const { ['toString' as string]: inherited, ...rest } = object;
    return Array.isArray(inherited) ? rest : object;
  }),
})).value;

const fields: { readonly [F in keyof Fields]-?: fc.Arbitrary<Fields[F]> } = {
  text: orNull(text),
  count: orNull(number),
  flag: orNull(fc.boolean()),
  when: orNull(date),
  ref: orNull(objectId),
  amount: orNull(decimal),
  big: orNull(long),
  bytes: orNull(bytes),
  guid: orNull(guid),
  scores: orNull(fc.dictionary(key.filter((name) => !name.includes('_id')), number, { maxKeys: 3, noNullPrototype: true })),
  parts: orNull(fc.dictionary(few('a', 'b', '1'), item, { maxKeys: 3, noNullPrototype: true })),
  dates: fc.array(date, { maxLength: 4 }),
  refs: fc.array(objectId, { maxLength: 4 }),
  matrix: fc.array(fc.array(number, { maxLength: 3 }), { maxLength: 3 }),
  items: fc.array(item, { maxLength: 4 }),
  nested: fc.record({ at: date, inner: fc.record({ amounts: fc.array(decimal, { maxLength: 3 }), note: orNull(text) }, { requiredKeys: [] }) }, { requiredKeys: [] }),
  anything,
};
const names = Object.keys(fields) as (keyof Fields)[];

/** Fields of a new document. */
export const someFields: fc.Arbitrary<Partial<Fields>> = fc.record(fields, { requiredKeys: [] });

/** One small change: a field is set, removed, or changed somewhere inside. */
export interface Change {
  readonly kind: 'set' | 'remove' | 'inside';
  readonly name: keyof Fields;
  readonly value: unknown;
  readonly at: number;
  readonly how: 'push' | 'unshift' | 'reverse' | 'splice' | 'replace' | 'drop' | 'copy';
}

export const someChanges: fc.Arbitrary<readonly Change[]> = fc.array(
  few(...names).chain((name) =>
    fc.record({
      kind: few<Change['kind']>('set', 'set', 'remove', 'inside', 'inside', 'inside'),
      name: fc.constant(name),
      value: fields[name] as fc.Arbitrary<unknown>,
      at: fc.nat(20),
      how: few<Change['how']>('push', 'unshift', 'reverse', 'splice', 'replace', 'drop', 'copy'),
    }),
  ),
  { minLength: 1, maxLength: 4 },
);

/** Makes the change on a document as a caller would, in place. */
export function change(document: Values, { kind, name, value, at, how }: Change): void {
  const holder = document as unknown as Record<string, unknown>;
  const old = holder[name];
  if (kind === 'remove') delete holder[name];
  else if (kind === 'inside' && Array.isArray(old)) changeList(old, Array.isArray(value) ? value : [], at, how);
  else if (kind === 'inside' && isRecord(old) && isRecord(value)) changeRecord(old, value, at, how);
  else holder[name] = value;
}

function changeList(list: unknown[], values: readonly unknown[], at: number, how: Change['how']): void {
  const index = list.length === 0 ? 0 : at % list.length;
  if (how === 'push') list.push(...values);
  else if (how === 'unshift') list.unshift(...values);
  else if (how === 'reverse') list.reverse();
  else if (how === 'splice' || how === 'drop') list.splice(index, 1);
  else if (how === 'copy' && list.length > 0) list[0] = structuredCopy(list[index]);
  else if (values.length > 0 && list.length > 0) list[index] = values[0];
}

function changeRecord(record: Record<string, unknown>, values: Record<string, unknown>, at: number, how: Change['how']): void {
  const keys = Object.keys(record);
  if ((how === 'drop' || how === 'splice') && keys.length > 0) delete record[keys[at % keys.length] as string];
  else Object.assign(record, values);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return Object.prototype.toString.call(value) === '[object Object]' && !('_bsontype' in (value as object));
}

function structuredCopy(value: unknown): unknown {
  if (Array.isArray(value)) return value.map((each) => structuredCopy(each));
  return isRecord(value) ? Object.fromEntries(Object.entries(value).map(([name, each]) => [name, structuredCopy(each)])) : value;
}

/** What the driver makes of a document by storing and reading it: the naive idea of what is going to be stored. */
export function asStored(document: object): Record<string, unknown> {
  const { BSON } = mongoose.mongo;
  return BSON.deserialize(BSON.serialize(document, { ignoreUndefined: true }));
}
