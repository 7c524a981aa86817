/** The dotted paths of a diff: which keys can be part of one, and how one is followed through a document. */
import { InvalidValueError, isForbiddenKey, isPlainObject } from './bson-values.js';
import type { Image } from './diff.js';

/**
 * Whether an update can name a top-level field of this name. It cannot when the name is empty, contains `.` or NUL, starts with `$`
 * (an operator of the server), or could reach a prototype.
 */
export function isFieldName(key: string): boolean {
  return key !== '' && key.charCodeAt(0) !== 36 && !key.includes('.') && !key.includes('\0') && !isForbiddenKey(key);
}

/**
 * Whether a key or index can follow a `.` in a path. Digits with a leading zero cannot: in an array the server reads `01` as index 1,
 * and an update with both `a.1` and `a.01` ends the server process (6.0.5: "Invariant failure", document_diff_serialization.h).
 */
export function isPathSegment(key: string): boolean {
  return isFieldName(key) && !(key.charCodeAt(0) === 48 && /^0\d+$/.test(key));
}

/**
 * Refuses a document with a top-level field that no update, and no upsert with `$setOnInsert`, can name: the server would read `a.b` as
 * a path.
 * @throws InvalidValueError
 */
export function refuseUnnameableFields(image: Image): void {
  for (const key of Object.keys(image)) {
    if (!isFieldName(key)) throw new InvalidValueError(key, 'has a name that an update cannot contain: empty, with a "." or NUL, or with a "$" at its start');
  }
}

/**
 * The keys and indexes of a dotted path.
 * @throws InvalidValueError for a path that no diff contains: see {@link isFieldName} and {@link isPathSegment}
 */
export function splitPath(path: string): readonly string[] {
  const segments = path.split('.');
  if (!segments.every((segment, position) => (position === 0 ? isFieldName(segment) : isPathSegment(segment)))) {
    throw new InvalidValueError(path, 'has a path that is refused');
  }
  return segments;
}

/** The index that a path segment means in an array; `undefined` when it means none. */
export function arrayIndex(segment: string): number | undefined {
  return /^(?:0|[1-9]\d{0,9})$/.test(segment) ? Number(segment) : undefined;
}

/** What stands under a key or index; `undefined` when nothing does, or when the container is neither an object nor an array. */
export function childOf(container: unknown, segment: string): unknown {
  if (isPlainObject(container)) return Object.hasOwn(container, segment) ? container[segment] : undefined;
  if (!Array.isArray(container)) return undefined;
  const items: readonly unknown[] = container;
  return items[arrayIndex(segment) ?? -1];
}

/** How far a path can be followed. */
export interface Reached {
  /** The position of the segment that was looked up last: that of the first missing one, or of the last. */
  readonly depth: number;
  /** In what it was looked up. */
  readonly holder: unknown;
  /** What the whole path leads to; `undefined` when it leads to nothing. */
  readonly value: unknown;
}

export function followPath(image: unknown, segments: readonly string[]): Reached {
  let holder = image;
  let depth = 0;
  let value = childOf(holder, segments[0] ?? '');
  while (value !== undefined && depth < segments.length - 1) {
    holder = value;
    depth++;
    value = childOf(holder, segments[depth] ?? '');
  }
  return { depth, holder, value };
}
