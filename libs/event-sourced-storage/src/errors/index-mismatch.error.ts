import { EventSourcedStorageError } from './event-sourced-storage.error.js';

/** An index the storage needs cannot be made: another one is in its place, or stored data break it. The application does not start. */
export class IndexMismatchError extends EventSourcedStorageError {
  /** Constant, for logs: no client meets an application that does not start. */
  readonly code = 'INDEX_MISMATCH';

  constructor(
    /** The name of the collection. */
    readonly collection: string,
    /** The name of the index that is needed. */
    readonly index: string,
    /** Continues "Index … cannot be used: ". */
    problem: string,
    options?: ErrorOptions,
  ) {
    super(`Index "${index}" on ${collection} cannot be used: ${problem}. Drop or repair it, then start again.`, options);
  }
}
