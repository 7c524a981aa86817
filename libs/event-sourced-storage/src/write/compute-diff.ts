import { fieldSize, InvalidValueError, isForbiddenKey, isLargerThan, isPlainObject, maxDocumentDepth, sameValue } from '../model/bson-values.js';
import type { DiffPaths, Image } from '../model/diff.js';
import { isFieldName, isPathSegment } from '../model/diff-path.js';

export interface ComputeDiffOptions {
  /** The field with the document's version; never part of a diff. */
  readonly versionField: string;
  /**
   * How many paths a diff may have; with more the changed top-level fields are replaced instead.
   * @default 1_000
   */
  readonly maxPaths?: number;
  /**
   * How many keys and indexes a path may have; with more the changed top-level fields are replaced instead.
   * @default 32
   */
  readonly maxDepth?: number;
}

/** What was found so far. Lists and not maps: an object that turns out to need replacement takes back the paths found inside it. */
interface Found {
  readonly versionField: string;
  readonly maxPaths: number;
  readonly maxDepth: number;
  readonly setPaths: string[];
  readonly setValues: unknown[];
  readonly unset: string[];
  /** More or deeper paths than allowed: whatever was found will be thrown away. */
  exceeded: boolean;
}

/**
 * How `after` differs from `before`: the `$set` and `$unset` with absolute values that lead there, `_id` and the version field left out.
 * Arrays of equal length by element, others as a whole; an object as a whole when a key changed in it that no path can name (with `.`,
 * with `$` at its start, empty). A diff that would be larger than the document, or beyond the limits, replaces the changed top-level
 * fields. The order of keys is no difference. A branch that both images share (`===`) costs nothing.
 *
 * Both images are plain and BSON-shaped (`normalizeImage`) and are never changed afterwards: the diff shares its values with `after`.
 * @throws InvalidValueError when a top-level field changed whose name no path can have, or a key that could reach a prototype
 */
export function computeDiff(before: Image, after: Image, options: ComputeDiffOptions): DiffPaths {
  const { versionField, maxPaths = 1_000, maxDepth = maxDocumentDepth } = options;
  const found: Found = { versionField, maxPaths, maxDepth, setPaths: [], setValues: [], unset: [], exceeded: false };
  diffFields(before, after, '', 0, found);
  return found.exceeded || isLargerThanDocument(found, after) ? replaceChangedFields(before, after, versionField) : toDiff(found);
}

/** `false`: a key changed that no path can name, so the object itself has to be replaced. `depth`: how many keys and indexes `path` has. */
function diffFields(before: Image, after: Image, path: string, depth: number, found: Found): boolean {
  let kept = 0;
  for (const key of Object.keys(after)) {
    const value = after[key];
    if (value === undefined) continue;
    const old = ownValue(before, key);
    if (old !== undefined) kept++;
    if (old !== value && !diffField(old, value, path, key, depth, found)) return false;
    if (found.exceeded) return true;
  }
  return kept === Object.keys(before).length || unsetMissing(before, after, path, found);
}

function diffField(old: unknown, value: unknown, path: string, key: string, depth: number, found: Found): boolean {
  const descend = canDescend(old, value);
  if (!descend && sameValue(old, value)) return true;
  if (isOwnedByStorage(path, key, found.versionField)) return true;
  if (!isNameable(path, key)) {
    if (descend && sameValue(old, value)) return true;
    if (isForbiddenKey(key)) throw new InvalidValueError(join(path, key), 'has a key that is refused');
    return askForReplacement(path, key);
  }
  if (descend) diffInside(old, value, join(path, key), depth + 1, found);
  else addSet(join(path, key), value, found);
  return true;
}

function unsetMissing(before: Image, after: Image, path: string, found: Found): boolean {
  for (const key of Object.keys(before)) {
    if (before[key] === undefined || ownValue(after, key) !== undefined || isOwnedByStorage(path, key, found.versionField)) continue;
    if (!isNameable(path, key)) return askForReplacement(path, key);
    found.unset.push(join(path, key));
    checkCount(found);
  }
  return true;
}

function diffElements(before: readonly unknown[], after: readonly unknown[], path: string, depth: number, found: Found): void {
  for (let index = 0; index < after.length && !found.exceeded; index++) {
    const old = before[index];
    const value = after[index];
    if (old === value) continue;
    if (canDescend(old, value)) diffInside(old, value, `${path}.${index}`, depth + 1, found);
    else if (!sameValue(old, value)) addSet(`${path}.${index}`, value, found);
  }
}

/** Whether the difference can be told by paths below: two objects, or two arrays of the same length. */
function canDescend(old: unknown, value: unknown): boolean {
  if (Array.isArray(value)) return Array.isArray(old) && old.length === value.length;
  return isPlainObject(value) && isPlainObject(old);
}

function diffInside(old: unknown, value: unknown, path: string, depth: number, found: Found): void {
  if (depth >= found.maxDepth) found.exceeded ||= !sameValue(old, value);
  else if (Array.isArray(old) && Array.isArray(value)) diffElements(old, value, path, depth, found);
  else if (isPlainObject(old) && isPlainObject(value)) diffOrReplace(old, value, path, depth, found);
}

function diffOrReplace(before: Image, after: Image, path: string, depth: number, found: Found): void {
  const sets = found.setPaths.length;
  const unsets = found.unset.length;
  if (diffFields(before, after, path, depth, found)) return;
  found.setPaths.length = sets;
  found.setValues.length = sets;
  found.unset.length = unsets;
  addSet(path, after, found);
}

function addSet(path: string, value: unknown, found: Found): void {
  found.setPaths.push(path);
  found.setValues.push(value);
  checkCount(found);
}

function checkCount(found: Found): void {
  if (found.setPaths.length + found.unset.length > found.maxPaths) found.exceeded = true;
}

/** A nested object is replaced through its parent; the fields of the document have none. */
function askForReplacement(path: string, key: string): false {
  if (path === '') throw new InvalidValueError(key, 'was changed, but an update cannot name a field that is called so');
  return false;
}

function replaceChangedFields(before: Image, after: Image, versionField: string): DiffPaths {
  const set: Record<string, unknown> = {};
  const unset: string[] = [];
  for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
    const value = ownValue(after, key);
    if (isOwnedByStorage('', key, versionField) || sameValue(ownValue(before, key), value)) continue;
    if (!isFieldName(key)) askForReplacement('', key);
    if (value === undefined) unset.push(key);
    else set[key] = value;
  }
  return { set, unset };
}

function toDiff({ setPaths, setValues, unset }: Found): DiffPaths {
  const set: Record<string, unknown> = {};
  for (const [index, path] of setPaths.entries()) set[path] = setValues[index];
  return { set, unset };
}

/** Counts the paths and values alone: the envelope of an event exists in either form. */
function isLargerThanDocument({ setPaths, setValues, unset }: Found, document: Image): boolean {
  let bytes = 0;
  for (const [index, path] of setPaths.entries()) bytes += fieldSize(path, setValues[index]);
  for (const [index, path] of unset.entries()) bytes += fieldSize(String(index), path);
  return !isLargerThan(document, bytes - 1); // measures no more of the document than the diff has
}

function isNameable(path: string, key: string): boolean {
  return path === '' ? isFieldName(key) : isPathSegment(key);
}

function isOwnedByStorage(path: string, key: string, versionField: string): boolean {
  return path === '' && (key === '_id' || key === versionField);
}

function join(path: string, key: string): string {
  return path === '' ? key : `${path}.${key}`;
}

/** Own keys only: a document may well have a key `toString`, and one without it must not appear to have it. */
function ownValue(image: Image, key: string): unknown {
  return Object.hasOwn(image, key) ? image[key] : undefined;
}
