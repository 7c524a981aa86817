import { EventSourcedStorageError } from './event-sourced-storage.error.js';

/**
 * The database refused a write for a reason that no other error of this library names: a right that is missing, a rule or a limit of the
 * server. Nothing was written. `cause` is the driver's error.
 */
export class WriteRejectedError extends EventSourcedStorageError {
  /** Constant, safe to send to clients; over HTTP usually 500. */
  readonly code = 'WRITE_REJECTED';

  constructor(
    /** `collection/documentId`. */
    readonly address: string,
    /** The server's number for it; `undefined` when it was the driver that refused. */
    readonly serverCode: number | undefined,
    /** What the driver's error is called; its text is left out, since it may show values. */
    reason: string,
    options?: ErrorOptions,
  ) {
    const by = serverCode === undefined ? `the driver refused it (${reason})` : `the server refused it with error ${serverCode} (${reason})`;
    super(`${address} was not written: ${by}. Nothing was written, and repeating it unchanged does not help; the cause says what to change, usually in the rights or the settings of the database.`, options);
  }
}
