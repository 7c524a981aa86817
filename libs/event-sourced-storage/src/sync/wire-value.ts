import { types } from 'node:util';
import { isPlainObject } from '../model/bson-values.js';

/**
 * How BSON values travel. `'extended'`: relaxed Extended JSON v2, except that 64-bit integers keep `$numberLong`, which the relaxed form
 * would turn into lossy numbers. `'plain'`: texts and ISO dates, for clients that know no BSON.
 */
export type WireTypes = 'extended' | 'plain';

/** A stored value in its JSON form. Keys with `undefined` are left out. */
export function toWire(value: unknown, form: WireTypes): unknown {
  if (typeof value === 'string' || typeof value === 'boolean') return value;
  if (typeof value === 'number') return numberToWire(value, form);
  if (typeof value === 'bigint') return longToWire(String(value), form);
  return typeof value === 'object' && value !== null ? objectToWire(value, form) : null;
}

function objectToWire(value: object, form: WireTypes): unknown {
  if (Array.isArray(value)) return value.map((item) => toWire(item, form));
  if (isPlainObject(value)) return fieldsToWire(Object.entries(value), form);
  const tag = (value as { readonly _bsontype?: unknown })._bsontype;
  if (typeof tag === 'string') return taggedToWire(tag, value, form);
  if (types.isDate(value)) return dateToWire(value, form);
  if (types.isUint8Array(value)) return bytesToWire(value, 0, form);
  if (types.isRegExp(value)) return regularExpression(value.source, value.flags, form);
  return fieldsToWire(types.isMap(value) ? [...value].map(([key, item]) => [String(key), item]) : Object.entries(value), form);
}

/** `fromEntries` makes own properties, also of a key that is called `__proto__`. */
function fieldsToWire(entries: readonly (readonly [string, unknown])[], form: WireTypes): Record<string, unknown> {
  return Object.fromEntries(entries.filter(([, item]) => item !== undefined).map(([key, item]) => [key, toWire(item, form)]));
}

function numberToWire(value: number, form: WireTypes): unknown {
  if (Number.isFinite(value)) return Object.is(value, -0) && form === 'extended' ? { $numberDouble: '-0.0' } : value;
  return form === 'extended' ? { $numberDouble: String(value) } : String(value);
}

function longToWire(text: string, form: WireTypes): unknown {
  return form === 'extended' ? { $numberLong: text } : text;
}

const lastYear = 253_402_300_799_999; // 9999-12-31: later and negative times have no ISO form in Extended JSON

function dateToWire(value: Date, form: WireTypes): unknown {
  const time = value.getTime();
  if (Number.isNaN(time)) return null;
  if (form === 'plain') return value.toISOString();
  return time >= 0 && time <= lastYear ? { $date: value.toISOString() } : { $date: { $numberLong: String(time) } };
}

function bytesToWire(bytes: Uint8Array, subType: number, form: WireTypes): unknown {
  const base64 = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
  return form === 'extended' ? { $binary: { base64, subType: subType.toString(16).padStart(2, '0') } } : base64;
}

function regularExpression(pattern: string, options: string, form: WireTypes): unknown {
  return form === 'extended' ? { $regularExpression: { pattern, options: options.split('').toSorted().join('') } } : `/${pattern}/${options}`;
}

/** What the BSON classes offer, seen by their tag: another copy of the driver may have made them. */
interface Tagged {
  readonly value?: unknown;
  readonly buffer?: Uint8Array;
  readonly position?: number;
  readonly sub_type?: number;
  readonly pattern?: string;
  readonly options?: string;
  readonly code?: unknown;
  readonly scope?: unknown;
  readonly collection?: string;
  readonly oid?: unknown;
  readonly db?: string;
  readonly fields?: Readonly<Record<string, unknown>>;
  readonly t?: number;
  readonly i?: number;
  toString(): string;
}

const tagged: Readonly<Record<string, (value: Tagged, form: WireTypes) => unknown>> = {
  ObjectId: (value, form) => (form === 'extended' ? { $oid: value.toString() } : value.toString()),
  Decimal128: (value, form) => (form === 'extended' ? { $numberDecimal: value.toString() } : value.toString()),
  Long: (value, form) => longToWire(value.toString(), form),
  Int32: (value) => Number(value.value),
  Double: (value, form) => numberToWire(Number(value.value), form),
  Binary: binaryToWire,
  BSONRegExp: (value, form) => regularExpression(value.pattern ?? '', value.options ?? '', form),
  BSONSymbol: (value, form) => (form === 'extended' ? { $symbol: value.toString() } : value.toString()),
  Timestamp: (value, form) => (form === 'extended' ? { $timestamp: { t: value.t ?? 0, i: value.i ?? 0 } } : value.toString()),
  MinKey: (_value, form) => (form === 'extended' ? { $minKey: 1 } : 'MinKey'),
  MaxKey: (_value, form) => (form === 'extended' ? { $maxKey: 1 } : 'MaxKey'),
  Code: ({ code, scope }, form) => {
    if (form === 'plain') return String(code);
    return scope === null || scope === undefined ? { $code: String(code) } : { $code: String(code), $scope: toWire(scope, form) };
  },
  DBRef: ({ collection, oid, db, fields = {} }, form) => ({
    $ref: collection,
    $id: toWire(oid, form),
    ...(db === undefined ? {} : { $db: db }),
    ...fieldsToWire(Object.entries(fields), form),
  }),
};

function taggedToWire(tag: string, value: Tagged, form: WireTypes): unknown {
  const convert = Object.hasOwn(tagged, tag) ? tagged[tag] : undefined;
  return convert === undefined ? String(value) : convert(value, form);
}

function binaryToWire(value: Tagged, form: WireTypes): unknown {
  const bytes = (value.buffer ?? new Uint8Array()).subarray(0, value.position);
  const subType = value.sub_type ?? 0;
  if (form === 'plain' && subType === 4 && bytes.length === 16) {
    return Buffer.from(bytes).toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
  }
  return bytesToWire(bytes, subType, form);
}
