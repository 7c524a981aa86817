import { EventSourcedStorageError } from './event-sourced-storage.error.js';

/** A unique index of the application on the documents collection refused the write. Nothing was written. */
export class DuplicateValueError extends EventSourcedStorageError {
  /** Constant, safe to send to clients; over HTTP usually 409. */
  readonly code = 'DUPLICATE_VALUE';

  constructor(
    /** `collection/documentId`. */
    readonly address: string,
    /** The name of the index; the values are left out on purpose, they may be secret. */
    readonly index: string,
    options?: ErrorOptions,
  ) {
    super(`${address} was not written: another document already has its value in the unique index "${index}". Choose another value.`, options);
  }
}
