import { EventSourcedStorageError } from './event-sourced-storage.error.js';

/** The events asked for were compacted away. Start again from a state: `catchUp()` and `getEventsWithSnapshot()` give one. */
export class HistoryCompactedError extends EventSourcedStorageError {
  /** Constant, safe to send to clients; over HTTP usually 410. */
  readonly code = 'HISTORY_COMPACTED';

  constructor(
    /** `collection/documentId`. */
    readonly address: string,
    /** The lowest number from which the history goes on. */
    readonly floor: number,
    /** The newest number. */
    readonly head: number,
  ) {
    super(`History of ${address} below ${floor} is gone (newest: ${head}). Start from a snapshot with getEventsWithSnapshot().`);
  }
}
