import type { EventStore } from '../history/event-store.js';
import { sameValue } from '../model/bson-values.js';
import type { Image } from '../model/diff.js';
import type { DocumentId } from '../model/document-id.js';
import type { DocumentReader } from '../read/document-reader.js';
import { versionOf } from '../read/document-state.js';

/** Where a document and its history are read. */
export interface DifferenceSources {
  readonly reader: DocumentReader;
  readonly events: EventStore;
  readonly versionField: string;
  /** The document right after an event. */
  readonly stateAt: (id: DocumentId, version: number) => Promise<Image | null>;
}

/** Document and history are separate reads; a difference counts when a second look finds both as they were. */
const looks = 5;

/** Whether the newest event of a document does not lead to what is stored. */
export async function historyDiffers(id: DocumentId, sources: DifferenceSources): Promise<boolean> {
  let before: string | undefined;
  for (let look = 1; look <= looks; look++) {
    const image = await sources.reader.read(id);
    const head = await sources.events.head(id);
    const gone = head === null || head.operation === 'delete';
    const version = image === null ? 0 : versionOf(image, sources.versionField);
    if (gone && image === null) return false;
    if (!gone && image !== null && version === head.serverSeq && sameValue(await sources.stateAt(id, version), image)) return false;
    const seen = `${image === null ? 'none' : version} ${head?.serverSeq ?? 0}`;
    if (seen === before) return true;
    before = seen;
  }
  return false; // written all the time: the next change around the storage is told again
}
