import { EventSourcedStorageError } from './event-sourced-storage.error.js';

/** The document exists without a history (it was written before this module). It can be read, but not changed. */
export class HistoryMissingError extends EventSourcedStorageError {
  /** Constant, safe to send to clients; over HTTP usually 409. */
  readonly code = 'HISTORY_MISSING';

  constructor(
    /** `collection/documentId`. */
    readonly address: string,
  ) {
    super(`${address} has no history: it was written around the storage. Give it one with adopt(), then repeat the call.`);
  }
}
