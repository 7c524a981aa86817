import { computeDiff } from '../write/compute-diff.js';
import type { DiffPaths, Image } from '../model/diff.js';
import type { DocumentChange } from '../write/document-change.js';
import mongoose from 'mongoose';

const { Long } = mongoose.mongo;
/** The driver sends larger integers as doubles. */
const largestInt32 = 0x7fff_ffff;

/** All changes of one document in a flight, as what is written to the document. */
export interface DocumentWrite {
  readonly changes: readonly DocumentChange[];
  readonly first: DocumentChange;
  readonly last: DocumentChange;
}

/** Changes of one document stand in a row. */
export function groupByDocument(flight: readonly DocumentChange[]): DocumentWrite[] {
  const groups: DocumentChange[][] = [];
  for (const change of flight) {
    const group = groups.at(-1);
    if (group?.[0]?.key === change.key) group.push(change);
    else groups.push([change]);
  }
  return groups.map((changes) => ({ changes, first: changes[0] as DocumentChange, last: changes.at(-1) as DocumentChange }));
}

/** A version as stored: an integer whatever its size. */
export function storedVersion(version: number): number | mongoose.mongo.Long {
  return version > largestInt32 ? Long.fromNumber(version) : version;
}

/** One statement of the flight's `update` command. */
export interface Put {
  readonly q: Readonly<Record<string, unknown>>;
  readonly u: Readonly<Record<string, unknown>>;
  readonly upsert?: true;
}

/** Whether the version has to be part of the filter, or was looked at before in the same transaction. */
export type VersionCheck = 'in the filter' | 'done';

/**
 * What a group puts into its document, `null` when it only removes it. A create is an upsert, so that it rides with the updates: an id
 * that exists is no error, the answer tells who created.
 */
export function putOf(write: DocumentWrite, versionField: string, check: VersionCheck = 'in the filter'): Put | null {
  const { first, last } = write;
  const filter = { _id: first.documentId };
  if (first.before === null) {
    const image = last.after ?? (write.changes.at(-2)?.after as Image);
    const { _id, ...fields } = image;
    return { q: filter, u: { $setOnInsert: stored(fields, versionField) }, upsert: true };
  }
  if (last.after === null) return null;
  const diff = mergedDiff(write, versionField);
  const set = withField(diff.set, versionField, storedVersion(last.event.serverSeq));
  const unset = Object.fromEntries(diff.unset.map((path) => [path, '']));
  const update = diff.unset.length === 0 ? { $set: set } : { $set: set, $unset: unset };
  return { q: check === 'done' ? filter : { _id: first.documentId, [versionField]: storedVersion(first.expectedVersion) }, u: update };
}

/** The condition under which a group removes its document; `null` when it leaves one. */
export function removalOf(write: DocumentWrite, versionField: string): Record<string, unknown> | null {
  const { first, last } = write;
  if (last.after !== null) return null;
  const version = first.before === null ? last.expectedVersion : first.expectedVersion;
  return { _id: first.documentId, [versionField]: storedVersion(version) };
}

function mergedDiff({ changes, first, last }: DocumentWrite, versionField: string): DiffPaths {
  if (changes.length === 1 && first.event.operation === 'update') return first.event.diff;
  return computeDiff(first.before as Image, last.after as Image, { versionField });
}

function stored(image: Image, versionField: string): Image {
  return { ...image, [versionField]: storedVersion(image[versionField] as number) };
}

/** A copy with one field more; written out, because to add a field to a spread object costs a microsecond (Node 20). */
function withField(fields: Readonly<Record<string, unknown>>, name: string, value: unknown): Record<string, unknown> {
  const copy: Record<string, unknown> = {};
  for (const key of Object.keys(fields)) copy[key] = fields[key];
  copy[name] = value;
  return copy;
}
