import mongoose from 'mongoose';
import { isPlainObject } from '../model/bson-values.js';

const { BSON } = mongoose.mongo;

/**
 * The value as the driver returns it after storing: Buffers become Binary, bigints and Longs numbers where these are exact, Maps objects,
 * Int32 and Double numbers, keys with `undefined` go away. A value that already has that shape is returned as it is, not copied.
 * @throws BSONError for what cannot be stored
 */
export function storedValue(value: unknown): unknown {
  if (value === undefined || isStoredShape(value)) return value;
  return BSON.deserialize(BSON.serialize({ value }, { ignoreUndefined: true }))['value'];
}

/**
 * Mongoose copies what it does not know as an object of its fields, an instance of another driver's BSON class too: it would be stored
 * as something else without a word.
 * @throws BSONError for what the driver refuses
 */
export function refuseUnstorable(values: readonly unknown[]): void {
  for (const value of values) storedValue(value);
}

/** Whether storing and reading would change nothing. Says no when in doubt. */
function isStoredShape(value: unknown): boolean {
  if (typeof value === 'object') return value === null || isStoredObject(value);
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
}

function isStoredObject(value: object): boolean {
  if (Array.isArray(value)) return value.every((item) => isStoredShape(item)) && Object.getPrototypeOf(value) === Array.prototype;
  if (isPlainObject(value)) return Object.keys(value).every((key) => key !== '$ref' && isStoredShape(value[key])); // with $ref the driver returns a DBRef
  return value instanceof mongoose.Types.ObjectId || value instanceof mongoose.Types.Decimal128 || isPlainDate(value);
}

/** Mongoose hands out Dates as they are; a subclass of the application would be read back as a Date. */
function isPlainDate(value: object): boolean {
  return value instanceof Date && Object.getPrototypeOf(value) === Date.prototype;
}
