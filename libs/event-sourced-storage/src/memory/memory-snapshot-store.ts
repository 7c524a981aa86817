/* oxlint-disable typescript/require-await -- the port is asynchronous, memory is not */
import { type SnapshotEntry, type SnapshotSaveOptions, SnapshotStore } from '../history/snapshot-store.js';
import { cloneValue, idKey } from '../model/bson-values.js';
import type { Image } from '../model/diff.js';
import type { DocumentId } from '../model/document-id.js';
import type { Snapshot } from '../model/snapshot.js';
import type { MemoryDatabase } from './memory-database.js';
import { MemorySession } from './memory-session.js';

/** Keeps snapshots in a {@link MemoryDatabase}, where none is ever damaged. */
export class MemorySnapshotStore extends SnapshotStore {
  constructor(private readonly database: MemoryDatabase) {
    super();
  }

  override async save(snapshot: Snapshot<Image>, { session }: SnapshotSaveOptions = {}): Promise<Snapshot<Image>> {
    const key = idKey(snapshot.documentId);
    if (session === undefined) this.add(key, snapshot);
    else {
      const copy = cloneValue(snapshot);
      MemorySession.transactionOf(session).onEnd((end) => end === 'committed' && this.add(key, copy));
    }
    return this.find(key, snapshot.serverSeq) ?? snapshot;
  }

  override async newest(id: DocumentId, atMost: number = Infinity): Promise<Snapshot<Image> | null> {
    return this.sorted(id).find(({ serverSeq }) => serverSeq <= atMost) ?? null;
  }

  override async list(id: DocumentId, limit: number = Infinity): Promise<SnapshotEntry[]> {
    const found = this.sorted(id).slice(0, limit);
    return found.map(({ serverSeq, createdAt }) => ({ serverSeq, createdAt, pinned: this.isPinned(id, serverSeq) }));
  }

  override async pin(id: DocumentId, serverSeq: number): Promise<boolean> {
    const key = idKey(id);
    const isThere = this.find(key, serverSeq) !== undefined;
    if (isThere) this.database.pins.add(pinOf(key, serverSeq));
    return isThere;
  }

  override async remove(id: DocumentId, serverSeqs: readonly number[], floor: number): Promise<number> {
    const removable = serverSeqs.filter((serverSeq) => serverSeq < floor || !this.isPinned(id, serverSeq));
    return this.database.dropSnapshots(idKey(id), removable);
  }

  private add(key: string, snapshot: Snapshot<Image>): void {
    if (this.find(key, snapshot.serverSeq) === undefined) this.database.addSnapshot(key, snapshot);
  }

  private sorted(id: DocumentId): Snapshot<Image>[] {
    return this.database.snapshots(idKey(id)).toSorted((a, b) => b.serverSeq - a.serverSeq);
  }

  private find(key: string, serverSeq: number): Snapshot<Image> | undefined {
    return this.database.snapshots(key).find((stored) => stored.serverSeq === serverSeq);
  }

  private isPinned(id: DocumentId, serverSeq: number): boolean {
    return this.database.pins.has(pinOf(idKey(id), serverSeq));
  }
}

function pinOf(key: string, serverSeq: number): string {
  return `${serverSeq} ${key}`;
}
