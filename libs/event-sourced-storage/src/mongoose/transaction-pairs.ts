import { idKey } from '../model/bson-values.js';
import type { DocumentId } from '../model/document-id.js';
import type { UnrecordedChange, WatchedDocuments } from '../watch/change-feed.js';
import type { StreamedChange } from './supervised-stream.js';

const operations: ReadonlySet<string> = new Set<UnrecordedChange['operation']>(['insert', 'update', 'replace', 'delete']);

/** A document changed in the transaction that is being told; its event may follow. */
interface Widow {
  readonly documents: WatchedDocuments;
  readonly change: UnrecordedChange;
}

/**
 * Pairs changes of documents with the events of the same transaction: all changes of one stand in a row. What is alone at its end was
 * made around the storage.
 */
export class TransactionPairs {
  private readonly widows = new Map<string, Widow>();
  private transaction: string | undefined;

  constructor(private readonly onUnrecorded: (documents: WatchedDocuments, change: UnrecordedChange) => void) {}

  add(change: StreamedChange, watched: ReadonlyMap<string, WatchedDocuments>): void {
    const transaction = markOf(change);
    if (transaction === undefined || transaction !== this.transaction) this.flush();
    this.transaction = transaction;
    const collection = change.ns?.coll ?? '';
    const documents = watched.get(collection);
    if (documents === undefined) {
      this.pair(collection, change);
      return;
    }
    if (!operations.has(change.operationType) || change.documentKey === undefined) return;
    const documentId = change.documentKey._id as DocumentId;
    this.widows.set(keyOf(documents.eventsCollection, documentId), { documents, change: { documentId, operation: change.operationType as UnrecordedChange['operation'] } });
    if (transaction === undefined) this.flush();
  }

  /** The transaction is over. */
  flush(): void {
    const left = [...this.widows.values()];
    this.clear();
    for (const { documents, change } of left) this.onUnrecorded(documents, change);
  }

  /** Forgets the transaction. */
  clear(): void {
    this.widows.clear();
    this.transaction = undefined;
  }

  private pair(eventsCollection: string, { operationType, documentKey }: StreamedChange): void {
    const id = (documentKey?._id as { readonly d?: DocumentId } | undefined)?.d;
    if (operationType === 'insert' && id !== undefined) this.widows.delete(keyOf(eventsCollection, id));
  }
}

function keyOf(eventsCollection: string, id: DocumentId): string {
  return `${eventsCollection} ${idKey(id)}`;
}

function markOf({ lsid, txnNumber }: StreamedChange): string | undefined {
  return lsid === undefined || txnNumber === undefined ? undefined : `${lsid.id.toString('hex')}/${Number(txnNumber)}`;
}
