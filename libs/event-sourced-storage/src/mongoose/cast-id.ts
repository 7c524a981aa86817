import mongoose from 'mongoose';
import { InvalidArgumentError } from '../errors/invalid-argument.error.js';
import { isPlainObject } from '../model/bson-values.js';
import type { DocumentId } from '../model/document-id.js';
import { isLiveDocument, type PathType } from './mongoose-internals.js';

const { Decimal128, ObjectId, UUID } = mongoose.Types;
const { Long } = mongoose.mongo;

/** The longest id in characters: ids are index keys, and a part of every log line and address. */
const longestId = 1_024;
const integer = /^-?\d{1,19}$/;
const decimal = /^-?\d+(?:\.\d+)?(?:[eE][+-]?\d{1,4})?$/;
const uuid = /^[\da-f]{8}-(?:[\da-f]{4}-){3}[\da-f]{12}$/i;
const objectIdHex = /^[\da-f]{24}$/i;
const surrogate = /[\uD800-\uDFFF]/;

/** What an id may be, by the kind of the schema's `_id`. Stricter than Mongoose, which takes numbers and texts of 12 bytes for ObjectIds. */
const casts: Readonly<Record<string, (id: unknown) => DocumentId | undefined>> = {
  ObjectId: objectId,
  UUID: uuidId,
  String: textId,
  Number: numberId,
  Int32: (id) => integerWithin(id, -(2 ** 31), 2 ** 31 - 1),
  Double: numberId,
  BigInt: bigintId,
  Decimal128: decimalId,
};

/** The kinds of `_id` that documents of the storage can have. */
export const supportedIdKinds: readonly string[] = Object.keys(casts);

/**
 * The id as stored, by the type of the schema's `_id`.
 * @throws InvalidArgumentError when it is none, or could be read as anything but a value
 */
export function castId(type: PathType, id: unknown): DocumentId {
  const cast = castOf(type, refuseOther(id, type));
  if (cast === undefined) throw new InvalidArgumentError('id', `${describe(id)} is no ${type.instance} id.`);
  return cast;
}

/**
 * A new id: by the schema's default for `_id`, else made here for ObjectId and UUID.
 * @throws InvalidArgumentError when there is neither
 */
export function newId(type: PathType): DocumentId {
  const made = type.getDefault(undefined, false) ?? generate(type.instance);
  if (made !== undefined) return castId(type, made);
  throw new InvalidArgumentError('id', `ids of kind ${type.instance} are not generated: give one, or declare a default for _id in the schema.`);
}

function generate(kind: string): DocumentId | undefined {
  if (kind === 'ObjectId') return new ObjectId();
  return kind === 'UUID' ? new UUID() : undefined;
}

/** A text goes through the schema's setters (`lowercase`, `trim`), as it does when a document is created. */
function castOf(type: PathType, id: unknown): DocumentId | undefined {
  const cast = casts[type.instance]?.(id);
  return typeof cast === 'string' && type.setters.length > 0 ? textId(type.applySetters(cast, undefined, false)) : cast;
}

/** What is no id of any kind, named before the kind is looked at. */
function refuseOther(id: unknown, type: PathType): unknown {
  if (!supportedIdKinds.includes(type.instance)) {
    throw new InvalidArgumentError('id', `the schema declares _id as ${type.instance}; the storage knows ${supportedIdKinds.join(', ')}.`);
  }
  if (isLiveDocument(id)) throw new InvalidArgumentError('id', 'a Mongoose document was given; give its _id.');
  return id;
}

function objectId(id: unknown): DocumentId | undefined {
  if (typeof id === 'string') return objectIdHex.test(id) ? new ObjectId(id) : undefined;
  if (id instanceof ObjectId) return id;
  // another copy of the driver may have made it; in a plain object the tag is somebody's data
  return tagOf(id) === 'ObjectId' ? objectId(String(id)) : undefined;
}

function uuidId(id: unknown): DocumentId | undefined {
  if (typeof id === 'string') return uuid.test(id) ? new UUID(id) : undefined;
  if (id instanceof UUID) return id;
  return isUuidBinary(id) ? new UUID(id.buffer.subarray(0, 16)) : undefined;
}

function isUuidBinary(id: unknown): id is { readonly buffer: Uint8Array } {
  if (tagOf(id) !== 'Binary') return false;
  const { sub_type: subType, position, buffer } = id as { sub_type?: unknown; position?: unknown; buffer?: unknown };
  return subType === 4 && position === 16 && buffer instanceof Uint8Array;
}

function textId(id: unknown): DocumentId | undefined {
  const text = typeof id === 'number' && Number.isFinite(id) ? String(id) : id;
  if (typeof text !== 'string' || text === '' || text.length > longestId || text.includes('\0')) return undefined;
  // the driver would store half a surrogate pair as U+FFFD: two ids would become one
  return surrogate.test(text) && Buffer.from(text).toString() !== text ? undefined : text;
}

function numberId(id: unknown): DocumentId | undefined {
  if (typeof id === 'string') return decimal.test(id) ? numberId(Number(id)) : undefined;
  if (typeof id === 'bigint' || isNumberClass(id)) return numberId(Number(id));
  if (typeof id !== 'number' || !Number.isFinite(id)) return undefined;
  if (Number.isInteger(id) && !Number.isSafeInteger(id)) return undefined; // its neighbours would be the same id
  return id + 0; // −0 becomes 0, which the server takes for the same
}

function integerWithin(id: unknown, least: number, most: number): DocumentId | undefined {
  const number = numberId(id);
  return typeof number === 'number' && Number.isInteger(number) && number >= least && number <= most ? number : undefined;
}

/** As the driver returns a 64-bit integer: a number where that is exact, else a Long. */
function bigintId(id: unknown): DocumentId | undefined {
  if (typeof id === 'bigint') return BigInt.asIntN(64, id) === id ? exact(id) : undefined;
  if (typeof id === 'number') return Number.isSafeInteger(id) ? id + 0 : undefined;
  if (typeof id === 'string') return integer.test(id) ? bigintId(BigInt(id)) : undefined;
  return tagOf(id) === 'Long' || tagOf(id) === 'Int32' ? bigintId(String(id)) : undefined;
}

function exact(id: bigint): DocumentId {
  const number = Number(id);
  return Number.isSafeInteger(number) ? number : Long.fromBigInt(id);
}

function decimalId(id: unknown): DocumentId | undefined {
  const text = typeof id === 'number' || typeof id === 'bigint' || tagOf(id) === 'Decimal128' ? String(id) : id;
  if (typeof text !== 'string' || !decimal.test(text)) return undefined; // NaN and Infinity are no decimal
  try {
    return Decimal128.fromString(text);
  } catch {
    return undefined; // more digits than it has, or an exponent out of range
  }
}

function isNumberClass(id: unknown): boolean {
  const tag = tagOf(id);
  return tag === 'Long' || tag === 'Int32' || tag === 'Double';
}

/** The BSON class of a value. A plain object has none, whatever it claims. */
function tagOf(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null || isPlainObject(value) || Object.hasOwn(value, '_bsontype')) return undefined;
  const tag = (value as { _bsontype?: unknown })._bsontype;
  return typeof tag === 'string' ? tag : undefined;
}

/** What was given, short enough for a message, and never the content of an object. */
function describe(id: unknown): string {
  if (typeof id === 'string') return id.length > 50 ? `a text of ${id.length} characters` : JSON.stringify(id);
  if (Array.isArray(id)) return 'an array';
  if (typeof id !== 'object' || id === null) return typeof id === 'symbol' || typeof id === 'function' ? `a ${typeof id}` : String(id);
  return isPlainObject(id) ? 'an object' : `a ${id.constructor.name}`;
}
