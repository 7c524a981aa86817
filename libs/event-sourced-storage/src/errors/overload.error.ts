import { EventSourcedStorageError } from './event-sourced-storage.error.js';

/** Too many writes wait already. Nothing was written; repeat later. */
export class OverloadError extends EventSourcedStorageError {
  /** Constant, safe to send to clients; over HTTP usually 503. */
  readonly code = 'OVERLOAD';

  constructor(
    /** The name of the collection of documents. */
    readonly collection: string,
    /** The option of this name, in writes. */
    readonly maxQueued: number,
  ) {
    super(`${collection} has ${maxQueued} writes waiting already (maxQueued). Nothing was written; try again later or raise maxQueued.`);
  }
}
