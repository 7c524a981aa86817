import type { mongo } from 'mongoose';
import { HistoryCorruptError } from '../errors/history-corrupt.error.js';
import type { FoldableEvent } from '../history/replay.js';
import type { DiffPaths, Image } from '../model/diff.js';
import type { DocumentEvent, EventMetadata } from '../model/document-event.js';
import type { DocumentId } from '../model/document-id.js';
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
  const record = toRecord(event, flight);
  return { ...record, crc: checksumOf(record) };
}

/** The record of an event; `flight` is the mark of the commit that it is part of. */
export function toRecord(event: DocumentEvent<Image>, flight: unknown): EventRecord {
  const common = {
    _id: eventKey(event.documentId, event.serverSeq),
    clientId: event.clientId,
    timestamp: event.timestamp,
    operationId: event.operationId,
    flight,
    ...optionalFields(event),
  };
  switch (event.operation) {
    case 'create':
      return { ...common, operation: 'create', createdDoc: event.createdDoc };
    case 'update':
      return { ...common, operation: 'update', diff: { set: event.diff.set, unset: event.diff.unset } };
    case 'delete':
      return { ...common, operation: 'delete', deletedDoc: event.deletedDoc };
  }
}

/**
 * The event of a record.
 * @throws HistoryCorruptError for a record of an unknown kind
 */
export function fromRecord(record: EventRecord): DocumentEvent<Image> {
  const serverSeq = Number(record._id.v);
  const common = {
    documentId: record._id.d,
    serverSeq,
    clientId: record.clientId,
    timestamp: record.timestamp,
    operationId: record.operationId,
    ...optionalFields(record),
  };
  switch (record.operation) {
    case 'create':
      return { ...common, operation: 'create', createdDoc: record.createdDoc };
    case 'update':
      return { ...common, operation: 'update', diff: { hasChanges: true, version: serverSeq, set: record.diff.set, unset: record.diff.unset } };
    case 'delete':
      return { ...common, operation: 'delete', deletedDoc: record.deletedDoc };
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

type OptionalFields = Pick<RecordOf<'create'>, 'schemaVersion' | 'transactionId' | 'metadata'>;

function optionalFields({ schemaVersion, transactionId, metadata }: OptionalFields): OptionalFields {
  return {
    ...(schemaVersion === undefined ? {} : { schemaVersion }),
    ...(transactionId === undefined ? {} : { transactionId }),
    ...(metadata === undefined ? {} : { metadata }),
  };
}

/** The types exclude it, a database does not. */
function unknownKind(record: never): HistoryCorruptError {
  const { _id, operation } = record as RecordOf<DocumentEvent['operation']>;
  return new HistoryCorruptError(`${String(_id.d)}@${String(_id.v)}`, `its operation is "${operation}"`);
}
