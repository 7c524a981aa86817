/* oxlint-disable typescript/require-await -- the port is asynchronous, memory is not */
import { SnapshotStore } from '../history/snapshot-store.js';
import { idKey } from '../model/bson-values.js';
import type { Image } from '../model/diff.js';
import type { DocumentId } from '../model/document-id.js';
import type { Snapshot } from '../model/snapshot.js';
import type { MemoryDatabase } from './memory-database.js';

/** Keeps snapshots in a {@link MemoryDatabase}. */
export class MemorySnapshotStore extends SnapshotStore {
  constructor(private readonly database: MemoryDatabase) {
    super();
  }

  override async save(snapshot: Snapshot<Image>): Promise<Snapshot<Image>> {
    const key = idKey(snapshot.documentId);
    if (this.find(key, snapshot.serverSeq) === undefined) this.database.addSnapshot(key, snapshot);
    return this.find(key, snapshot.serverSeq) ?? snapshot;
  }

  override async newest(id: DocumentId, atMost: number = Infinity): Promise<Snapshot<Image> | null> {
    const found = this.database.snapshots(idKey(id)).filter(({ serverSeq }) => serverSeq <= atMost);
    return found.toSorted((a, b) => b.serverSeq - a.serverSeq)[0] ?? null;
  }

  private find(key: string, serverSeq: number): Snapshot<Image> | undefined {
    return this.database.snapshots(key).find((stored) => stored.serverSeq === serverSeq);
  }
}
