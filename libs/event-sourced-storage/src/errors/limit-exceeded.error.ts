import { EventSourcedStorageError } from './event-sourced-storage.error.js';

/** A document or event is larger than its limit. Nothing was written. */
export class LimitExceededError extends EventSourcedStorageError {
  /** Constant, safe to send to clients; over HTTP usually 413. */
  readonly code = 'LIMIT_EXCEEDED';

  constructor(
    /** `collection/documentId`. */
    readonly address: string,
    /** The name of the option, for example `maxDocumentBytes`. */
    readonly limit: string,
    /** The limit in force, in BSON bytes. */
    readonly allowed: number,
    /** The size found, in BSON bytes; document and event together when the server refused them. */
    readonly value: number,
    options?: ErrorOptions,
  ) {
    super(`${address} was not written: ${value} is over ${limit} (${allowed}). Make the change smaller, split the document, or raise the limit.`, options);
  }
}
