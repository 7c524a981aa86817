import { EventSourcedStorageError } from './event-sourced-storage.error.js';

/** The storage was used after the application began to shut down. Nothing was written. */
export class StorageClosedError extends EventSourcedStorageError {
  /** Constant, safe to send to clients; over HTTP usually 503. */
  readonly code = 'STORAGE_CLOSED';

  constructor(
    /** The name of the collection of documents. */
    readonly collection: string,
  ) {
    super(`The storage of ${collection} is closed: the application is shutting down. Nothing was written.`);
  }
}
