import { EventSourcedStorageError } from './event-sourced-storage.error.js';

/** A lease is used after its term was over: it ran out and somebody else took it, or it was given back. What it was to guard must not happen. */
export class StaleLeaseError extends EventSourcedStorageError {
  /** Constant, safe to send to clients; over HTTP usually 503. */
  readonly code = 'STALE_LEASE';

  constructor(
    /** The name of the lease. */
    readonly lease: string,
    /** The term that is over. */
    readonly term: number,
    options?: ErrorOptions,
  ) {
    super(`The lease "${lease}" is not held in term ${term} any more: it ran out and was taken over, or was given back. Nothing was written; acquire it again before going on.`, options);
  }
}
