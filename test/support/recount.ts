import type mongoose from 'mongoose';

type Record_ = Record<string, unknown>;

/** What a foreign reader finds in the collections, without any code of the library. */
export interface Recount {
  readonly numbers: readonly number[];
  readonly operations: readonly string[];
  readonly operationIds: readonly string[];
  /** The fold of all events; `null` after a delete. */
  readonly state: Record_ | null;
  readonly stored: Record_ | null;
}

/**
 * Reads one document and its history, and folds the history by an independent, naive rule. With `{ promoteValues: false }` the states keep
 * the BSON types of numbers, for `canonical()`.
 */
export async function recount(
  documents: mongoose.mongo.Collection,
  events: mongoose.mongo.Collection,
  id: unknown,
  options: { readonly promoteValues?: boolean } = {},
): Promise<Recount> {
  // read before the stored document would let a running writer look like a hole; callers have stopped writing
  const all = await events.find({ '_id.d': id }, options).toArray();
  const history = all.toSorted((a, b) => number(a) - number(b));
  let state: Record_ | null = null;
  for (const event of history) state = fold(state, event);
  const stored = (await documents.findOne({ _id: id } as object, options)) as Record_ | null;
  return {
    numbers: history.map(number),
    operations: history.map((event) => String(event['operation'])),
    operationIds: history.map((event) => String(event['operationId'])),
    state,
    stored,
  };
}

function number(event: object): number {
  return Number((event as { _id: { v: unknown } })._id.v);
}

function fold(state: Record_ | null, event: Record_): Record_ | null {
  if (event['operation'] === 'create') return structuredCopy(event['createdDoc']) as Record_;
  if (event['operation'] === 'delete') return null;
  const { set, unset } = event['diff'] as { set: Record_; unset: string[] };
  const next = structuredCopy(state) as Record_;
  for (const [path, value] of Object.entries(set)) put(next, path.split('.'), value);
  for (const path of unset) remove(next, path.split('.'));
  return { ...next, version: number(event) };
}

function structuredCopy(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(structuredCopy);
  if (value === null || typeof value !== 'object' || '_bsontype' in value || Object.prototype.toString.call(value) !== '[object Object]') return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, structuredCopy(item)]));
}

function put(target: Record_, [head, ...rest]: readonly string[], value: unknown): void {
  if (head === undefined) return;
  if (rest.length === 0) target[head] = value;
  else put((target[head] ??= {}) as Record_, rest, value);
}

function remove(target: Record_, [head, ...rest]: readonly string[]): void {
  if (head === undefined || target === undefined) return;
  if (rest.length === 0) delete target[head];
  else remove(target[head] as Record_, rest);
}
