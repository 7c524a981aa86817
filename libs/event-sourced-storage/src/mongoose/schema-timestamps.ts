/** The schema option `timestamps`, with the time that the storage gives: what Mongoose does in a hook of `save()`. */
import { sameValue } from '../model/bson-values.js';
import type { Image } from '../model/diff.js';
import { arrayIndex, childOf } from '../model/diff-path.js';
import { sameElement } from './kept-elements.js';
import type { LiveDocument, SchemaShape } from './mongoose-internals.js';
import { type Stamp, valueAt } from './schema-path.js';
import { storedValue } from './stored-value.js';

/** The `updatedAt` of the document itself, when the schema has one. */
export function documentStamp(schema: SchemaShape): Stamp | undefined {
  const path = schema.$timestamps?.updatedAt;
  const field = typeof path === 'string' ? schema.paths[path] : undefined;
  return typeof path === 'string' && field !== undefined ? { path, field, schema } : undefined;
}

/** What timestamp fields are called in the schema and in those inside it. */
export function timestampNames(schema: SchemaShape, seen: Set<SchemaShape> = new Set<SchemaShape>()): ReadonlySet<string> {
  if (seen.has(schema)) return new Set();
  seen.add(schema);
  const { createdAt, updatedAt } = schema.$timestamps ?? {};
  const own = [createdAt, updatedAt].flatMap((path) => (typeof path === 'string' ? [path.slice(path.lastIndexOf('.') + 1)] : []));
  return new Set([...own, ...schema.childSchemas.flatMap((child) => [...timestampNames(child.schema, seen)])]);
}

/** The value of a timestamp field: its own type, so that one declared as Number holds milliseconds. */
export function stampValue({ field, schema }: Stamp, now: Date): unknown {
  return storedValue(field.cast(currentTime(schema, now)));
}

/** The application's own clock, `timestamps: { currentTime }`, else the storage's. */
function currentTime(schema: SchemaShape, now: Date): unknown {
  const { timestamps } = schema.options;
  const own = typeof timestamps === 'object' && timestamps !== null && 'currentTime' in timestamps ? timestamps.currentTime : undefined;
  return typeof own === 'function' ? (own as () => unknown)() : new Date(now);
}

/** Fills in the timestamps of a new document and of all subdocuments in it. Ones that are given stay; `updatedAt` follows `createdAt`, as in Mongoose. */
export function stampNew(document: LiveDocument, now: Date): void {
  for (const each of [document, ...document.$getAllSubdocs()]) {
    const { createdAt, updatedAt } = each.$__schema.$timestamps ?? {};
    const time = currentTime(each.$__schema, now);
    if (typeof createdAt === 'string' && !each.$__getValue(createdAt)) set(each, createdAt, time);
    if (typeof updatedAt === 'string') set(each, updatedAt, typeof createdAt === 'string' ? each.$__getValue(createdAt) : time);
  }
}

/**
 * Stamps the subdocuments that differ from `before`, the document's image when it was read, and no others: pushing an element leaves its
 * neighbours as they are.
 */
export function stampChangedSubdocuments(document: LiveDocument, before: Image, now: Date, options: object): void {
  for (const each of document.$getAllSubdocs()) {
    const { createdAt, updatedAt } = each.$__schema.$timestamps ?? {};
    if (typeof createdAt !== 'string' && typeof updatedAt !== 'string') continue;
    const image = each.toObject(options);
    if (sameValue(image, counterpart(each, image, before))) continue;
    const time = currentTime(each.$__schema, now);
    if (typeof createdAt === 'string' && !each.$__getValue(createdAt)) set(each, createdAt, time);
    if (typeof updatedAt === 'string') set(each, updatedAt, time);
  }
}

/** What a subdocument was before: by its `_id` in an array, which may have been reordered, else by its place. */
function counterpart(subdocument: LiveDocument, image: unknown, before: Image): unknown {
  const segments = subdocument.$__fullPathWithIndexes?.().split('.') ?? [];
  // of an element that was set by its index Mongoose tells the index twice
  const array = segments.findLastIndex((segment) => arrayIndex(segment) === undefined) + 1;
  const siblings = valueAt(before, segments.slice(0, array));
  if (!Array.isArray(siblings) || childOf(image, '_id') === undefined) return valueAt(before, segments.slice(0, array + 1));
  return sameElement(siblings, image, Number(segments[array]));
}

/** Whether any subdocument has timestamps. */
export function hasChildTimestamps(schema: SchemaShape, seen: Set<SchemaShape> = new Set<SchemaShape>()): boolean {
  if (seen.has(schema)) return false;
  seen.add(schema);
  return schema.childSchemas.some((child) => child.schema.$timestamps !== undefined || hasChildTimestamps(child.schema, seen));
}

function set(document: LiveDocument, path: string, time: unknown): void {
  document.$set(path, time, undefined, { overwriteImmutable: true });
}
