import { idKey } from '../model/bson-values.js';
import type { DocumentId } from '../model/document-id.js';
import { MemoryDatabase } from '../memory/memory-database.js';
import { MemoryDocumentCommitter } from '../memory/memory-document-committer.js';
import { MemoryDocumentReader } from '../memory/memory-document-reader.js';
import { MemoryEventStore } from '../memory/memory-event-store.js';
import { MemorySession } from '../memory/memory-session.js';
import { MemoryHistoryPruner } from '../memory/memory-history-pruner.js';
import { MemoryStreamStore } from '../memory/memory-stream-store.js';
import { MemorySnapshotStore } from '../memory/memory-snapshot-store.js';
import type { StorageFixture } from './storage-fixture.js';

/** The memory adapters over one empty database. */
export function createMemoryFixture(newId: () => DocumentId): Promise<StorageFixture> {
  const database = new MemoryDatabase();
  return Promise.resolve({
    versionField: database.versionField,
    committer: new MemoryDocumentCommitter(database),
    reader: new MemoryDocumentReader(database),
    events: new MemoryEventStore(database),
    snapshots: new MemorySnapshotStore(database),
    streams: new MemoryStreamStore(database),
    pruner: new MemoryHistoryPruner(database),
    newId,
    startTransaction: () => {
      const session = new MemorySession();
      session.startTransaction();
      return Promise.resolve({ session, commit: () => session.commitTransaction(), abort: () => session.abortTransaction() });
    },
    plantDocument: (image) => {
      database.setDocument(idKey(image['_id'] as DocumentId), image); // a planted document has an id
      return Promise.resolve();
    },
    plantEvent: (event) => {
      database.addEvents(idKey(event.documentId), [event]);
      return Promise.resolve();
    },
    close: () => Promise.resolve(),
  });
}
