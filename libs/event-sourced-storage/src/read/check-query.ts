import { InvalidArgumentError } from '../errors/invalid-argument.error.js';
import { isPlainObject } from '../model/bson-values.js';
import type { DocumentQuery } from './document-reader.js';
import type { FindManyOptions } from './find-options.js';

const operators = new Set(['$eq', '$ne', '$gt', '$gte', '$lt', '$lte', '$in', '$nin', '$exists']);
const combinators = new Set(['$and', '$or']);
const mostDocuments = 1_000;
const mostAlternatives = 1_000;
const deepest = 8;
const forbiddenSegments = new Set(['__proto__', 'constructor', 'prototype']);

/**
 * Turns a caller's filter and options into a query. Only what is listed here reaches the server: no `$where`, no expressions, no regular
 * expressions; every bare value is compared with `$eq`, so that an object from outside can never become an operator.
 * @throws InvalidArgumentError
 */
export function checkQuery(filter: unknown, options: FindManyOptions): DocumentQuery {
  return {
    filter: checkFilter(filter, 0),
    ...(options.sort === undefined ? {} : { sort: checkFields(options.sort, 'sort', [1, -1]) as Record<string, 1 | -1> }),
    ...(options.skip === undefined ? {} : { skip: checkCount(options.skip, 'skip', 0, Number.MAX_SAFE_INTEGER) }),
    limit: options.limit === undefined ? mostDocuments : checkCount(options.limit, 'limit', 1, mostDocuments),
    ...(options.projection === undefined ? {} : { projection: checkProjection(options.projection) }),
  };
}

function checkFilter(filter: unknown, depth: number): Record<string, unknown> {
  if (!isPlainObject(filter)) throw new InvalidArgumentError('filter', 'a plain object is needed');
  if (depth > deepest) throw new InvalidArgumentError('filter', `it is nested deeper than ${deepest}`);
  return Object.fromEntries(
    Object.entries(filter).map(([key, value]): [string, unknown] => {
      if (combinators.has(key)) return [key, checkAlternatives(key, value, depth)];
      checkPath(key, 'filter');
      return [key, checkCondition(key, value)];
    }),
  );
}

function checkAlternatives(key: string, value: unknown, depth: number): Record<string, unknown>[] {
  if (!Array.isArray(value) || value.length === 0 || value.length > mostAlternatives) {
    throw new InvalidArgumentError('filter', `${key} takes an array of 1 to ${mostAlternatives} filters`);
  }
  return value.map((part) => checkFilter(part, depth + 1));
}

function checkCondition(path: string, value: unknown): Record<string, unknown> {
  if (value === undefined) throw new InvalidArgumentError('filter', `${path} is undefined; leave it out, or compare with null`);
  if (!isPlainObject(value) || !Object.keys(value).some((key) => key.startsWith('$'))) return { $eq: checkValue(path, value) };
  for (const [operator, operand] of Object.entries(value)) {
    if (!operators.has(operator)) throw new InvalidArgumentError('filter', `${path}: ${operator} is not allowed; these are: ${[...operators].join(' ')}`);
    const needsList = operator === '$in' || operator === '$nin';
    if (needsList && (!Array.isArray(operand) || operand.length > mostAlternatives)) {
      throw new InvalidArgumentError('filter', `${path}: ${operator} takes an array of at most ${mostAlternatives} values`);
    }
    if (operator === '$exists' && typeof operand !== 'boolean') throw new InvalidArgumentError('filter', `${path}: $exists takes true or false`);
    if (needsList) for (const item of operand as unknown[]) checkValue(path, item);
    else checkValue(path, operand);
  }
  return value;
}

function checkValue(path: string, value: unknown): unknown {
  const kind = Object.prototype.toString.call(value);
  if (value === undefined || typeof value === 'function' || typeof value === 'symbol' || kind === '[object RegExp]') {
    throw new InvalidArgumentError('filter', `${path}: ${value === undefined ? 'undefined' : kind === '[object RegExp]' ? 'a regular expression' : `a ${typeof value}`} cannot be compared with`);
  }
  if (typeof value === 'object' && value !== null && '_bsontype' in value && ['Code', 'DBRef', 'BSONSymbol'].includes(String(value._bsontype))) {
    throw new InvalidArgumentError('filter', `${path}: a ${String(value._bsontype)} cannot be compared with`);
  }
  return value;
}

function checkPath(path: string, argument: string): void {
  const segments = path.split('.');
  const odd = segments.some((segment) => segment === '' || segment.startsWith('$') || segment.includes('\0') || forbiddenSegments.has(segment));
  if (odd) throw new InvalidArgumentError(argument, `"${path}" is not a field`);
}

function checkFields(given: unknown, argument: string, allowed: readonly number[]): Record<string, number> {
  if (!isPlainObject(given)) throw new InvalidArgumentError(argument, 'a plain object is needed');
  for (const [path, value] of Object.entries(given)) {
    checkPath(path, argument);
    if (!allowed.includes(value as number)) throw new InvalidArgumentError(argument, `${path} must be ${allowed.join(' or ')}`);
  }
  return given as Record<string, number>;
}

function checkProjection(given: unknown): Record<string, 0 | 1> {
  const projection = checkFields(given, 'projection', [0, 1]) as Record<string, 0 | 1>;
  const kinds = new Set(Object.entries(projection).flatMap(([path, value]) => (path === '_id' ? [] : [value])));
  if (kinds.size > 1) throw new InvalidArgumentError('projection', 'fields are either shown (1) or left out (0), not both');
  return projection;
}

function checkCount(value: unknown, argument: string, least: number, most: number): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= least && value <= most) return value;
  throw new InvalidArgumentError(argument, `an integer from ${least} to ${most} is needed`);
}
