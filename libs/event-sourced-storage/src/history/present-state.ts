import { ClientAheadError } from '../errors/client-ahead.error.js';
import { HistoryCompactedError } from '../errors/history-compacted.error.js';
import { HistoryCorruptError } from '../errors/history-corrupt.error.js';
import { HistoryMissingError } from '../errors/history-missing.error.js';
import type { Image } from '../model/diff.js';
import type { DocumentId } from '../model/document-id.js';
import type { DocumentReader } from '../read/document-reader.js';
import { versionOf } from '../read/document-state.js';
import type { EventReadOptions, EventStore } from './event-store.js';

/** Where a document and its history are read. */
export interface PresentSources {
  readonly documents: DocumentReader;
  readonly events: EventStore;
  readonly versionField: string;
  /** `collection/documentId`. */
  readonly address: (id: DocumentId) => string;
  /**
   * What the events up to a number lead to in the shape in which they are read. Left out without upcasters: then that is the document. With
   * them the document does not tell it, because it does not say which shape it has; see `Shapes`.
   */
  readonly stateAt?: ((id: DocumentId, version: number) => Promise<Image | null>) | undefined;
}

/** A document as it is now. */
export interface PresentState {
  /** `null`: it is deleted. */
  readonly image: Image | null;
  /** Of the image, both from one read; of a deleted document the number of its tombstone. `0`: an image written around the storage. */
  readonly version: number;
  /** When the tombstone was recorded; only of a deleted document. */
  readonly deletedAt?: Date;
}

/** Document and tombstone are two reads; between them the document may come and go a few times, hardly more. */
const looks = 5;

/**
 * The document, or the tombstone of its history; `null` when there is neither.
 * @throws HistoryCorruptError when the document is gone but its history does not end in a delete
 */
export async function presentState({ documents, events, versionField, address }: PresentSources, id: DocumentId, how: EventReadOptions = {}): Promise<PresentState | null> {
  for (let look = 1; ; look++) {
    const image = await documents.read(id, how);
    if (image !== null) return { image, version: versionOf(image, versionField) };
    const head = await events.head(id, how);
    if (head === null) return null;
    if (head.operation === 'delete') return { image: null, version: head.serverSeq, deletedAt: head.timestamp };
    // a transaction sees the same at every look
    if (look === looks || how.session !== undefined) {
      throw new HistoryCorruptError(address(id), `the document is gone, but its history ends in ${head.operation} ${head.serverSeq}, not in a delete`);
    }
  }
}

/**
 * The same as a start for whoever applies the events after it: in the shape in which they are read.
 * @throws HistoryCorruptError as {@link presentState}
 */
export async function startingState(sources: PresentSources, id: DocumentId): Promise<PresentState | null> {
  for (let look = 1; ; look++) {
    const present = await presentState(sources, id);
    if (sources.stateAt === undefined || present === null || present.image === null || present.version === 0) return present;
    try {
      return { ...present, image: (await sources.stateAt(id, present.version)) ?? present.image };
    } catch (error) {
      if (!isOvertaken(error)) throw error;
      // compacted or erased since, so there is a newer one; else its number was written around the storage, and it is in whatever shape
      if (look === looks) return present;
    }
  }
}

function isOvertaken(error: unknown): boolean {
  return error instanceof HistoryCompactedError || error instanceof ClientAheadError || error instanceof HistoryMissingError;
}
