import { InvalidArgumentError } from '../errors/invalid-argument.error.js';
import { isPlainObject, sameValue } from '../model/bson-values.js';
import type { Image } from '../model/diff.js';
import type { BsonTyped } from '../model/document-id.js';
import { childOf } from '../model/diff-path.js';
import type { DocumentQuery } from '../read/document-reader.js';

type Test = (found: unknown, wanted: unknown) => boolean;

const tests: Readonly<Record<string, Test>> = {
  $eq: equals,
  $ne: (found, wanted) => !equals(found, wanted),
  $gt: (found, wanted) => compare(found, wanted) > 0,
  $gte: (found, wanted) => compare(found, wanted) >= 0,
  $lt: (found, wanted) => compare(found, wanted) < 0,
  $lte: (found, wanted) => compare(found, wanted) <= 0,
  $in: (found, wanted) => Array.isArray(wanted) && wanted.some((one) => equals(found, one)),
  $nin: (found, wanted) => Array.isArray(wanted) && !wanted.some((one) => equals(found, one)),
  $exists: (found, wanted) => (found !== undefined) === Boolean(wanted),
};

/**
 * The part of the query language that tests need: equality and `$eq $ne $gt $gte $lt $lte $in $nin $exists` on dotted paths, `$and`,
 * `$or`; sorting and comparing within one type; projections of top-level fields.
 * @throws InvalidArgumentError for any other operator
 */
export function runQuery(documents: readonly Image[], { filter, sort = {}, skip = 0, limit, projection }: DocumentQuery): Image[] {
  const found = documents.filter((document) => matches(document, filter)).toSorted((a, b) => order(a, b, sort));
  const page = found.slice(skip, limit === undefined ? undefined : skip + limit);
  return projection === undefined ? page : page.map((document) => project(document, projection));
}

function matches(document: Image, filter: Image): boolean {
  return Object.entries(filter).every(([key, wanted]) => {
    if (key === '$and') return (wanted as Image[]).every((one) => matches(document, one));
    if (key === '$or') return (wanted as Image[]).some((one) => matches(document, one));
    if (key.startsWith('$')) return refuse(key);
    return isOperators(wanted) ? Object.entries(wanted).every(([name, operand]) => test(name, valueAt(document, key), operand)) : equals(valueAt(document, key), wanted);
  });
}

function isOperators(wanted: unknown): wanted is Image {
  return isPlainObject(wanted) && Object.keys(wanted).some((key) => key.startsWith('$'));
}

function test(name: string, found: unknown, operand: unknown): boolean {
  return (tests[name] ?? refuse(name))(found, operand);
}

function refuse(operator: string): never {
  throw new InvalidArgumentError('filter', `the memory adapter does not know ${operator}`);
}

function valueAt(document: Image, path: string): unknown {
  return path.split('.').reduce(childOf, document as unknown);
}

/** `null` also finds what is absent; a value also finds an array that contains it. */
function equals(found: unknown, wanted: unknown): boolean {
  return sameValue(found ?? null, wanted ?? null) || (Array.isArray(found) && found.some((item) => sameValue(item, wanted)));
}

/** `NaN`, for which every comparison is false, when the two have no order. */
function compare(a: unknown, b: unknown): number {
  const [one, other] = [comparable(a), comparable(b)];
  if (typeof one !== typeof other || one === undefined || other === undefined) return Number.NaN;
  return one < other ? -1 : Number(one > other);
}

function comparable(value: unknown): number | string | undefined {
  if (typeof value === 'number' || typeof value === 'string') return value;
  if (typeof value === 'bigint' || value instanceof Date) return Number(value);
  return isBsonTyped(value) ? value.toString() : undefined;
}

function isBsonTyped(value: unknown): value is BsonTyped {
  return typeof value === 'object' && value !== null && '_bsontype' in value && !isPlainObject(value);
}

function order(a: Image, b: Image, sort: Readonly<Record<string, 1 | -1>>): number {
  for (const [path, direction] of Object.entries(sort)) {
    const [one, other] = [valueAt(a, path), valueAt(b, path)];
    const result = one === undefined || other === undefined ? Number(other === undefined) - Number(one === undefined) : compare(one, other);
    if (result) return result * direction;
  }
  return 0;
}

function project(document: Image, projection: Readonly<Record<string, 0 | 1>>): Image {
  if (Object.keys(projection).some((key) => key.includes('.'))) throw new InvalidArgumentError('projection', 'the memory adapter knows top-level fields only');
  const { _id: withId = 1, ...fields } = projection;
  const isInclusive = Object.values(projection).includes(1);
  const isKept = (key: string): boolean => (isInclusive ? fields[key] === 1 : fields[key] !== 0);
  return Object.fromEntries(Object.entries(document).filter(([key]) => (key === '_id' ? withId === 1 : isKept(key))));
}
