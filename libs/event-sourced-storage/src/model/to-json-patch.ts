import { InvalidValueError, isPlainObject } from './bson-values.js';
import type { DiffPaths, Image } from './diff.js';
import { arrayIndex, followPath, splitPath } from './diff-path.js';

/** One operation of RFC 6902, of the three that a diff needs. `path` is a JSON Pointer (RFC 6901). */
export type JsonPatchOperation =
  | { readonly op: 'add' | 'replace'; readonly path: string; readonly value: unknown }
  | { readonly op: 'remove'; readonly path: string };

/**
 * The diff as a JSON Patch (RFC 6902). Values stay BSON values; `JSON.stringify` turns them into their JSON form.
 *
 * With `before`, the document to which the patch is to be applied, it is exact. Without, two things are taken for granted: that every
 * parent exists, which holds for what `computeDiff` made; and that a path which ends in a number means an element of an array, to be
 * replaced, where `add` would insert one (RFC 6902 §4.1). A *new* field whose name is a number (`scores.17`) therefore needs `before`.
 * @throws InvalidValueError (an `Error` of that `name`) for a path that no diff contains, and with `before` for a set path that does not fit the document
 */
export function toJsonPatch(diff: DiffPaths, before?: Image): readonly JsonPatchOperation[] {
  return before === undefined ? convert(diff) : convertFor(before, diff);
}

function convert({ set, unset }: DiffPaths): JsonPatchOperation[] {
  const operations = unset.map((path) => remove(splitPath(path)));
  for (const [path, value] of Object.entries(set)) {
    const segments = splitPath(path);
    operations.push(mayBeElement(segments) ? replace(segments, value) : add(segments, value));
  }
  return operations;
}

function mayBeElement(segments: readonly string[]): boolean {
  return segments.length > 1 && arrayIndex(segments.at(-1) ?? '') !== undefined;
}

function convertFor(before: Image, { set, unset }: DiffPaths): JsonPatchOperation[] {
  const operations: JsonPatchOperation[] = [];
  for (const path of unset) {
    const segments = splitPath(path);
    const { holder, value } = followPath(before, segments);
    if (value !== undefined) operations.push(Array.isArray(holder) ? replace(segments, null) : remove(segments));
  }
  const created = new Set<string>();
  for (const [path, value] of Object.entries(set)) {
    const segments = splitPath(path);
    const { depth, holder, value: old } = followPath(before, segments);
    if (old !== undefined) operations.push(replace(segments, value));
    else if (isPlainObject(holder)) operations.push(...addParents(segments, depth, created), add(segments, value));
    else throw new InvalidValueError(path, 'cannot be set: something on the way is neither an object nor an array with such an index');
  }
  return operations;
}

/** `created`: the parents that an operation added already. */
function addParents(segments: readonly string[], firstMissing: number, created: Set<string>): JsonPatchOperation[] {
  const operations: JsonPatchOperation[] = [];
  for (let depth = firstMissing + 1; depth < segments.length; depth++) {
    const operation = add(segments.slice(0, depth), {});
    if (!created.has(operation.path)) operations.push(operation);
    created.add(operation.path);
  }
  return operations;
}

function add(segments: readonly string[], value: unknown): JsonPatchOperation {
  return { op: 'add', path: toPointer(segments), value };
}

function replace(segments: readonly string[], value: unknown): JsonPatchOperation {
  return { op: 'replace', path: toPointer(segments), value };
}

function remove(segments: readonly string[]): JsonPatchOperation {
  return { op: 'remove', path: toPointer(segments) };
}

/** RFC 6901 §3: `~` before `/`, or a `/` would become `~01`. */
function toPointer(segments: readonly string[]): string {
  return segments.map((segment) => `/${segment.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}
