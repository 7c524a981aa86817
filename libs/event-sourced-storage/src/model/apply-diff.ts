import { InvalidValueError, isPlainObject } from './bson-values.js';
import type { DiffPaths, Image } from './diff.js';
import { arrayIndex, isFieldName, splitPath } from './diff-path.js';

/** What happens at one path: without `set` it goes away. */
interface Change {
  readonly path: string;
  readonly set?: { readonly value: unknown };
}

/** The changes by key and index, as the server arranges them too. */
type ChangeTree = Map<string, ChangeTree | Change>;

/**
 * The document after a diff, as a server makes it with the same `$set` and `$unset`: missing parents of a set path appear as objects,
 * an index beyond the end of an array fills it up with `null`, an unset index leaves `null`, an unset path that is not there changes
 * nothing, and new fields come last, in the order in which the server creates them.
 *
 * `before` is not changed. What no path touches is shared with it, values with the diff.
 * @throws InvalidValueError where the server refuses: a set path through a value that is neither object nor array, a path together with
 * one below it, more than 1,500,000 missing elements; and for a path that no diff contains, such as one through `__proto__`
 */
export function applyDiff(before: Image, { set, unset }: DiffPaths): Image {
  return unset.length === 0 && replacesFields(before, set) ? replaceFields(before, set) : applyPaths(before, { set, unset });
}

/** Whether it only puts other values into fields of the document that are there already: the usual case, which needs no tree. */
function replacesFields(before: Image, set: DiffPaths['set']): boolean {
  for (const path in set) if (!isFieldName(path) || !Object.hasOwn(before, path)) return false;
  return true;
}

function replaceFields(before: Image, set: DiffPaths['set']): Image {
  let copy: Image | undefined;
  for (const path in set) {
    copy ??= { ...before };
    copy[path] = set[path];
  }
  return copy ?? before;
}

function applyPaths(before: Image, { set, unset }: DiffPaths): Image {
  const tree: ChangeTree = new Map();
  for (const path of Object.keys(set)) plant(tree, { path, set: { value: set[path] } });
  for (const path of unset) plant(tree, { path });
  return tree.size === 0 ? before : changeFields(before, tree);
}

function plant(tree: ChangeTree, change: Change): void {
  const segments = splitPath(change.path);
  const last = segments.length - 1;
  let branch = tree;
  for (let depth = 0; depth < last; depth++) branch = branchAt(branch, segments[depth] ?? '', change);
  const name = segments[last] ?? '';
  if (branch.has(name)) refuseTogether(change);
  branch.set(name, change);
}

function branchAt(tree: ChangeTree, segment: string, change: Change): ChangeTree {
  const node = tree.get(segment) ?? new Map<string, ChangeTree | Change>();
  if (!(node instanceof Map)) return refuseTogether(change);
  tree.set(segment, node);
  return node;
}

function refuseTogether({ path }: Change): never {
  throw new InvalidValueError(path, 'is changed together with a path above, below or equal to it');
}

function changeFields(fields: Image, tree: ChangeTree): Image {
  const copy = { ...fields }; // from here on every key is an own property, so that assigning cannot reach a prototype
  const removed = new Set<string>();
  for (const [key, node] of inServerOrder(tree)) {
    if (node instanceof Map) {
      const old = Object.hasOwn(copy, key) ? copy[key] : undefined;
      const value = changeBelow(old, node);
      if (value !== old) copy[key] = value;
    } else if (node.set === undefined) removed.add(key);
    else copy[key] = node.set.value;
  }
  return removed.size === 0 ? copy : omit(copy, removed);
}

function changeBelow(value: unknown, tree: ChangeTree): unknown {
  if (Array.isArray(value)) return changeElements(value, tree);
  if (isPlainObject(value)) return changeFields(value, tree);
  const set = firstSet(tree);
  if (set === undefined) return value;
  return value === undefined ? changeFields({}, tree) : refuseToCreate(set);
}

function changeElements(elements: readonly unknown[], tree: ChangeTree): unknown[] {
  const copy = elements.slice();
  for (const [segment, node] of inServerOrder(tree)) {
    const index = arrayIndex(segment);
    const set = firstSet(node);
    if (set === undefined) {
      if (index !== undefined && index < copy.length) copy[index] = node instanceof Map ? changeBelow(copy[index], node) : null;
    } else {
      if (index === undefined || index - elements.length > maxBackfill) return refuseToCreate(set);
      while (copy.length < index) copy.push(null);
      copy[index] = node instanceof Map ? changeBelow(copy[index], node) : set.set?.value;
    }
  }
  return copy;
}

/** The server's own limit. */
const maxBackfill = 1_500_000;

/** Any change below that sets something: only these create what is missing, and only these can fail. */
function firstSet(node: ChangeTree | Change): Change | undefined {
  if (!(node instanceof Map)) return node.set === undefined ? undefined : node;
  for (const child of node.values()) {
    const found = firstSet(child);
    if (found !== undefined) return found;
  }
  return undefined;
}

function refuseToCreate({ path }: Change): never {
  throw new InvalidValueError(path, 'cannot be set: something on the way is neither an object nor an array with such an index');
}

function inServerOrder(tree: ChangeTree): Iterable<readonly [string, ChangeTree | Change]> {
  return tree.size === 1 ? tree : Array.from(tree).toSorted(([a], [b]) => compareNames(a, b));
}

/** The server's order, found by trying (6.0.5): by UTF-8 bytes, but what starts with 1 to 9 by length first, so that numbers stand by value. */
function compareNames(a: string, b: string): number {
  const longer = startsLikeNumber.test(a) && startsLikeNumber.test(b) ? Buffer.byteLength(a) - Buffer.byteLength(b) : 0;
  if (longer !== 0) return longer;
  if (beyondAscii.test(a) && beyondAscii.test(b)) return Buffer.compare(Buffer.from(a), Buffer.from(b)); // `<` orders UTF-16 units
  return a < b ? -1 : 1;
}

const startsLikeNumber = /^[1-9]/;
const beyondAscii = /[^\0-\x7f]/;

/** A new object instead of `delete`, which would make every later access to the document slow. */
function omit(fields: Image, removed: ReadonlySet<string>): Image {
  return Object.fromEntries(Object.entries(fields).filter(([key]) => !removed.has(key)));
}
