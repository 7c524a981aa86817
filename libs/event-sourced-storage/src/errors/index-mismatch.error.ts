import { EventSourcedStorageError } from './event-sourced-storage.error.js';

/** An index the storage needs cannot be made: another one is in its place, or stored data break it. The application does not start. */
export class IndexMismatchError extends EventSourcedStorageError {
  readonly code = 'INDEX_MISMATCH';

  constructor(
    readonly collection: string,
    readonly index: string,
    problem: string,
    options?: ErrorOptions,
  ) {
    super(`Index "${index}" on ${collection} cannot be used: ${problem}. Drop or repair it, then start again.`, options);
  }
}
