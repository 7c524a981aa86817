/* oxlint-disable typescript/require-await -- the port is asynchronous, memory is not */
import { firstKept } from '../history/stream-store.js';
import { AuditStore, type AuditView, type Repair } from '../maintenance/audit-store.js';
import { idKey, sameValue } from '../model/bson-values.js';
import type { Image } from '../model/diff.js';
import type { DocumentId } from '../model/document-id.js';
import type { Snapshot } from '../model/snapshot.js';
import type { TransactionSession } from '../read/document-reader.js';
import type { MemoryDatabase } from './memory-database.js';
import { visibleTo } from './memory-session.js';
import { MemoryStreamStore } from './memory-stream-store.js';

/** Looks into a {@link MemoryDatabase}, whose records cannot be but well-formed. */
export class MemoryAuditStore extends AuditStore {
  constructor(private readonly database: MemoryDatabase) {
    super();
  }

  override async inspect<R>(id: DocumentId, look: (view: AuditView) => Promise<R>): Promise<R> {
    const moment = this.database.fork();
    const key = idKey(id);
    const facts = await new MemoryStreamStore(moment).read(id);
    return look({
      document: moment.document(key),
      facts,
      snapshots: moment
        .snapshots(key)
        .toSorted((a, b) => a.serverSeq - b.serverSeq)
        .map((snapshot) => Object.assign({ key: snapshot }, snapshot)),
      events: moment.events(key, (history) => history.filter(({ serverSeq }) => serverSeq >= firstKept(facts))).map((event) => ({ serverSeq: event.serverSeq, event })),
      strayEvents: async () => 0,
    });
  }

  override async *ids(): AsyncGenerator<DocumentId> {
    for (const image of this.database.documents()) yield image['_id'] as DocumentId;
  }

  override async repair({ documentId, seen, document, event }: Repair, session: TransactionSession): Promise<boolean> {
    const database = visibleTo(session, this.database);
    const key = idKey(documentId);
    if (!sameValue(database.document(key), seen.document)) return false;
    database.setDocument(key, document);
    if (event !== undefined) database.addEvents(key, [event]);
    return true;
  }

  override async mendSnapshot(key: unknown, right: Snapshot<Image> | undefined): Promise<void> {
    const { documentId, serverSeq } = key as Snapshot;
    this.database.removeSnapshot(idKey(documentId), serverSeq);
    if (right !== undefined) this.database.addSnapshot(idKey(documentId), right);
  }
}
