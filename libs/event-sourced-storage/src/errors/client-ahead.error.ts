import { EventSourcedStorageError } from './event-sourced-storage.error.js';

/** The caller claims to have seen a number that the history does not have: it holds state from elsewhere and must start again. */
export class ClientAheadError extends EventSourcedStorageError {
  readonly code = 'CLIENT_AHEAD';

  constructor(
    readonly address: string,
    /** The newest number. */
    readonly head: number,
    readonly asked: number,
  ) {
    super(`${address} is at ${head}, the caller asks from ${asked}. Drop the local state and read the document again.`);
  }
}
