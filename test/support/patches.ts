import type { DiffPaths } from 'nestjs-event-sourced-storage';

type Fields = Record<string, unknown>;

/** Changes a document by a diff, in place, by the plainest reading of "set these paths, unset those". */
export function applyDiff(document: object, { set, unset }: DiffPaths): void {
  for (const [path, value] of Object.entries(set)) {
    const [holder, name] = follow(document as Fields, path.split('.'));
    holder[name] = value;
  }
  for (const path of unset) {
    const [holder, name] = follow(document as Fields, path.split('.'));
    delete holder[name];
  }
}

interface PatchOperation {
  readonly op: string;
  readonly path: string;
  readonly value?: unknown;
}

/** RFC 6902, for the three operations that a diff needs. */
export function applyJsonPatch(document: unknown, operations: readonly PatchOperation[]): unknown {
  const patched = structuredClone(document) as Fields;
  for (const { op, path, value } of operations) {
    const segments = path.split('/').slice(1);
    const [holder, name] = follow(patched, segments.map((segment) => segment.replaceAll('~1', '/').replaceAll('~0', '~')));
    const isThere = Object.hasOwn(holder, name);
    if (op !== 'add' && !isThere) throw new Error(`${op} ${path}: nothing is there`);
    if (op === 'remove') {
      if (Array.isArray(holder)) holder.splice(Number(name), 1);
      else delete holder[name];
    } else if (op === 'add' && Array.isArray(holder)) holder.splice(name === '-' ? holder.length : Number(name), 0, value);
    else holder[name] = value;
  }
  return patched;
}

/** RFC 7396 §2, word for word. */
export function applyMergePatch(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch;
  const merged: Fields = isObject(target) ? { ...target } : {};
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete merged[name];
    else merged[name] = applyMergePatch(merged[name], value);
  }
  return merged;
}

function follow(document: Fields, segments: readonly string[]): [Fields, string] {
  let holder = document;
  for (const segment of segments.slice(0, -1)) holder = (holder[segment] ??= {}) as Fields;
  return [holder, segments.at(-1) ?? ''];
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
