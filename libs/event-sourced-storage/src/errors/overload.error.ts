import { EventSourcedStorageError } from './event-sourced-storage.error.js';

/** Too many writes wait already. Nothing was written; repeat later. */
export class OverloadError extends EventSourcedStorageError {
  readonly code = 'OVERLOAD';

  constructor(
    readonly collection: string,
    readonly maxQueued: number,
  ) {
    super(`${collection} has ${maxQueued} writes waiting already (maxQueued). Nothing was written; try again later or raise maxQueued.`);
  }
}
