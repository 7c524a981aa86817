/* oxlint-disable typescript/require-await -- the port is asynchronous, memory is not */
import { type ErasedState, type Erasure, HistoryPruner } from '../history/history-pruner.js';
import { idKey } from '../model/bson-values.js';
import type { DocumentId } from '../model/document-id.js';
import type { MemoryDatabase } from './memory-database.js';
import { MemoryStreamStore } from './memory-stream-store.js';

/** Removes from a {@link MemoryDatabase}. */
export class MemoryHistoryPruner extends HistoryPruner {
  constructor(private readonly database: MemoryDatabase) {
    super();
  }

  override async removeEvents(id: DocumentId, upTo: number, atMost: number): Promise<number> {
    return this.database.removeEvents(idKey(id), upTo, atMost);
  }

  override async removeSnapshots(id: DocumentId, below: number): Promise<number> {
    return this.database.removeSnapshotsBelow(idKey(id), below);
  }

  override async *documentIds(): AsyncGenerator<DocumentId, void, undefined> {
    for (const id of this.database.documentIds()) yield id;
  }

  override async erase(id: DocumentId, decide: (state: ErasedState) => Erasure | null): Promise<Erasure | null> {
    const key = idKey(id);
    const facts = await new MemoryStreamStore(this.database).read(id);
    const history = this.database.events(key, (all) => all);
    const erasure = decide({ image: this.database.document(key), head: history.at(-1) ?? null, facts });
    if (erasure === null) return null;
    const { event, mark } = erasure;
    const erasedOperations = history.filter(({ operation }) => operation === 'create').map(({ operationId }) => operationId);
    this.database.setDocument(key, null);
    this.database.addEvents(key, [event]);
    this.database.setStream(key, { floor: event.serverSeq, floorAt: event.timestamp, purgedAt: event.serverSeq, mark, erasedOperations });
    return erasure;
  }
}
