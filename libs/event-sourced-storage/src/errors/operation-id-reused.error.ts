import type { Operation } from '../model/document-event.js';
import { EventSourcedStorageError } from './event-sourced-storage.error.js';

/** The `operationId` already names a write of another kind on this document. Nothing was written. */
export class OperationIdReusedError extends EventSourcedStorageError {
  readonly code = 'OPERATION_ID_REUSED';

  constructor(
    readonly address: string,
    readonly operationId: string,
    /** What the first write with this id did. */
    readonly recorded: Operation,
    readonly asked: Operation,
  ) {
    super(`operationId "${operationId}" on ${address} already names a ${recorded}, now it asks for a ${asked}. Use a new operationId for every write.`);
  }
}
