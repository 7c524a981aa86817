import type { Image } from '../model/diff.js';
import type { DocumentId } from '../model/document-id.js';

/**
 * A transaction of the caller: a `ClientSession` of the driver. Opaque to the core rooms, which only hand it through;
 * `id` is what every driver session has.
 */
export interface TransactionSession {
  /** The logical session id of the driver; never looked at. */
  readonly id?: unknown;
  /** Whether a transaction runs in it; writes refuse one without (`InvalidArgumentError`). */
  inTransaction(): boolean;
}

/** Which documents, and how many of them, in the form that the driver takes. */
export interface DocumentQuery {
  readonly filter: Readonly<Record<string, unknown>>;
  readonly sort?: Readonly<Record<string, 1 | -1>>;
  readonly skip?: number;
  readonly limit?: number;
  readonly projection?: Readonly<Record<string, 0 | 1>>;
}

/** How a read is made. */
export interface DocumentReadOptions {
  /** Read inside this transaction. */
  readonly session?: TransactionSession | undefined;
  /**
   * `'majority'` (default): what can never be rolled back. `'newest'`: the primary's newest state, for the base of a write, whose own
   * commit then decides. `'linearizable'`: as majority, and confirmed with the other members that the answering primary still is one.
   */
  readonly level?: 'majority' | 'newest' | 'linearizable';
  readonly signal?: AbortSignal | undefined;
}

/** PORT. Reads documents as stored, always from the primary. */
export abstract class DocumentReader {
  /** The stored image, or `null`. The caller owns it. */
  abstract read(id: DocumentId, options?: DocumentReadOptions): Promise<Image | null>;

  /** Those of them that exist, in any order. The caller owns them. */
  abstract readEach(ids: readonly DocumentId[], options?: DocumentReadOptions): Promise<Image[]>;

  /** Documents by query; the caller has checked the query. */
  abstract readMany(query: DocumentQuery, options?: DocumentReadOptions): Promise<Image[]>;
}
