import { EventSourcedStorageError } from './event-sourced-storage.error.js';

/** The document does not exist (any more). Confirmed by a fresh read; nothing was written. */
export class DocumentNotFoundError extends EventSourcedStorageError {
  readonly code = 'DOCUMENT_NOT_FOUND';

  constructor(readonly address: string) {
    super(`${address} does not exist. Create it with findOneAndUpsert().`);
  }
}
