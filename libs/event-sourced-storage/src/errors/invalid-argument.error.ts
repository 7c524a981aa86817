import { EventSourcedStorageError } from './event-sourced-storage.error.js';

/** A call was made with an id, client id, version, option or edit result that cannot be right. Nothing was written. */
export class InvalidArgumentError extends EventSourcedStorageError {
  /** Constant, safe to send to clients; over HTTP usually 400. */
  readonly code = 'INVALID_ARGUMENT';

  constructor(
    /** The name of the argument, for example `id` or `clientId`. */
    readonly argument: string,
    /** Continues "Invalid …: "; what is needed, and what was found. */
    problem: string,
    options?: ErrorOptions,
  ) {
    super(`Invalid ${argument}: ${problem}`, options);
  }
}
