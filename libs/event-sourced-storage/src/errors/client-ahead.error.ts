import { EventSourcedStorageError } from './event-sourced-storage.error.js';

/** The caller names a number that the history never reached: it holds state from elsewhere and must start again. */
export class ClientAheadError extends EventSourcedStorageError {
  /** Constant, safe to send to clients; over HTTP usually 410. */
  readonly code = 'CLIENT_AHEAD';

  constructor(
    /** `collection/documentId`. */
    readonly address: string,
    /** The newest number. */
    readonly head: number,
    /** The number the caller claims to have seen, or asked the state of. */
    readonly asked: number,
  ) {
    super(`${address} is at ${head}, the caller asks from ${asked}. Drop the local state and read the document again.`);
  }
}
