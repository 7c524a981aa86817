import { HistoryCompactedError } from '../errors/history-compacted.error.js';
import { HistoryCorruptError } from '../errors/history-corrupt.error.js';
import type { DocumentId } from '../model/document-id.js';
import type { EventStore } from './event-store.js';
import type { StreamStore } from './stream-store.js';

/** What can tell why an event is not there. */
export interface HistorySources {
  readonly events: EventStore;
  readonly streams: StreamStore;
  /** `collection/documentId`. */
  readonly address: (id: DocumentId) => string;
}

/** Why the event `expected` was not found, where `found` (or nothing) was: compacted away by now, or lost. */
export async function missingEvent({ events, streams, address }: HistorySources, id: DocumentId, expected: number, found: number | undefined): Promise<Error> {
  // read after the events: whoever removes them has raised the floor before
  const { floor } = await streams.read(id);
  if (expected <= floor) return compactedAway({ events, address }, id, floor);
  return new HistoryCorruptError(address(id), `event ${expected} is missing${found === undefined ? '' : `, the next one is ${found}`}`);
}

/** What is told of events up to the floor. */
export async function compactedAway({ events, address }: Omit<HistorySources, 'streams'>, id: DocumentId, floor: number): Promise<HistoryCompactedError> {
  return new HistoryCompactedError(address(id), floor, (await events.head(id))?.serverSeq ?? floor);
}
