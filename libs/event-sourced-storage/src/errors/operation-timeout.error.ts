import { EventSourcedStorageError } from './event-sourced-storage.error.js';

/** The time of the call was over, or its signal was aborted, before anything was committed. Nothing was written. */
export class OperationTimeoutError extends EventSourcedStorageError {
  readonly code = 'OPERATION_TIMEOUT';

  constructor(
    readonly address: string,
    /** `'timeout'`: `timeoutMs` was over; `'aborted'`: the caller's signal. */
    readonly reason: 'timeout' | 'aborted',
    detail: string,
    options?: ErrorOptions,
  ) {
    super(`${address}: ${reason === 'timeout' ? 'timed out' : 'aborted by the caller'} ${detail}. Nothing was written.`, options);
  }
}
