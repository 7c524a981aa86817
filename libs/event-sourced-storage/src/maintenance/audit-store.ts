import type { StreamFacts } from '../history/stream-store.js';
import type { Image } from '../model/diff.js';
import type { DocumentEvent } from '../model/document-event.js';
import type { DocumentId } from '../model/document-id.js';
import type { Snapshot } from '../model/snapshot.js';
import type { TransactionSession } from '../read/document-reader.js';
import type { HistoryProblemKind } from './history-problem.js';

/** What is wrong with a record before anybody looks at what it means. */
export interface RecordFlaw {
  readonly kind: Extract<HistoryProblemKind, 'event-changed' | 'event-unreadable' | 'number-wrong' | 'snapshot-differs'>;
  readonly message: string;
  readonly expected?: string | number;
  readonly found?: string | number;
}

/** An event as it lies in the store. */
export interface StoredEvent {
  /** NaN when it has none. */
  readonly serverSeq: number;
  /** `null` when the record is no event. */
  readonly event: DocumentEvent<Image> | null;
  readonly flaw?: RecordFlaw;
}

/** A snapshot as it lies in the store. */
export interface StoredSnapshot {
  /** NaN when it has none. */
  readonly serverSeq: number;
  readonly state: Image | null;
  /** When it was made, and how it is to be read, as far as it says so. */
  readonly createdAt?: Date;
  readonly schemaVersion?: number;
  readonly leftovers?: readonly string[];
  /** Names it for {@link AuditStore.mendSnapshot}. */
  readonly key: unknown;
  readonly flaw?: RecordFlaw;
}

/** All that is stored about one document, at one moment. */
export interface AuditView {
  readonly document: Image | null;
  /** What is wrong with the document's number, whatever its value. */
  readonly numberFlaw?: RecordFlaw;
  readonly facts: StreamFacts;
  /** By number; the ones without a number first. */
  readonly snapshots: AsyncIterable<StoredSnapshot> | Iterable<StoredSnapshot>;
  /** By number; the ones without a number first or last. */
  readonly events: AsyncIterable<StoredEvent> | Iterable<StoredEvent>;
  /** How many events of the document have a key of another form, which no reader finds. Asked after the events were read. */
  strayEvents(): Promise<number>;
}

/** A change of a document around the write path, on condition that all is as it was seen. */
export interface Repair {
  readonly documentId: DocumentId;
  /** What the repair was decided on. */
  readonly seen: { readonly document: Image | null; readonly head: number };
  /** What the document shall be, number included; `null`: gone. */
  readonly document: Image | null;
  /** Records the repair as the next event. */
  readonly event?: DocumentEvent<Image>;
}

/** PORT. Looks at what is stored without believing any of it, and repairs. */
export abstract class AuditStore {
  /** Runs `look` on a view of one moment: writers at the same time change nothing in it. May run again when the view was lost. */
  abstract inspect<R>(id: DocumentId, look: (view: AuditView) => Promise<R>): Promise<R>;

  /** The ids of all documents, and of all histories whose document is gone, each once. */
  abstract ids(): AsyncIterable<DocumentId>;

  /** Inside the transaction. `false`: something is no longer as it was seen, and nothing was written. */
  abstract repair(repair: Repair, session: TransactionSession): Promise<boolean>;

  /** Puts the right content into a snapshot, or removes it. One that is gone already is no failure. */
  abstract mendSnapshot(key: unknown, right: Snapshot<Image> | undefined): Promise<void>;
}
