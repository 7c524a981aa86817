import type { EventStore } from '../history/event-store.js';
import type { HistoryPruner } from '../history/history-pruner.js';
import type { SnapshotStore } from '../history/snapshot-store.js';
import type { StreamStore } from '../history/stream-store.js';
import type { Image } from '../model/diff.js';
import type { DocumentEvent } from '../model/document-event.js';
import type { DocumentId } from '../model/document-id.js';
import type { DocumentReader, TransactionSession } from '../read/document-reader.js';
import type { DocumentCommitter } from '../write/document-committer.js';

/** A transaction that a caller has open. */
export interface CallerTransaction {
  readonly session: TransactionSession;
  /** Rejects when a write in it has failed. */
  commit(): Promise<void>;
  /** Also for one that the server has aborted. */
  abort(): Promise<void>;
}

/** The adapters of one feature over one empty store, and what a suite needs to look behind them. */
export interface StorageFixture {
  readonly versionField: string;
  readonly committer: DocumentCommitter;
  readonly reader: DocumentReader;
  readonly events: EventStore;
  readonly snapshots: SnapshotStore;
  readonly streams: StreamStore;
  readonly pruner: HistoryPruner;
  /** An id that was not used before. */
  newId(): DocumentId;
  /** Starts a transaction on the store. */
  startTransaction(): Promise<CallerTransaction>;
  /** Stores a document around the storage. */
  plantDocument(image: Image): Promise<void>;
  /** Stores an event around the storage. */
  plantEvent(event: DocumentEvent<Image>): Promise<void>;
  /** How many cursors are open on the store; left out by stores that have none. */
  openCursors?(): Promise<number>;
  /** Frees the store. */
  close(): Promise<void>;
}

/** Makes a fixture. Each is a store of its own: what happens in one is not seen in another. */
export type CreateStorageFixture = () => Promise<StorageFixture>;
