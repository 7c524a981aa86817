import { EventSourcedStorageError } from './event-sourced-storage.error.js';

/** History and document do not fit: a gap, a number that is ahead of the document, a fold that fails. Nothing was written. */
export class HistoryCorruptError extends EventSourcedStorageError {
  readonly code = 'HISTORY_CORRUPT';

  constructor(
    readonly address: string,
    problem: string,
    options?: ErrorOptions,
  ) {
    super(`History of ${address} is damaged: ${problem}. Somebody wrote around the storage; compare events and document before you write on.`, options);
  }
}
