import { EventSourcedStorageError } from './event-sourced-storage.error.js';

/** The time of the call was over, or its signal was aborted, before anything was committed; or a read did not reach the database. Nothing was written. */
export class OperationTimeoutError extends EventSourcedStorageError {
  /** Constant, safe to send to clients; over HTTP usually 503. */
  readonly code = 'OPERATION_TIMEOUT';

  constructor(
    /** `collection/documentId`; the collection alone for a read. */
    readonly address: string,
    /** `'timeout'`: `timeoutMs` was over; `'aborted'`: the caller's signal. */
    readonly reason: 'timeout' | 'aborted',
    /** Continues "timed out" or "aborted by the caller": after how long, and why. */
    detail: string,
    options?: ErrorOptions,
  ) {
    super(`${address}: ${reason === 'timeout' ? 'timed out' : 'aborted by the caller'} ${detail}. Nothing was written.`, options);
  }
}
