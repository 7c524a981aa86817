import { HistoryCorruptError } from '../errors/history-corrupt.error.js';
import type { EventStore } from '../history/event-store.js';
import type { ResolvedFeatureOptions } from '../options/resolve-storage-options.js';
import type { DocumentReader, TransactionSession } from '../read/document-reader.js';
import { type DocumentState, versionOf } from '../read/document-state.js';
import type { WriteRequest } from './write-command.js';

/** Document and history are two reads; between them the document may come and go a few times, hardly more. */
const looks = 5;

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
export async function loadState(sources: StateSources, request: Pick<WriteRequest, 'documentId' | 'key' | 'address'>, session?: TransactionSession): Promise<DocumentState> {
  const how = session === undefined ? ({ level: 'newest' } as const) : { session };
  const timestamp = sources.readPath.lastTimestamp(request.key);
  for (let look = 1; ; look++) {
    const image = await sources.reader.read(request.documentId, how);
    if (image !== null) return { image, version: versionOf(image, sources.options.versionField), timestamp, source: 'fresh' };
    const head = await sources.events.head(request.documentId, how);
    if (head === null) return { image: null, version: 0, timestamp, source: 'fresh' };
    if (head.operation === 'delete') return { image: null, version: head.serverSeq, timestamp: Math.max(timestamp, head.timestamp.getTime()), source: 'fresh' };
    if (look === looks || session !== undefined) {
      throw new HistoryCorruptError(request.address, `the document is gone, but its history ends in ${head.operation} ${head.serverSeq}, not in a delete`);
    }
  }
}
