/** Records as bytes: what is wrong with them before anybody looks at what they mean. */
import mongoose from 'mongoose';
import type { RecordFlaw, StoredEvent, StoredSnapshot } from '../maintenance/audit-store.js';
import { isPlainObject } from '../model/bson-values.js';
import type { Image } from '../model/diff.js';
import type { DocumentId } from '../model/document-id.js';
import { checkBytes } from './event-checksum.js';
import { eventKey } from './event-key.js';
import { type EventRecord, fromRecord } from './event-record.js';
import { digestOf } from './snapshot-digest.js';

const { BSON } = mongoose.mongo;
const typed = { promoteValues: false, promoteLongs: false, bsonRegExp: true } as const;
/** A document begins with its length. */
const lengthBytes = 4;

/** An event of this document, by its bytes. */
export function readEvent(id: DocumentId, bytes: Buffer): StoredEvent {
  const record = BSON.deserialize(bytes) as unknown as EventRecord;
  const { v }: { readonly v?: unknown } = isPlainObject(record._id) ? record._id : {};
  const serverSeq = numberOf(v);
  const shape = shapeFlaw(record);
  if (shape !== undefined) return { serverSeq, event: null, flaw: { kind: 'event-unreadable', message: `${named(serverSeq)} ${shape}` } };
  const event = fromRecord(record);
  const hasKey = Number.isSafeInteger(serverSeq) && hasOwnKey(id, serverSeq, bytes);
  if (hasKey && checkBytes(bytes) !== 'wrong') return { serverSeq, event };
  if (hasKey) return { serverSeq, event, flaw: { kind: 'event-changed', message: `${named(serverSeq)} is not what was written: its checksum does not fit` } };
  return { serverSeq, event, flaw: { kind: 'number-wrong', message: `${named(serverSeq)} has a number that is not stored as a 64-bit integer`, expected: 'long' } };
}

/** A snapshot, by its bytes. */
export function readSnapshot(bytes: Buffer): StoredSnapshot {
  const { _id: key, documentId, serverSeq: stored, state, createdAt, digest, schemaVersion, leftovers } = BSON.deserialize(bytes);
  const serverSeq = numberOf(stored);
  const found = typeNameOf(BSON.deserialize(bytes, typed)['serverSeq']);
  const isState = state === null || isPlainObject(state);
  const made = isDate(createdAt) ? { createdAt: createdAt as Date } : {};
  const shape = { ...(typeof schemaVersion === 'number' ? { schemaVersion } : {}), ...(Array.isArray(leftovers) ? { leftovers: leftovers as string[] } : {}) };
  const facts = { serverSeq, state: isState ? (state as Image | null) : null, key: key as unknown, ...made, ...shape };
  if (found !== 'long' || serverSeq < 1) {
    return { ...facts, flaw: { kind: 'number-wrong', message: `a snapshot has a number that is not stored as a 64-bit integer, but as ${found}`, expected: 'long', found } };
  }
  const isSound = digest === undefined || digestOf({ documentId: documentId as DocumentId, serverSeq, state: facts.state }) === digest;
  if (isState && isDate(createdAt) && isSound) return facts;
  return { ...facts, flaw: { kind: 'snapshot-differs', message: `the snapshot at ${serverSeq} is not what was written` } };
}

/** What is wrong with the type of a document's number; the value is somebody else's question. */
export function numberFlaw(bytes: Buffer, versionField: string): RecordFlaw | undefined {
  const found = typeNameOf(BSON.deserialize(bytes, typed)[versionField]);
  if (found === 'int' || found === 'long') return undefined;
  return { kind: 'number-wrong', message: `the document's number is stored as ${found}`, expected: 'int', found };
}

function shapeFlaw(record: EventRecord): string | undefined {
  if (!isPlainObject(record._id)) return 'has no key';
  for (const field of ['clientId', 'operationId'] as const) if (typeof record[field] !== 'string') return `has no ${field}`;
  if (!isDate(record.timestamp)) return 'has no timestamp';
  switch (record.operation) {
    case 'create':
      return isPlainObject(record.createdDoc) ? undefined : 'has no createdDoc';
    case 'update':
      return isDiff(record.diff) ? undefined : 'has no diff';
    case 'delete':
      return isPlainObject(record.deletedDoc) ? undefined : 'has no deletedDoc';
    default:
      return 'is of no known operation';
  }
}

function isDate(value: unknown): boolean {
  return Object.prototype.toString.call(value) === '[object Date]';
}

function isDiff(diff: unknown): boolean {
  return isPlainObject(diff) && isPlainObject(diff['set']) && Array.isArray(diff['unset']) && diff['unset'].every((path) => typeof path === 'string');
}

/** The key's own bytes tell type and order of its fields at once. */
function hasOwnKey(id: DocumentId, serverSeq: number, bytes: Buffer): boolean {
  const key = BSON.serialize({ _id: eventKey(id, serverSeq) });
  return bytes.subarray(lengthBytes, key.length - 1).equals(key.subarray(lengthBytes, key.length - 1));
}

function numberOf(value: unknown): number {
  return typeof value === 'number' ? value : Number.NaN;
}

function named(serverSeq: number): string {
  return Number.isNaN(serverSeq) ? 'an event without a number' : `event ${serverSeq}`;
}

function typeNameOf(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (typeof value !== 'object' || value === null) return value === null ? 'null' : typeof value;
  const tag = (value as { readonly _bsontype?: unknown })._bsontype;
  const names: Readonly<Record<string, string>> = { Int32: 'int', Long: 'long', Double: 'double' };
  return typeof tag === 'string' ? (names[tag] ?? tag) : 'an object';
}
