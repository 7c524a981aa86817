import { EventSourcedStorageError } from './event-sourced-storage.error.js';

/**
 * The database refused a write for a reason that no other error of this library names: a right that is missing, a rule or a limit of the
 * server. Nothing was written. `cause` is what the driver threw or what the server said of the one statement that it refused.
 */
export class WriteRejectedError extends EventSourcedStorageError {
  /** Constant, safe to send to clients; over HTTP usually 500. */
  readonly code = 'WRITE_REJECTED';

  constructor(
    /** `collection/documentId`. */
    readonly address: string,
    /** The server's number for it; `undefined` when it was the driver that refused. */
    readonly serverCode: number | undefined,
    /** What the error is called, if it has a name; its text is left out, since it may show values. */
    reason: string | undefined,
    options?: ErrorOptions,
  ) {
    const by = serverCode === undefined ? 'the driver refused it' : `the server refused it with error ${serverCode}`;
    super(`${address} was not written: ${by}${reason === undefined ? '' : ` (${reason})`}. The cause says why: often a right that is missing, or a rule or a limit of the database.`, options);
  }
}
