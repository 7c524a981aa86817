import { cloneValue, InvalidValueError, isPlainObject, sameValue } from './bson-values.js';
import type { DiffPaths, Image } from './diff.js';
import { arrayIndex, childOf, followPath, splitPath } from './diff-path.js';

/**
 * The diff as a JSON Merge Patch (RFC 7396) for `before`, the document to which the patch is to be applied: an unset field is `null`, an
 * array in which something changed is there as a whole, an object that was replaced names the keys that went away. Values stay BSON values
 * and are shared with `diff`.
 *
 * A merge patch cannot say that a field becomes `null`, so it is a view for clients and nothing is ever rebuilt from it.
 * @throws InvalidValueError (an `Error` of that `name`) when the diff sets a field to `null`, or to an object with a `null` in it (in arrays
 * it is fine), when a set path does not fit the document, and for a path that no diff contains
 */
export function toMergePatch({ set, unset }: DiffPaths, before: Image): Image {
  const patch: Image = {};
  for (const path of unset) {
    const segments = splitPath(path);
    if (followPath(before, segments).value !== undefined) changePatch(patch, before, segments, undefined);
  }
  for (const [path, value] of Object.entries(set)) changePatch(patch, before, splitPath(path), value);
  return patch;
}

/** `value` is `undefined` when the path goes away. */
function changePatch(patch: Image, before: Image, segments: readonly string[], value: unknown): void {
  const length = lengthToArray(before, segments);
  if (length === undefined) {
    const merged = value === undefined ? null : toMerged(value, followPath(before, segments).value, segments.join('.'));
    write(patch, segments, merged);
    return;
  }
  const toArray = segments.slice(0, length);
  if (followPath(patch, toArray).value === undefined) write(patch, toArray, cloneValue(followPath(before, toArray).value));
  write(patch, segments, value);
}

/** How many segments lead to the first array on the way. */
function lengthToArray(before: Image, segments: readonly string[]): number | undefined {
  for (let length = 1; length < segments.length; length++) {
    if (Array.isArray(followPath(before, segments.slice(0, length)).value)) return length;
  }
  return undefined;
}

/** `old`: what the value replaces. An object is not replaced but merged, so its missing keys have to be named. */
function toMerged(value: unknown, old: unknown, path: string): unknown {
  if (value === null) throw new InvalidValueError(path, 'becomes null, which a merge patch cannot express');
  if (!isPlainObject(value)) return value;
  const oldFields = isPlainObject(old) ? old : {};
  const removed = Object.keys(oldFields).filter((key) => childOf(value, key) === undefined);
  const changed = Object.keys(value).filter((key) => !sameValue(value[key], childOf(oldFields, key)));
  return Object.fromEntries([
    ...removed.map((key) => [key, null] as const),
    ...changed.map((key) => [key, toMerged(value[key], childOf(oldFields, key), `${path}.${key}`)] as const),
  ]);
}

/** Writes into the patch, which nobody else has seen yet. `splitPath` made sure that no segment reaches a prototype. */
function write(holder: Image | unknown[], [segment = '', ...rest]: readonly string[], value: unknown): void {
  if (rest.length === 0) {
    writeChild(holder, segment, value);
    return;
  }
  const child = childOf(holder, segment) ?? {};
  if (!isPlainObject(child) && !Array.isArray(child)) throw new InvalidValueError(segment, 'is on the way of a path but is neither an object nor an array');
  writeChild(holder, segment, child);
  write(child, rest, value);
}

function writeChild(holder: Image | unknown[], segment: string, value: unknown): void {
  if (!Array.isArray(holder)) {
    if (value === undefined) delete holder[segment];
    else holder[segment] = value;
    return;
  }
  const index = arrayIndex(segment);
  if (index === undefined || index >= holder.length) throw new InvalidValueError(segment, 'is no index of the array on the way');
  holder[index] = value ?? null;
}
