import type { DocumentEvent, EventMetadata } from 'nestjs-event-sourced-storage';
import type { HistoryEntryAnswer } from './dto/history.answer.js';

/** The metadata key that names the person behind a client. */
export const authorKey = 'by';

/** What a list of versions shows of an event: no values, so that a page of it stays small whatever the game holds. */
export function historyEntry(event: DocumentEvent<unknown>): HistoryEntryAnswer {
  const { serverSeq: version, operation, timestamp, clientId, metadata = {} } = event;
  const { [authorKey]: by, reason } = metadata;
  const revertOf = revertedVersion(metadata);
  return {
    version,
    operation,
    at: timestamp.toISOString(),
    clientId,
    ...(typeof by === 'string' ? { by } : {}),
    ...(typeof reason === 'string' ? { reason } : {}),
    ...(revertOf === undefined ? {} : { revertOf }),
    paths: event.operation === 'update' ? [...Object.keys(event.diff.set), ...event.diff.unset] : [],
  };
}

/** The library records `revertOf: { version }` with a revert. */
function revertedVersion({ ['revertOf']: recorded }: EventMetadata): number | undefined {
  const { version }: { readonly version?: unknown } = typeof recorded === 'object' && recorded !== null ? recorded : {};
  return typeof version === 'number' ? version : undefined;
}
