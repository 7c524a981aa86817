import type { CatchUpSnapshot } from '../history/cursor.js';
import type { StreamFacts } from '../history/stream-store.js';
import type { Image } from '../model/diff.js';
import type { DocumentEvent } from '../model/document-event.js';
import type { DocumentId } from '../model/document-id.js';

/** Who wants to know of commits. Both are hints: whoever is told reads. */
export interface SyncListener {
  /** The document has an event of this number, or a later one. */
  committed(id: DocumentId, version: number): void;
  /** Something may have been missed. */
  interrupted(): void;
}

/** A listening that can be ended. */
export interface SyncListening {
  /** Resolves once every commit from now on is told. Rejects never. */
  readonly ready: Promise<void>;
  /** Twice is harmless. */
  close(): Promise<void>;
}

/** PORT. What the sync room reads of one feature, always from the primary, and only what no fail-over takes back. */
export abstract class SyncSource {
  /** The collection of documents: the first part of every ref. */
  abstract readonly collection: string;
  /** The name of the model, which a path may use in place of the collection. */
  abstract readonly model: string;
  /** The field of the document that holds its version. */
  abstract readonly versionField: string;
  /** Whether commits of other processes are told to listeners; else the hub has to ask. */
  abstract readonly hearsOthers: boolean;

  /** The id that a text names. @throws InvalidArgumentError */
  abstract castId(text: string): DocumentId;

  /** Events by number from `from` on, at most `limit` and about `maxBytes`, but at least one when there is any. */
  abstract events(id: DocumentId, from: number, bounds: { readonly limit: number; readonly maxBytes: number }): Promise<DocumentEvent<Image>[]>;

  /** The newest event, or `null`. */
  abstract head(id: DocumentId): Promise<DocumentEvent<Image> | null>;

  /** What is particular about the history. */
  abstract facts(id: DocumentId): Promise<StreamFacts>;

  /** The present state with its number, in one read while the document is there; `null` when there is neither document nor history. */
  abstract state(id: DocumentId): Promise<CatchUpSnapshot<Image> | null>;

  /** The state at a number or a time; `null` when there is no history at all. @throws HistoryCompactedError, ClientAheadError */
  abstract stateAt(id: DocumentId, point: { readonly version: number } | { readonly at: Date }): Promise<CatchUpSnapshot<Image> | null>;

  /** The versions of those of the documents that are there, in one read, by `idKey`. */
  abstract versions(ids: readonly DocumentId[]): Promise<ReadonlyMap<string, number>>;

  /** Tells of commits until it is closed. */
  abstract listen(listener: SyncListener): SyncListening;
}
