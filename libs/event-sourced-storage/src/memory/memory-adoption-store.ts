/* oxlint-disable typescript/require-await -- the port is asynchronous, memory is not */
import { refuseUnstorable } from '../maintenance/adopter.js';
import { type Adoption, type AdoptionCandidate, AdoptionStore } from '../maintenance/adoption-store.js';
import { byteSize, idKey } from '../model/bson-values.js';
import type { Image } from '../model/diff.js';
import type { DocumentEvent } from '../model/document-event.js';
import type { DocumentId } from '../model/document-id.js';
import type { TransactionSession } from '../read/document-reader.js';
import type { MemoryDatabase } from './memory-database.js';
import { visibleTo } from './memory-session.js';

/** Adopts documents of a {@link MemoryDatabase}. */
export class MemoryAdoptionStore extends AdoptionStore {
  constructor(private readonly database: MemoryDatabase) {
    super();
  }

  override async *candidates(size: number): AsyncGenerator<{ readonly looked: number; readonly candidates: readonly AdoptionCandidate[] }> {
    const all = this.database.documents().map((image) => ({ documentId: image['_id'] as DocumentId, bytes: byteSize(image) }));
    for (let start = 0; start < all.length; start += size) {
      const page = all.slice(start, start + size);
      yield { looked: page.length, candidates: page.filter(({ documentId }) => !this.hasHistory(this.database, documentId)) };
    }
  }

  override async adopt(ids: readonly DocumentId[], genesis: (image: Image) => DocumentEvent<Image>, session: TransactionSession): Promise<readonly (Adoption | Error)[]> {
    const database = visibleTo(session, this.database);
    return ids.map((id) => {
      const image = database.document(idKey(id));
      if (image === null || this.hasHistory(database, id)) return 'skipped';
      try {
        refuseUnstorable(image, byteSize(image), { address: `${database.collection}/${String(id)}`, maxDocumentBytes: Infinity });
      } catch (error) {
        return error as Error;
      }
      const event = genesis(image);
      database.setDocument(idKey(id), event.operation === 'create' ? event.createdDoc : image);
      database.addEvents(idKey(id), [event]);
      return 'adopted';
    });
  }

  private hasHistory(database: MemoryDatabase, id: DocumentId): boolean {
    return database.hasEvent(idKey(id), () => true);
  }
}
