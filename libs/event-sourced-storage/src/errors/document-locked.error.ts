import { EventSourcedStorageError } from './event-sourced-storage.error.js';

/** An open transaction of somebody else held the document until the call's time was over. Nothing was written; repeat later. */
export class DocumentLockedError extends EventSourcedStorageError {
  /** Constant, safe to send to clients; over HTTP usually 503. */
  readonly code = 'DOCUMENT_LOCKED';

  constructor(
    /** `collection/documentId`. */
    readonly address: string,
    /** How long the call waited, in milliseconds. `0` inside a transaction, where a write does not wait. */
    readonly waitedMs: number,
    /** How often it was tried, from 1. */
    readonly attempts: number,
    options?: ErrorOptions,
  ) {
    super(
      `${address} is held by another open transaction (waited ${waitedMs} ms, ${attempts} attempts). Nothing was written; try again. ` +
        'A transaction of a dead process ends after the server parameter transactionLifetimeLimitSeconds (60 s by default).',
      options,
    );
  }
}
