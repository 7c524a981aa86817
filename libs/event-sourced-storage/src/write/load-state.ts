import type { EventStore } from '../history/event-store.js';
import { presentState } from '../history/present-state.js';
import type { ResolvedFeatureOptions } from '../options/resolve-storage-options.js';
import type { DocumentReader, TransactionSession } from '../read/document-reader.js';
import type { DocumentState } from '../read/document-state.js';
import type { WriteRequest } from './write-command.js';

/** What {@link loadState} reads from. */
export interface StateSources {
  readonly reader: DocumentReader;
  readonly events: EventStore;
  readonly options: ResolvedFeatureOptions;
  /** When this process last recorded an event of the document, in ms; `0` when it did not. */
  readonly readPath: { lastTimestamp(key: string): number };
}

/**
 * What the database holds now, as the base of a write: the newest state of the primary, whose own commit then decides.
 * A missing document goes on from the tombstone of its history, if it has one.
 * @throws HistoryCorruptError when the document is gone but its history does not end in a delete
 */
export async function loadState(
  { reader, events, options, readPath }: StateSources,
  { documentId, key, address }: Pick<WriteRequest, 'documentId' | 'key' | 'address'>,
  session?: TransactionSession,
): Promise<DocumentState> {
  const how = session === undefined ? ({ level: 'newest' } as const) : { session };
  const timestamp = readPath.lastTimestamp(key);
  const present = await presentState({ documents: reader, events, versionField: options.versionField, address: () => address }, documentId, how);
  if (present === null) return { image: null, version: 0, timestamp, source: 'fresh' };
  const { image, version, deletedAt } = present;
  return { image, version, timestamp: Math.max(timestamp, deletedAt?.getTime() ?? 0), source: 'fresh' };
}
