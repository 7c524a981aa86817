/** Arbitrary documents of all BSON types and arbitrary edits of them, for property tests. */
import fc from './examples.js';
import mongoose from 'mongoose';
import { cloneValue, isPlainObject } from '../model/bson-values.js';
import type { DiffPaths, Image } from '../model/diff.js';
import { isFieldName, isPathSegment } from '../model/diff-path.js';

const { BSON, BSONRegExp, Binary, Code, Decimal128, Double, Int32, Long, MaxKey, MinKey, ObjectId, Timestamp, UUID } = mongoose.mongo;

/** A document before and after somebody changed it. */
export interface GeneratedEdit {
  readonly before: Image;
  readonly after: Image;
}

/** A scalar of any BSON type, with few different values of each so that equal ones meet. */
export function generatedScalar(): fc.Arbitrary<unknown> {
  return fc.oneof(generatedJsonScalar(), fc.constantFrom(Number.NaN, Infinity, -Infinity, -0), generatedBsonScalar());
}

function generatedJsonScalar(): fc.Arbitrary<unknown> {
  return fc.oneof(
    fc.constantFrom<unknown>(null, true, false, 0, 1, 2, 5, ''),
    fc.integer(),
    fc.maxSafeInteger(),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0), // no −0
    fc.string({ maxLength: 12 }),
    fc.string({ unit: 'grapheme', maxLength: 4 }),
  );
}

function generatedBsonScalar(): fc.Arbitrary<unknown> {
  const bytes = fc.uint8Array({ maxLength: 6 });
  return fc.oneof(
    fc.integer({ min: 1, max: 4 }).map((value) => new ObjectId(String(value).padStart(24, 'a'))),
    fc.integer({ min: 1, max: 4 }).map((value) => new Date(value)),
    fc.date({ noInvalidDate: true }),
    fc.constantFrom('0', '-0', '1', '1.0', '1.00', '5', 'NaN', 'Infinity', '1E+20', '-12.5').map((text) => Decimal128.fromString(text)),
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map((value) => Long.fromBigInt(value)),
    fc.integer({ min: 0, max: 5 }).map((value) => Long.fromNumber(value)),
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    fc.integer({ min: 0, max: 5 }).map((value) => new Int32(value)),
    fc.constantFrom(0, -0, 5, 0.5, Number.NaN).map((value) => new Double(value)),
    bytes.map((value) => Buffer.from(value)),
    fc.tuple(bytes, fc.constantFrom(0, 5, 128)).map(([value, subType]) => new Binary(value, subType)),
    fc.integer({ min: 0, max: 3 }).map((value) => new UUID(Buffer.alloc(16, value))),
    fc.integer({ min: 1, max: 3 }).map((value) => new Timestamp({ t: value, i: value })), // the server fills in a Timestamp of zero
    fc.constantFrom<unknown>(new MinKey(), new MaxKey(), /a/, /a/i, new BSONRegExp('b', 'i'), new Code('x')),
  );
}

/** Names that occur often enough to meet, and names that are special to JavaScript, to paths, or to the server. */
export function generatedKey(): fc.Arbitrary<string> {
  return fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom('a', 'b', 'c', 'd', 'name', 'items') },
    { weight: 2, arbitrary: fc.constantFrom('0', '1', '2', '10', '99999999999', '100000000000', 'length', 'toString', 'hasOwnProperty') },
    { weight: 1, arbitrary: fc.constantFrom('é', '😀', '～', 'a b', 'a-b', 'a/b', 'a~b', '-1', '1a', '10a', '2b', '_id', '__v') },
    { weight: 1, arbitrary: fc.constantFrom('', '.', 'a.b', 'x.', '$x', '$', '$set', '01', '00', '010') },
  );
}

interface Nested {
  readonly value: unknown;
  readonly array: unknown[];
  readonly object: Record<string, unknown>;
}

/** Any value: a scalar, or arrays and objects of them some levels deep. */
export function generatedValue(scalar: fc.Arbitrary<unknown> = generatedScalar()): fc.Arbitrary<unknown> {
  return fc.letrec<Nested>((tie) => ({
    value: fc.oneof({ depthSize: 'small', withCrossShrink: true }, scalar, tie('object'), tie('array')),
    array: fc.array(tie('value'), { maxLength: 4 }),
    object: fc.dictionary(generatedKey(), tie('value'), { maxKeys: 5, noNullPrototype: true }),
  })).value;
}

/** A document with `_id`, `version` and fields of every kind. */
export function generatedImage(scalar?: fc.Arbitrary<unknown>): fc.Arbitrary<Image> {
  return fc
    .dictionary(generatedKey().filter(isOwnFieldName), generatedValue(scalar), { maxKeys: 6, noNullPrototype: true })
    .map((fields) => readable({ _id: 1, version: 1, ...fields }));
}

/** Without arrays under names such as `toString`: the driver cannot read them back, and `normalizeImage` refuses them. */
function readable(image: Image): Image {
  return Object.fromEntries(Object.entries(image).map(([key, value]) => [key, key in Object.prototype && Array.isArray(value) ? value.length : readableValue(value)]));
}

function readableValue(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(readableValue);
  return isPlainObject(value) ? readable(value) : value;
}

function isOwnFieldName(key: string): boolean {
  return isFieldName(key) && key !== '_id' && key !== 'version';
}

/** One small change somewhere in a document. */
interface Step {
  readonly kind: 'set' | 'remove' | 'append' | 'insert' | 'drop' | 'swap';
  /** Which of the document's objects and arrays. */
  readonly container: number;
  /** Which of its keys or elements. */
  readonly position: number;
  readonly key: string;
  readonly value: unknown;
}

/** A document, and what a few small changes, or another document altogether, made of it. */
export function generatedEdit(scalar?: fc.Arbitrary<unknown>): fc.Arbitrary<GeneratedEdit> {
  const step: fc.Arbitrary<Step> = fc.record({
    kind: fc.constantFrom('set', 'set', 'remove', 'append', 'insert', 'drop', 'swap'),
    container: fc.nat(),
    position: fc.nat(),
    key: generatedKey(),
    value: generatedValue(scalar),
  });
  const changed = fc
    .tuple(generatedImage(scalar), fc.array(step, { maxLength: 4 }))
    .map(([before, steps]) => ({ before, after: readable({ ...steps.reduce(takeStep, cloneValue(before)), version: 2 }) }));
  const replaced = fc.tuple(generatedImage(scalar), generatedImage(scalar)).map(([before, after]) => ({ before, after: { ...after, version: 2 } }));
  return fc.oneof({ weight: 4, arbitrary: changed }, { weight: 1, arbitrary: replaced });
}

function takeStep(image: Image, step: Step): Image {
  const containers = containersIn(image);
  const container = containers[step.container % containers.length] ?? image;
  if (Array.isArray(container)) changeArray(container, step);
  else changeObject(container, step, container === image);
  return image;
}

function containersIn(value: unknown): (Image | unknown[])[] {
  if (Array.isArray(value)) return [value, ...value.flatMap(containersIn)];
  return isPlainObject(value) ? [value, ...Object.values(value).flatMap(containersIn)] : [];
}

function changeArray(array: unknown[], { kind, position, value }: Step): void {
  const index = position % Math.max(array.length, 1);
  if (kind === 'append') array.push(value);
  else if (kind === 'insert') array.splice(index, 0, value);
  else if (kind === 'drop' || kind === 'remove') array.splice(index, 1);
  else if (kind === 'swap') array.reverse();
  else if (array.length > 0) array[index] = value;
}

function changeObject(object: Image, { kind, position, key, value }: Step, isRoot: boolean): void {
  const keys = Object.keys(object).filter((name) => !isRoot || isOwnFieldName(name));
  const present = keys[position % Math.max(keys.length, 1)];
  if (kind === 'remove' || kind === 'drop') {
    if (present !== undefined) delete object[present];
  } else if (kind === 'set' && present !== undefined) object[present] = value;
  else if (!isRoot || isOwnFieldName(key)) object[key] = value;
}

/**
 * Any paths, set or unset, whether they fit a document or not, some of them in conflict: more than `computeDiff` ever makes. None that
 * `splitPath` refuses: some of those would end the server.
 */
export function generatedPaths(): fc.Arbitrary<DiffPaths> {
  const segment = generatedKey().filter(isPathSegment);
  const path = fc.array(segment, { minLength: 1, maxLength: 4 }).map((segments) => segments.join('.')).filter((text) => text !== '_id' && !text.startsWith('_id.'));
  return fc.record({
    set: fc.dictionary(path, generatedValue().filter((value) => !Array.isArray(value)).map(readableValue), { maxKeys: 4, noNullPrototype: true }),
    unset: fc.uniqueArray(path, { maxLength: 2 }),
  });
}

/** A document of JSON values only, and what somebody made of it. */
export function generatedJsonEdit(): fc.Arbitrary<GeneratedEdit> {
  return generatedEdit(generatedJsonScalar());
}

/**
 * A text that is equal for equal values, made by the driver and not by the code under test: canonical extended JSON of what comes back
 * from BSON. `keys: 'sorted'` leaves the order of keys out of account. −0 counts as 0.
 */
export function bsonText(value: unknown, keys: 'sorted' | 'as they are'): string {
  const { value: stored } = BSON.deserialize(BSON.serialize({ value }));
  return BSON.EJSON.stringify(arrange(stored, keys), { relaxed: false });
}

function arrange(value: unknown, keys: 'sorted' | 'as they are'): unknown {
  if (value === 0) return 0;
  if (Array.isArray(value)) return value.map((item) => arrange(item, keys));
  if (!isPlainObject(value)) return value;
  const names = keys === 'sorted' ? Object.keys(value).toSorted() : Object.keys(value);
  return { fields: names.map((name) => [name, arrange(value[name], keys)]) }; // a list keeps an order that integer keys of objects lose
}
