import type { SnapshotEntry, SnapshotStore } from '../history/snapshot-store.js';
import type { StreamStore } from '../history/stream-store.js';
import type { DocumentId } from '../model/document-id.js';

/** How long snapshots are kept; `0`: no such rule. */
export interface Retention {
  readonly keepLast: number;
  readonly keepForMs: number;
}

/**
 * The numbers of the snapshots that nobody has to keep: beyond the newest `keepLast` and older than `keepForMs`, where a rule that is off
 * keeps nothing, but both off keep all. Never the newest, never the one at the floor; those below the floor are of no use to anybody.
 * @param entries the newest first
 */
export function removableSnapshots(entries: readonly SnapshotEntry[], { keepLast, keepForMs }: Retention, floor: number, now: number): number[] {
  if (keepLast === 0 && keepForMs === 0) return [];
  const isKept = ({ serverSeq, createdAt }: SnapshotEntry, index: number): boolean =>
    serverSeq >= floor && (index === 0 || serverSeq === floor || index < keepLast || (keepForMs > 0 && now - createdAt.getTime() < keepForMs));
  return entries.filter((entry, index) => !isKept(entry, index)).map(({ serverSeq }) => serverSeq);
}

/** Removes the snapshots of one document that are kept no longer. */
export class SnapshotRetention {
  constructor(
    private readonly snapshots: SnapshotStore,
    private readonly streams: StreamStore,
    private readonly retention: Retention,
    private readonly now: () => number,
  ) {}

  /** @returns how many were removed */
  async apply(id: DocumentId): Promise<number> {
    if (this.retention.keepLast === 0 && this.retention.keepForMs === 0) return 0;
    const entries = await this.snapshots.list(id);
    if (entries.length < 2) return 0;
    const { floor } = await this.streams.read(id);
    // compaction may be about to rely on one of them: the store decides that race
    return this.snapshots.remove(id, removableSnapshots(entries, this.retention, floor, this.now()), floor);
  }
}
