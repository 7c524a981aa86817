import { EventSourcedStorageError } from './event-sourced-storage.error.js';

/** A document or event is larger than its limit. Nothing was written. */
export class LimitExceededError extends EventSourcedStorageError {
  readonly code = 'LIMIT_EXCEEDED';

  constructor(
    readonly address: string,
    /** The name of the option, for example `maxDocumentBytes`. */
    readonly limit: string,
    readonly allowed: number,
    readonly value: number,
    options?: ErrorOptions,
  ) {
    super(`${address} was not written: ${value} is over ${limit} (${allowed}). Make the change smaller, split the document, or raise the limit.`, options);
  }
}
