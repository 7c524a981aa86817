import { EventSourcedStorageError } from './event-sourced-storage.error.js';

/** An open transaction of somebody else held the document until the call's time was over. Nothing was written; repeat later. */
export class DocumentLockedError extends EventSourcedStorageError {
  readonly code = 'DOCUMENT_LOCKED';

  constructor(
    readonly address: string,
    readonly waitedMs: number,
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
