const unsafe = new Set(['__proto__', 'constructor', 'prototype']);

type Node = Record<string, unknown>;

/**
 * The document after a diff: dotted paths with absolute values, as MongoDB's `$set` and `$unset` understand them. `doc` is not changed;
 * what no path touches is shared with it.
 * @throws TypeError for a path that could reach a prototype, or leads through a value that is neither object nor array: the diff does
 * not belong to this document
 */
export function applyDiff(doc: unknown, set: Readonly<Record<string, unknown>> = {}, unset: readonly string[] = []): unknown {
  const fresh = new Set<unknown>();
  const own = (value: unknown): Node => {
    if (fresh.has(value)) return value as Node;
    const copy = (Array.isArray(value) ? value.slice() : { ...(value as Node) }) as Node;
    fresh.add(copy);
    return copy;
  };
  const root = own(doc);
  const change = (path: string, value?: unknown): void => {
    const keys = path.split('.');
    const last = keys.pop() ?? '';
    if (unsafe.has(last) || keys.some((key) => unsafe.has(key))) refuse(path);
    let node = root;
    for (const key of keys) {
      let next = Object.hasOwn(node, key) ? node[key] : undefined;
      if (typeof next !== 'object' || next === null) {
        if (value === undefined) return;
        if (next !== undefined) refuse(path);
        next = {};
      }
      put(node, key, (next = own(next)), path);
      node = next as Node;
    }
    if (value !== undefined) put(node, last, value, path);
    else if (Array.isArray(node)) {
      if (Object.hasOwn(node, last)) node[Number(last)] = null; // as the server does; no diff of it contains this
    } else delete node[last];
  };
  for (const path of unset) change(path);
  for (const path of Object.keys(set)) change(path, set[path]);
  return root;
}

function put(node: Node, key: string, value: unknown, path: string): void {
  if (Array.isArray(node)) {
    if (!/^\d{1,7}$/.test(key)) refuse(path);
    while (node.length < Number(key)) node.push(null);
  }
  node[key] = value;
}

function refuse(path: string): never {
  throw new TypeError(`path ${path}`);
}
