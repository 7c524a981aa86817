import type { mongo } from 'mongoose';
import { HistoryCorruptError } from '../errors/history-corrupt.error.js';
import type { FoldableEvent } from '../history/replay.js';
import type { DiffPaths, Image } from '../model/diff.js';
import type { DocumentEvent, EventMetadata } from '../model/document-event.js';
import type { DocumentId } from '../model/document-id.js';
import { optionalFields } from '../model/optional-fields.js';
import { checksumOf } from './event-checksum.js';
import { eventKey } from './event-key.js';

/** What all stored events have. `documentId` and `serverSeq` are in the `_id` only. */
interface RecordOf<O extends DocumentEvent['operation']> {
  /** `v` is written as Long; the driver returns a number. */
  readonly _id: { readonly d: DocumentId; readonly v: mongo.Long | number };
  readonly operation: O;
  readonly clientId: string;
  readonly timestamp: Date;
  readonly operationId: string;
  /** The mark of the commit that wrote it, to settle a commit whose answer was lost. Never shown. */
  readonly flight: unknown;
  readonly schemaVersion?: number;
  readonly transactionId?: string;
  readonly metadata?: EventMetadata;
  /** Of all the bytes before it; see `event-checksum.ts`. Never shown. */
  readonly crc?: number;
}

/** An event as stored. */
export type EventRecord =
  | (RecordOf<'create'> & { readonly createdDoc: Image })
  | (RecordOf<'update'> & { readonly diff: DiffPaths })
  | (RecordOf<'delete'> & { readonly deletedDoc: Image });

/** The same with its checksum as the last field. */
export function toCheckedRecord(event: DocumentEvent<Image>, flight: unknown): EventRecord {
  const record: EventRecord & { crc?: number } = toRecord(event, flight);
  record.crc = checksumOf(record); // behind everything else
  return record;
}

/** The record of an event; `flight` is the mark of the commit that it is part of. */
export function toRecord(event: DocumentEvent<Image>, flight: unknown): EventRecord {
  const { clientId, timestamp, operationId } = event;
  const _id = eventKey(event.documentId, event.serverSeq);
  const optional = optionalFields(event);
  switch (event.operation) {
    case 'create':
      return { _id, clientId, timestamp, operationId, flight, ...optional, operation: 'create', createdDoc: event.createdDoc };
    case 'update': {
      const { set, unset } = event.diff;
      return { _id, clientId, timestamp, operationId, flight, ...optional, operation: 'update', diff: { set, unset } };
    }
    case 'delete':
      return { _id, clientId, timestamp, operationId, flight, ...optional, operation: 'delete', deletedDoc: event.deletedDoc };
  }
}

/**
 * The event of a record.
 * @throws HistoryCorruptError for a record of an unknown kind
 */
export function fromRecord(record: EventRecord): DocumentEvent<Image> {
  const { clientId, timestamp, operationId } = record;
  const documentId = record._id.d;
  const serverSeq = Number(record._id.v);
  const optional = optionalFields(record);
  switch (record.operation) {
    case 'create':
      return { documentId, serverSeq, clientId, timestamp, operationId, ...optional, operation: 'create', createdDoc: record.createdDoc };
    case 'update': {
      const { set, unset } = record.diff;
      return { documentId, serverSeq, clientId, timestamp, operationId, ...optional, operation: 'update', diff: { hasChanges: true, version: serverSeq, set, unset } };
    }
    case 'delete':
      return { documentId, serverSeq, clientId, timestamp, operationId, ...optional, operation: 'delete', deletedDoc: record.deletedDoc };
    default:
      throw unknownKind(record);
  }
}

/** What folding needs of a record, which may hold no more than that. @throws HistoryCorruptError for a record of an unknown kind */
export function toFold(record: EventRecord): FoldableEvent {
  const serverSeq = Number(record._id.v);
  switch (record.operation) {
    case 'create':
      return { serverSeq, operation: 'create', createdDoc: record.createdDoc };
    case 'update':
      return { serverSeq, operation: 'update', diff: { hasChanges: true, version: serverSeq, set: record.diff.set, unset: record.diff.unset } };
    case 'delete':
      return { serverSeq, operation: 'delete' };
    default:
      throw unknownKind(record);
  }
}

/** The types exclude it, a database does not. */
function unknownKind(record: never): HistoryCorruptError {
  const { _id, operation } = record as RecordOf<DocumentEvent['operation']>;
  return new HistoryCorruptError(`${String(_id.d)}@${String(_id.v)}`, `its operation is "${operation}"`);
}
