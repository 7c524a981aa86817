import type { Operation } from '../model/document-event.js';
import { EventSourcedStorageError } from './event-sourced-storage.error.js';

/** The `operationId` already names a write of another kind on this document. Nothing was written. */
export class OperationIdReusedError extends EventSourcedStorageError {
  /** Constant, safe to send to clients; over HTTP usually 409. */
  readonly code = 'OPERATION_ID_REUSED';

  constructor(
    /** `collection/documentId`. */
    readonly address: string,
    /** The key that the caller gave twice. */
    readonly operationId: string,
    /** What the first write with this id did. */
    readonly recorded: Operation,
    /** What this write was to do. */
    readonly asked: Operation,
  ) {
    super(`operationId "${operationId}" on ${address} already names a ${recorded}, now it asks for a ${asked}. Use a new operationId for every write.`);
  }
}
