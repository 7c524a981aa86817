import type { Image } from '../model/diff.js';
import type { DocumentEvent, Operation } from '../model/document-event.js';
import type { DocumentId } from '../model/document-id.js';
import type { TransactionSession } from '../read/document-reader.js';
import type { FoldableEvent } from './replay.js';

/** Which events of one document. All bounds are inclusive. */
export interface EventQuery {
  /** Lowest number; `0` or none: from the first event that is kept. */
  readonly from?: number;
  /** Highest number. Default: the newest. */
  readonly to?: number;
  /** Recorded at or after. */
  readonly since?: Date;
  /** Recorded at or before. */
  readonly until?: Date;
  /** Only what this client asked for. Default: everybody's. */
  readonly clientId?: string;
  /** Only events of this kind. Default: all kinds. */
  readonly operation?: Operation;
  /** At most so many; `0` is refused. Default: 1,000 for `getEvents`, all for `streamEvents`. */
  readonly limit?: number;
  /** By number. Default `'asc'`. */
  readonly order?: 'asc' | 'desc';
}

/** How events are read. */
export interface EventReadOptions {
  readonly session?: TransactionSession | undefined;
  /** As in `DocumentReadOptions`. */
  readonly level?: 'majority' | 'newest';
}

/** PORT. Reads the histories of one feature, always from the primary. Writing is the committer's. */
export abstract class EventStore {
  /** Events by number. */
  abstract read(id: DocumentId, query: EventQuery, options?: EventReadOptions): Promise<DocumentEvent<Image>[]>;

  /** The same one by one, with memory that does not grow with the history. */
  abstract stream(id: DocumentId, query: EventQuery): AsyncIterable<DocumentEvent<Image>>;

  /** The same with what folding needs of each event, which may be all that travels. */
  streamToFold(id: DocumentId, query: EventQuery): AsyncIterable<FoldableEvent> {
    return this.stream(id, query);
  }

  /** The newest event, or `null` when there is no history. */
  abstract head(id: DocumentId, options?: EventReadOptions): Promise<DocumentEvent<Image> | null>;

  /** The event that this operation wrote, or `null`. */
  abstract findOperation(id: DocumentId, operationId: string, options?: EventReadOptions): Promise<DocumentEvent<Image> | null>;

  /** These events of any documents, as far as they are there, per document in the order of the numbers. `keys` name each event once. */
  async *pick(keys: readonly EventAddress[]): AsyncGenerator<DocumentEvent<Image>> {
    for (const { documentId, serverSeq } of keys) yield* await this.read(documentId, { from: serverSeq, to: serverSeq });
  }
}

/** Which event of which document. */
export interface EventAddress {
  readonly documentId: DocumentId;
  readonly serverSeq: number;
}
