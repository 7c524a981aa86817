import { EventSourcedStorageError } from './event-sourced-storage.error.js';

/** The document does not exist (any more). Confirmed by a fresh read; nothing was written. */
export class DocumentNotFoundError extends EventSourcedStorageError {
  /** Constant, safe to send to clients; over HTTP usually 404. */
  readonly code = 'DOCUMENT_NOT_FOUND';

  constructor(
    /** `collection/documentId`. */
    readonly address: string,
  ) {
    super(`${address} does not exist. Create it with findOneAndUpsert().`);
  }
}
