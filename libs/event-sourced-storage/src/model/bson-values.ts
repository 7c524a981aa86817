/**
 * Copying, comparing, measuring and checking of BSON-shaped values, in one place. BSON classes are recognised by their `_bsontype` tag
 * and built-in classes by their internal slot, never by `instanceof` alone: a second copy of the driver or another realm may have made them.
 */
/// <reference lib="es2024.string" />
import { types } from 'node:util';
import type { Image } from './diff.js';
import type { DocumentId } from './document-id.js';

/** A value that cannot be stored, or cannot be stored where it stands. The caller of the core turns it into a public error. */
export class InvalidValueError extends Error {
  /** Tells it from others in logs. */
  override readonly name = 'InvalidValueError';

  constructor(
    /** Dotted path of the value; empty for the document itself. */
    readonly path: string,
    /** Continues the sentence "the value at … ". */
    readonly reason: string,
  ) {
    super(`${path === '' ? 'The document' : `The value at "${path}"`} ${reason}`);
  }
}

/** The deepest path a document may have, in keys and indexes: `a.b.0` has depth 3. The server's own limit is 180. */
export const maxDocumentDepth = 32;

/** Whether a key is refused everywhere because writing it into an object could reach a prototype. */
export function isForbiddenKey(key: string): boolean {
  return key === '__proto__' || key === 'constructor' || key === 'prototype';
}

type PlainObject = Record<string, unknown>;

/** Whether it is an object literal (or of another realm, or without prototype): what the driver stores and returns as a document. */
export function isPlainObject(value: unknown): value is PlainObject {
  return typeof value === 'object' && value !== null && isPlain(value);
}

function isPlain(value: object): value is PlainObject {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null || (typeof prototype === 'object' && isForeignRoot(prototype));
}

/** The `Object.prototype` of another realm: Jest runs the code under test in one of its own. */
function isForeignRoot(prototype: object): boolean {
  return Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype, 'isPrototypeOf');
}

interface ObjectIdLike {
  equals(other: unknown): boolean;
  toHexString(): string;
}
interface BinaryLike {
  readonly constructor: new (bytes: Uint8Array, subType: number) => BinaryLike;
  readonly buffer: Uint8Array;
  readonly position: number;
  readonly sub_type: number;
}
interface Decimal128Like {
  readonly bytes: Uint8Array;
  toString(): string;
}
/** Long, Int32, Double. */
interface NumberLike {
  toExtendedJSON(): unknown;
  toString(): string;
}

/** To be asked of class instances only: in a plain object the tag is somebody's data. */
function tagOf(instance: object): string | undefined {
  const { _bsontype: tag }: { readonly _bsontype?: unknown } = instance;
  return typeof tag === 'string' ? tag : undefined;
}

const numberTags: ReadonlySet<string | undefined> = new Set(['Long', 'Int32', 'Double']);

const isObjectId = (value: object): value is ObjectIdLike => tagOf(value) === 'ObjectId';
const isBinary = (value: object): value is BinaryLike => tagOf(value) === 'Binary';
const isDecimal128 = (value: object): value is Decimal128Like => tagOf(value) === 'Decimal128';
const isNumberLike = (value: object): value is NumberLike => numberTags.has(tagOf(value));
const isDate = (value: object): value is Date => value instanceof Date || types.isDate(value);

function bytesOf(binary: BinaryLike): Uint8Array {
  return binary.buffer.length === binary.position ? binary.buffer : binary.buffer.subarray(0, binary.position);
}

function copyBytes(bytes: Uint8Array): Uint8Array {
  return Buffer.isBuffer(bytes) ? Buffer.from(bytes) : new Uint8Array(bytes);
}

function copyBinary(binary: BinaryLike): BinaryLike {
  return new binary.constructor(copyBytes(bytesOf(binary)), binary.sub_type); // Binary or UUID, of the driver that made it
}

/**
 * A deep copy that shares nothing changeable with the original: plain objects, arrays and Maps are walked, Dates and bytes (Binary, UUID,
 * Buffer) copied. ObjectId, Decimal128, Long, Timestamp and every other class instance count as immutable and are shared.
 */
export function cloneValue<T>(value: T): T;
export function cloneValue(value: unknown): unknown {
  return typeof value === 'object' && value !== null ? cloneObject(value) : value;
}

function cloneObject(value: object): object {
  if (Array.isArray(value)) return cloneArray(value);
  return isPlain(value) ? clonePlain(value) : cloneInstance(value);
}

function cloneArray(array: readonly unknown[]): unknown[] {
  const copy = array.slice();
  for (let index = 0; index < copy.length; index++) {
    const item = copy[index];
    if (typeof item === 'object' && item !== null) copy[index] = cloneObject(item);
  }
  return copy;
}

function clonePlain(record: PlainObject): PlainObject {
  const copy = { ...record }; // every key is an own property from here on, so that assigning cannot reach a prototype
  // `in` and not Object.keys(), whose list would be a good part of what a copy costs
  for (const key in copy) {
    const item = copy[key];
    if (typeof item === 'object' && item !== null && Object.hasOwn(copy, key)) copy[key] = cloneObject(item);
  }
  return copy;
}

function cloneInstance(value: object): object {
  const tag = tagOf(value);
  if (tag !== undefined) return isBinary(value) ? copyBinary(value) : value;
  if (isDate(value)) return new Date(value.getTime());
  if (types.isUint8Array(value)) return copyBytes(value);
  if (types.isMap(value)) return new Map(Array.from(value, ([key, item]: [unknown, unknown]) => [key, cloneValue(item)]));
  return value;
}

/**
 * Whether two values are one value to the history, by BSON type: ObjectId, UUID and Binary by bytes (a Buffer is a Binary of subtype 0),
 * Date by milliseconds, Decimal128 and Long by the text of the value, objects by their keys in any order, arrays in order. NaN equals NaN,
 * −0 equals 0, a key with `undefined` is absent, `null` is a value. A number, a bigint, a Long, an Int32 and a Double of equal text are
 * equal, since the driver hands out all of them as the same number; a Decimal128 equals a Decimal128 only.
 */
export function sameValue(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a === 'number' && typeof b === 'number') return Number.isNaN(a) && Number.isNaN(b);
  if (typeof a === 'object' && a !== null && typeof b === 'object' && b !== null) return sameObject(a, b);
  const text = numberText(a);
  return text !== undefined && text === numberText(b);
}

function sameObject(a: object, b: object): boolean {
  if (Array.isArray(a)) return Array.isArray(b) && sameArray(a, b);
  if (isPlain(a)) return isPlain(b) && sameKeys(a, b);
  return !isPlain(b) && sameInstance(a, b);
}

function sameArray(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a.length === b.length && a.every((item, index) => sameValue(item, b[index]));
}

function sameKeys(a: PlainObject, b: PlainObject): boolean {
  let shared = 0;
  for (const key of Object.keys(a)) {
    const item = a[key];
    if (item === undefined) continue;
    if (!Object.hasOwn(b, key) || !sameValue(item, b[key])) return false;
    shared++;
  }
  const others = Object.keys(b);
  return others.length === shared || others.filter((key) => b[key] !== undefined).length === shared;
}

function sameInstance(a: object, b: object): boolean {
  if (isObjectId(a)) return isObjectId(b) && sameObjectId(a, b);
  if (isDate(a)) return isDate(b) && Object.is(a.getTime(), b.getTime());
  if (isBinary(a) || types.isUint8Array(a)) return sameBinary(a, b);
  if (isDecimal128(a)) return isDecimal128(b) && (equalBytes(a.bytes, b.bytes) || String(a) === String(b));
  if (isNumberLike(a)) return isNumberLike(b) && String(a) === String(b);
  if (types.isMap(a)) return types.isMap(b) && sameMap(a, b);
  if (types.isRegExp(a)) return types.isRegExp(b) && String(a) === String(b);
  return tagOf(a) !== undefined && tagOf(a) === tagOf(b) && sameKeys({ ...a }, { ...b }); // Timestamp, Code, DBRef …: public fields
}

function sameObjectId(a: ObjectIdLike, b: ObjectIdLike): boolean {
  // `equals` reads private fields, whose layout differs between releases of the driver
  return a.constructor === b.constructor ? a.equals(b) : a.toHexString() === b.toHexString();
}

function sameBinary(a: object, b: object): boolean {
  const one = binaryContent(a);
  const other = binaryContent(b);
  return one !== undefined && other !== undefined && one.subType === other.subType && equalBytes(one.bytes, other.bytes);
}

function binaryContent(value: object): { readonly bytes: Uint8Array; readonly subType: number } | undefined {
  if (isBinary(value)) return { bytes: bytesOf(value), subType: value.sub_type };
  return types.isUint8Array(value) ? { bytes: value, subType: 0 } : undefined;
}

function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && Buffer.compare(a, b) === 0;
}

function sameMap(a: ReadonlyMap<unknown, unknown>, b: ReadonlyMap<unknown, unknown>): boolean {
  return a.size === b.size && Array.from(a).every(([key, item]) => b.has(key) && sameValue(item, b.get(key)));
}

function numberText(value: unknown): string | undefined {
  if (typeof value === 'number' || typeof value === 'bigint') return String(value);
  return typeof value === 'object' && value !== null && isNumberLike(value) ? String(value) : undefined;
}

/**
 * An id as a text, to be used as the key of a Map. Ids that the server tells apart have different texts: the type is part of it (`o:`
 * ObjectId, `s:` string, `n:` number, `b:` binary with its subtype). Ids that are one to the server have one text, as an integer in any
 * number type (5, 5n, Long, Double, Decimal128 5.0); only a fraction is another text as Decimal128 than as number.
 * @throws InvalidValueError for a value that is no document id
 */
export function idKey(id: DocumentId): string {
  if (typeof id === 'string') return `s:${id}`;
  if (typeof id === 'number') return Number.isInteger(id) && !Number.isSafeInteger(id) ? `n:${BigInt(id)}` : `n:${id}`;
  if (typeof id === 'bigint') return `n:${id}`;
  const text = instanceKey(id);
  if (text === undefined) throw new InvalidValueError('_id', 'is no document id: expected an ObjectId, UUID, Binary, string or number');
  return text;
}

function instanceKey(id: unknown): string | undefined {
  if (typeof id !== 'object' || id === null || isPlain(id)) return undefined;
  if (isObjectId(id)) return `o:${id.toHexString()}`;
  if (isBinary(id)) return `b:${id.sub_type}:${Buffer.from(bytesOf(id)).toString('hex')}`;
  if (isDecimal128(id)) return `n:${decimalKey(String(id))}`;
  if (!isNumberLike(id)) return undefined;
  return tagOf(id) === 'Long' ? `n:${String(id)}` : idKey(Number(id));
}

/** One text for all decimals of one value (1.0, 1.00, 10E-1), and for integers the text that a number has. */
function decimalKey(text: string): string {
  const [, sign = '', whole = '', fraction = '', exponent = '0'] = /^(-?)(\d+)(?:\.(\d+))?(?:E([+-]?\d+))?$/.exec(text) ?? [];
  const digits = (whole + fraction).replace(/^0+/, '');
  if (digits === '') return whole === '' ? text : '0'; // NaN, Infinity; zero of any sign and scale
  const significant = digits.replace(/0+$/, '');
  const scale = Number(exponent) - fraction.length + digits.length - significant.length;
  return scale >= 0 && scale <= 40 ? `${sign}${significant}${'0'.repeat(scale)}` : `${sign}${significant}E${scale}`;
}

/**
 * The size in bytes that the driver will send for a value: of an object the whole document, of anything else the value without type and
 * key. Exact, but for Code, DBRef, BSONSymbol and BSONRegExp, which are estimated somewhat larger; `undefined` counts as absent.
 */
export function byteSize(value: unknown): number {
  return sizeWithin(value, Infinity);
}

/** Whether {@link byteSize} of the value is more than `bytes`; stops measuring as soon as that is known. */
export function isLargerThan(value: unknown, bytes: number): boolean {
  return sizeWithin(value, bytes) > bytes;
}

/** The size in bytes of one field of a document: its type, its key and its value. */
export function fieldSize(key: string, value: unknown): number {
  return 2 + utf8Length(key) + byteSize(value);
}

/** {@link byteSize} of a document that grew out of another one of a known size: fields that both share are not measured again. */
export function byteSizeAfter(before: { readonly image: Image; readonly bytes: number }, after: Image): number {
  let total = before.bytes;
  for (const key of Object.keys(after)) {
    const [old, value] = [Object.hasOwn(before.image, key) ? before.image[key] : undefined, after[key]];
    if (old !== value) total += sizeOfField(key, value) - sizeOfField(key, old);
  }
  for (const key of Object.keys(before.image)) if (!Object.hasOwn(after, key)) total -= sizeOfField(key, before.image[key]);
  return total;
}

function sizeOfField(key: string, value: unknown): number {
  return value === undefined ? 0 : fieldSize(key, value);
}

/** The exact size up to `budget`; some number above it beyond. */
function sizeWithin(value: unknown, budget: number): number {
  if (typeof value === 'string') return 5 + utf8Length(value);
  if (typeof value === 'number') return (value | 0) === value && !Object.is(value, -0) ? 4 : 8;
  if (typeof value === 'boolean') return 1;
  if (typeof value === 'bigint') return 8;
  return typeof value === 'object' && value !== null ? objectSize(value, budget) : 0;
}

function objectSize(value: object, budget: number): number {
  if (Array.isArray(value)) return arraySize(value, budget);
  if (isPlain(value)) return fieldsSize(value, budget);
  return tagOf(value) === undefined ? instanceSize(value, budget) : taggedSize(value, budget);
}

function arraySize(array: readonly unknown[], budget: number): number {
  let total = 5;
  for (let index = 0; index < array.length && total <= budget; index++) {
    total += 2 + decimalDigits(index) + sizeWithin(array[index], budget - total);
  }
  return total;
}

function fieldsSize(record: PlainObject, budget: number): number {
  let total = 5;
  for (const key of Object.keys(record)) {
    const value = record[key];
    if (value === undefined) continue;
    total += 2 + utf8Length(key) + sizeWithin(value, budget - total);
    if (total > budget) break;
  }
  return total;
}

const sizeByTag: ReadonlyMap<string | undefined, number> = new Map([
  ['ObjectId', 12],
  ['Decimal128', 16],
  ['Long', 8],
  ['Double', 8],
  ['Timestamp', 8],
  ['Int32', 4],
  ['MinKey', 0],
  ['MaxKey', 0],
]);

function taggedSize(value: object, budget: number): number {
  if (isBinary(value)) return 5 + value.position + (value.sub_type === 2 ? 4 : 0); // subtype 2 carries its length twice
  return sizeByTag.get(tagOf(value)) ?? fieldsSize({ ...value }, budget);
}

function instanceSize(value: object, budget: number): number {
  if (isDate(value)) return 8;
  if (types.isUint8Array(value)) return 5 + value.length;
  if (types.isRegExp(value)) return 2 + utf8Length(value.source) + bsonFlags(value).length;
  return fieldsSize(types.isMap(value) ? objectOf(value) : { ...value }, budget);
}

/** The driver stores three of JavaScript's flags; `g` becomes `s`. */
function bsonFlags(expression: RegExp): string {
  return expression.flags.replaceAll(/[^gim]/g, '');
}

function utf8Length(text: string): number {
  if (text.length > 48) return Buffer.byteLength(text);
  for (let index = 0; index < text.length; index++) {
    if (text.charCodeAt(index) > 127) return Buffer.byteLength(text);
  }
  return text.length;
}

function decimalDigits(index: number): number {
  let digits = 1;
  for (let rest = index; rest >= 10; rest = Math.floor(rest / 10)) digits++;
  return digits;
}

/**
 * What an edit left behind, as the document that will be stored: a fresh value that shares nothing changeable with its input. Keys with
 * `undefined` are dropped (in arrays they become `null`, as the driver stores them), Maps become objects, Mongoose documents and other
 * objects with `toBSON()` or `toObject()` what these return, further class instances their own fields, lone surrogates in texts U+FFFD.
 * Buffers stay Buffers and bigints bigints: the driver stores them as Binary and Long.
 * @param before an image that is never changed; what is the same in it is taken from there, so that the two can be compared at a glance
 * @throws InvalidValueError for what cannot be stored (functions, symbols, invalid Dates, Sets, Promises …), a key that is `__proto__`,
 * `constructor`, `prototype`, `_bsontype` or contains NUL, an array under a name that every object inherits (`toString`), which the driver
 * cannot read back, and for depth over {@link maxDocumentDepth}, which an object in itself has too
 */
export function normalizeImage(value: unknown, before?: Image): Image {
  const image = normalizeValue(value, [], before);
  if (!isPlainObject(image)) throw new InvalidValueError('', 'is no object');
  return image;
}

/** The keys from the document down to the value at hand; changed in place, since a new array per value would cost more than the copy. */
type Trail = (string | number)[];

function refuse(trail: Trail, reason: string): never {
  throw new InvalidValueError(trail.join('.'), reason);
}

function normalizeValue(value: unknown, trail: Trail, before: unknown): unknown {
  if (typeof value === 'object') return value === null ? null : normalizeObject(value, trail, before);
  if (typeof value === 'string') return wellFormed(value);
  if (typeof value === 'function' || typeof value === 'symbol') return refuse(trail, `is a ${typeof value}, which cannot be stored`);
  if (typeof value === 'bigint' && BigInt.asIntN(64, value) !== value) return refuse(trail, 'is a bigint outside the 64-bit range');
  return value;
}

function normalizeObject(value: object, trail: Trail, before: unknown): unknown {
  if (Array.isArray(value)) return normalizeArray(value, trail, Array.isArray(before) ? before : undefined);
  if (isPlain(value)) return normalizeFields(value, trail, isPlainObject(before) ? before : undefined);
  if (tagOf(value) !== undefined) return normalizeTagged(value, trail);
  return isDate(value) && before instanceof Date && value.getTime() === before.getTime() ? before : normalizeInstance(value, trail);
}

/** Copies from the first element on that differs from `before`: mostly none does. */
function normalizeArray(array: readonly unknown[], trail: Trail, before: readonly unknown[] | undefined): readonly unknown[] {
  let copy: unknown[] | undefined = before?.length === array.length ? undefined : [];
  for (let index = 0; index < array.length; index++) {
    const old = before?.[index];
    const value = normalizeChild(index, array[index], trail, old) ?? null;
    if (copy !== undefined) copy.push(value);
    else if (value !== old) copy = [...(before as readonly unknown[]).slice(0, index), value];
  }
  return copy ?? (before as readonly unknown[]);
}

/** Copies from the first field on that differs from `before`: mostly none does. */
function normalizeFields(record: PlainObject, trail: Trail, before: PlainObject | undefined): PlainObject {
  const keys = Object.keys(record);
  const oldKeys = before === undefined ? noKeys : Object.keys(before);
  let copy: PlainObject | undefined = before === undefined ? {} : undefined;
  let fields = 0;
  for (let index = 0; index < keys.length; index++) {
    const key = keys[index] as string;
    const value = record[key];
    if (value === undefined) continue;
    const isOld = before !== undefined && (oldKeys[index] === key || Object.hasOwn(before, key));
    const old = isOld ? before[key] : undefined;
    if (Array.isArray(value) && isInherited(key)) refuse([...trail, key], 'is an array under a name that every object inherits');
    const normal = normalizeChild(key, value, trail, old);
    if (copy === undefined && (normal !== old || !isOld)) copy = firstOf(before as PlainObject, record, keys.slice(0, index), trail);
    if (copy === undefined) fields++;
    else copy[storableKey(key, trail)] = normal;
  }
  if (copy === undefined && fields === oldKeys.length) return before as PlainObject;
  return copy ?? firstOf(before as PlainObject, record, keys, trail);
}

const noKeys: readonly string[] = [];

/** These fields of a record, which are the same in `before`, from there. */
function firstOf(before: PlainObject, record: PlainObject, keys: readonly string[], trail: Trail): PlainObject {
  const copy: PlainObject = {};
  for (const key of keys) if (record[key] !== undefined) copy[storableKey(key, trail)] = before[key];
  return copy;
}

function normalizeChild(key: string | number, value: unknown, trail: Trail, before: unknown): unknown {
  if (trail.length === maxDocumentDepth) refuse(trail, `is nested deeper than ${maxDocumentDepth} levels, or contains itself`);
  if (typeof value === 'number' || typeof value === 'boolean' || value === null) return value;
  if (typeof value === 'string') return value === before ? value : wellFormed(value);
  trail.push(key);
  const copy = normalizeValue(value, trail, before);
  trail.pop();
  return copy;
}

function storableKey(key: string, trail: Trail): string {
  if (isForbiddenKey(key) || key === '_bsontype') return refuse([...trail, key], 'has a key that is refused');
  if (key.includes('\0')) return refuse([...trail, key], 'has a key with a NUL character');
  return wellFormed(key);
}

/** Objects in an array under such a name (`toString`, `valueOf` …) come back from the driver as bytes: it finds the name in `fieldsAsRaw`. */
function isInherited(key: string): boolean {
  return key in Object.prototype;
}

const storableTags: ReadonlySet<string> = new Set([
  'Binary',
  'BSONRegExp',
  'BSONSymbol',
  'Code',
  'DBRef',
  'Decimal128',
  'Double',
  'Int32',
  'Long',
  'MaxKey',
  'MinKey',
  'ObjectId',
  'Timestamp',
]);

function normalizeTagged(value: object, trail: Trail): object {
  const tag = tagOf(value);
  if (tag === undefined || !storableTags.has(tag) || Object.hasOwn(value, '_bsontype')) return refuse(trail, `claims an unknown BSON type`);
  return isBinary(value) ? copyBinary(value) : value;
}

function normalizeInstance(value: object, trail: Trail): unknown {
  if (isDate(value)) return Number.isNaN(value.getTime()) ? refuse(trail, 'is an invalid Date') : new Date(value.getTime());
  if (types.isMap(value)) return normalizeMap(value, trail);
  const convert = converterOf(value);
  if (convert !== undefined) return normalizeValue(convert(), trail, undefined);
  if (types.isUint8Array(value)) return copyBytes(value);
  if (types.isRegExp(value)) return bsonFlags(value) === value.flags ? value : refuse(trail, 'is a RegExp with flags other than g, i and m');
  if (types.isBoxedPrimitive(value)) return normalizeValue(value.valueOf(), trail, undefined);
  if (hidesItsContent(value)) return refuse(trail, `is a ${value.constructor.name}, which cannot be stored`);
  return normalizeFields({ ...value }, trail, undefined);
}

function normalizeMap(map: ReadonlyMap<unknown, unknown>, trail: Trail): PlainObject {
  for (const key of map.keys()) if (typeof key !== 'string') refuse(trail, 'is a Map with a key that is no string');
  return normalizeFields(objectOf(map), trail, undefined);
}

function objectOf(map: ReadonlyMap<unknown, unknown>): PlainObject {
  return Object.fromEntries(Array.from(map, ([key, value]) => [String(key), value]));
}

/** `toBSON` first: the driver calls it, and on a Mongoose document it is `toObject` without virtuals, getters and transforms. */
function converterOf(value: object): (() => unknown) | undefined {
  const { toBSON, toObject }: Convertible = value;
  if (typeof toBSON === 'function') return () => toBSON.call(value);
  return typeof toObject === 'function' ? () => toObject.call(value) : undefined;
}

interface Convertible {
  readonly toBSON?: (this: object) => unknown;
  readonly toObject?: (this: object) => unknown;
}

/** Built-in classes whose content is not in their fields: stored as objects they would silently be empty. */
function hidesItsContent(value: object): boolean {
  return [types.isSet, types.isPromise, types.isWeakMap, types.isWeakSet, types.isArrayBufferView, types.isAnyArrayBuffer].some((is) => is(value));
}

function wellFormed(text: string): string {
  return text.isWellFormed() ? text : text.toWellFormed();
}
