import { EventSourcedStorageError } from './event-sourced-storage.error.js';

/** The events asked for were compacted away. Start again from a snapshot: `catchUp()` or `getEventsWithSnapshot()` give one. */
export class HistoryCompactedError extends EventSourcedStorageError {
  readonly code = 'HISTORY_COMPACTED';

  constructor(
    readonly address: string,
    /** The lowest number from which the history goes on. */
    readonly floor: number,
    /** The newest number. */
    readonly head: number,
  ) {
    super(`History of ${address} below ${floor} is gone (newest: ${head}). Start from a snapshot with getEventsWithSnapshot().`);
  }
}
