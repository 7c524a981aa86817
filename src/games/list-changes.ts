/** One value that differs between two states, by its dotted path. */
export interface Change {
  readonly path: string;
  readonly kind: 'added' | 'removed' | 'changed';
  /** Absent when added. */
  readonly before?: unknown;
  /** Absent when removed. */
  readonly after?: unknown;
}

/**
 * What differs between two JSON values, leaf by leaf in the order of the first and then of the second. `undefined` is "not there".
 * Arrays are compared by position; the history's own diffs do the same.
 */
export function listChanges(before: unknown, after: unknown, path = ''): Change[] {
  if (isBranch(before) && isBranch(after)) return keysOf(before, after).flatMap((key) => listChanges(valueAt(before, key), valueAt(after, key), path === '' ? key : `${path}.${key}`));
  if (before === undefined) return leaves(after, path).map((leaf) => ({ path: leaf.path, kind: 'added', after: leaf.value }));
  if (after === undefined) return leaves(before, path).map((leaf) => ({ path: leaf.path, kind: 'removed', before: leaf.value }));
  return JSON.stringify(before) === JSON.stringify(after) ? [] : [{ path, kind: 'changed', before, after }];
}

/** An object or array with something in it; an empty one is a value like others. */
function isBranch(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && Object.keys(value).length > 0;
}

function keysOf(before: object, after: object): string[] {
  return [...new Set([...Object.keys(before), ...Object.keys(after)])];
}

/** Own values only: `constructor` of an object without one is not there. */
function valueAt(branch: Readonly<Record<string, unknown>>, key: string): unknown {
  return Object.hasOwn(branch, key) ? branch[key] : undefined;
}

function leaves(value: unknown, path: string): { readonly path: string; readonly value: unknown }[] {
  if (value === undefined) return [];
  if (!isBranch(value)) return [{ path, value }];
  return Object.entries(value).flatMap(([key, inner]) => leaves(inner, path === '' ? key : `${path}.${key}`));
}
