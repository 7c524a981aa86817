/* oxlint-disable typescript/require-await -- the port is asynchronous, memory is not */
import { type HistoryHead, HistoryIndex } from '../maintenance/history-index.js';
import { byteSize, idKey } from '../model/bson-values.js';
import type { Image } from '../model/diff.js';
import type { DocumentEvent } from '../model/document-event.js';
import type { DocumentId } from '../model/document-id.js';
import type { MemoryDatabase } from './memory-database.js';

/** Histories of a {@link MemoryDatabase}, in the order in which they began. */
export class MemoryHistoryIndex extends HistoryIndex {
  constructor(private readonly database: MemoryDatabase) {
    super();
  }

  override async idsAfter(after: DocumentId | undefined, limit: number): Promise<DocumentId[]> {
    const ids = this.database.documentIds();
    const start = after === undefined ? 0 : ids.findIndex((id) => idKey(id) === idKey(after)) + 1;
    return ids.slice(start, start + limit);
  }

  override async head(id: DocumentId): Promise<HistoryHead | null> {
    const last = this.history(id).at(-1);
    return last === undefined ? null : { serverSeq: last.serverSeq, isDeleted: last.operation === 'delete' };
  }

  override async oldestAt(id: DocumentId): Promise<Date | null> {
    return this.history(id)[0]?.timestamp ?? null;
  }

  override async bytesAfter(id: DocumentId, after: number): Promise<number> {
    return this.history(id).reduce((sum, event) => sum + (event.serverSeq > after ? byteSize(event) : 0), 0);
  }

  private history(id: DocumentId): DocumentEvent<Image>[] {
    return this.database.events(idKey(id), (all) => all);
  }
}
