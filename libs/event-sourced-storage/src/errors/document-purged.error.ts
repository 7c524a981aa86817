import { EventSourcedStorageError } from './event-sourced-storage.error.js';

/** This operation created a document that was erased since. Repeating it would bring the erased data back, so nothing was written. */
export class DocumentPurgedError extends EventSourcedStorageError {
  /** Constant, safe to send to clients; over HTTP usually 410. */
  readonly code = 'DOCUMENT_PURGED';

  constructor(
    /** `collection/documentId`. */
    readonly address: string,
    /** The operation that was repeated. */
    readonly operationId: string,
  ) {
    super(`Operation "${operationId}" created ${address}, which was erased since. To create it anew on purpose, use another operationId.`);
  }
}
