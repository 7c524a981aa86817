/** Every filter on a collection of events is built here: the `_id` of an event is `{ d: documentId, v: serverSeq }`, in that key order. */
import mongoose, { type mongo } from 'mongoose';
import { InvalidArgumentError } from '../errors/invalid-argument.error.js';
import { isPlainObject } from '../model/bson-values.js';
import type { DocumentId } from '../model/document-id.js';

const { Long, MaxKey, MinKey } = mongoose.mongo;

/** The `_id` of an event. The order of the keys is part of the identity. */
export interface EventKey {
  readonly d: DocumentId;
  /** The driver sends integers above 2^31 as doubles; a Long stays an integer. */
  readonly v: mongo.Long;
}

/** Events of one document by number, both ends included. */
export interface EventRange {
  readonly _id: {
    readonly $gte: EventKey;
    readonly $lte: EventKey | { readonly d: DocumentId; readonly v: mongo.MaxKey };
  };
}

/** The event of one operation of one document. */
export interface OperationFilter {
  readonly '_id.d': DocumentId;
  readonly operationId: { readonly $eq: string };
}

/** The `_id` of the event `v` of a document. @throws InvalidArgumentError when the id or the number is none */
export function eventKey(id: DocumentId, v: number): EventKey {
  return { d: storedId(id), v: storedNumber(v) };
}

/**
 * The events `from` to `to` of a document, `to` left out: to the newest. Always a closed range over the whole key: a filter on a part of
 * it, or one without an upper end, would scan the collection.
 * @throws InvalidArgumentError when the id or a number is none
 */
export function eventRange(id: DocumentId, from: number, to?: number): EventRange {
  const d = storedId(id);
  const end = to === undefined ? { d, v: new MaxKey() } : { d, v: storedNumber(to) };
  return { _id: { $gte: { d, v: storedNumber(from) }, $lte: end } };
}

/** Whatever is stored under a key `{ d, v }` of a document, also where `v` is no number that the storage writes. */
export function wholeHistory(id: DocumentId): object {
  const d = storedId(id);
  return { _id: { $gte: { d, v: new MinKey() }, $lte: { d, v: new MaxKey() } } };
}

/** The key of the last event of a history that could be. */
export function endOfHistory(id: DocumentId): object {
  return { d: storedId(id), v: new MaxKey() };
}

/** The histories of all documents after this one, in the order of their ids; `undefined`: all. */
export function historiesAfter(id: DocumentId | undefined): object {
  return eventsAfter(id === undefined ? undefined : endOfHistory(id));
}

/** The events of all documents with a key above this one, in the order of the keys; `undefined`: all. */
export function eventsAfter(key: object | undefined): object {
  const end = { d: new MaxKey(), v: new MaxKey() };
  return { _id: key === undefined ? { $gte: { d: new MinKey(), v: new MinKey() }, $lte: end } : { $gt: key, $lte: end } };
}

/** Every event of these documents, whatever the form of its key. Served by the index on document and operation. */
export function anyEventOf(ids: readonly DocumentId[]): object {
  return { '_id.d': { $in: ids.map((id) => storedId(id)) } };
}

/** Single events of any documents, by their whole keys. @throws InvalidArgumentError when an id or a number is none */
export function pickedEvents(keys: readonly { readonly documentId: DocumentId; readonly serverSeq: number }[]): { readonly _id: { readonly $in: readonly EventKey[] } } {
  return { _id: { $in: keys.map(({ documentId, serverSeq }) => eventKey(documentId, serverSeq)) } };
}

/** The event that an operation of a document wrote. Served by the unique index on the same two fields. @throws InvalidArgumentError when the id is none */
export function operationFilter(id: DocumentId, operationId: string): OperationFilter {
  return { '_id.d': storedId(id), operationId: { $eq: operationId } };
}

/**
 * The id, once it is certain that it stays in a filter as a value: `undefined`, a symbol or a function would disappear from it, a plain
 * object would be read as operators, an array is no part of a key.
 * @throws InvalidArgumentError
 */
export function storedId(id: DocumentId): DocumentId {
  if (!isId(id)) throw new InvalidArgumentError('id', `a document id is an ObjectId, UUID, string or number as the schema cast it, not ${describe(id)}.`);
  return id;
}

/** Whether it is a value that can be the id of a document. */
export function isId(id: unknown): id is DocumentId {
  if (typeof id === 'string' || typeof id === 'bigint') return true;
  if (typeof id === 'number') return Number.isFinite(id);
  return typeof id === 'object' && id !== null && !isPlainObject(id) && idClasses.has((id as { _bsontype?: unknown })._bsontype);
}

/** The BSON classes that stand for a value and nothing else: a regular expression or MaxKey in a filter would match others too. */
const idClasses: ReadonlySet<unknown> = new Set(['ObjectId', 'Binary', 'Decimal128', 'Long', 'Int32', 'Double']);

function describe(id: unknown): string {
  if (Array.isArray(id)) return 'an array';
  return id === null ? 'null' : typeof id;
}

/** A number as Long, for keys and for fields that hold one. @throws InvalidArgumentError when it is no integer */
export function storedNumber(v: number): mongo.Long {
  if (!Number.isInteger(v)) throw new InvalidArgumentError('version', `an event has an integer as its number, not ${String(v)}.`);
  return Long.fromNumber(v);
}
