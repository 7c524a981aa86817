import type { Image } from '../model/diff.js';
import type { DocumentId } from '../model/document-id.js';
import type { Snapshot } from '../model/snapshot.js';
import type { TransactionSession } from '../read/document-reader.js';

/** What there is to know of a snapshot without its state. */
export interface SnapshotEntry {
  readonly serverSeq: number;
  readonly createdAt: Date;
  /** It carries a floor, now or soon: what is below it may be gone. */
  readonly pinned: boolean;
}

/** How a snapshot is saved. */
export interface SnapshotSaveOptions {
  /** Save it inside this transaction. */
  readonly session?: TransactionSession | undefined;
}

/** PORT. Keeps snapshots of one feature. */
export abstract class SnapshotStore {
  /** Stores it. Saving one that is there already changes nothing; the stored one is returned. One that was found damaged is replaced. */
  abstract save(snapshot: Snapshot<Image>, options?: SnapshotSaveOptions): Promise<Snapshot<Image>>;

  /**
   * The newest snapshot with a number up to `atMost` (inclusive; default: any), or `null`. One whose state is not what was stored is
   * passed over, which is told to whoever watches the store.
   */
  abstract newest(id: DocumentId, atMost?: number): Promise<Snapshot<Image> | null>;

  /** The newest `limit` of a document's snapshots (default: all), the newest first. Does not look whether they are damaged. */
  abstract list(id: DocumentId, limit?: number): Promise<SnapshotEntry[]>;

  /**
   * Keeps a snapshot from `remove()` for good, before a floor is raised to it. `false` when it is not there: then it must carry no floor.
   */
  abstract pin(id: DocumentId, serverSeq: number): Promise<boolean>;

  /**
   * Removes those of the snapshots that are not pinned, or lie below the floor, where nobody needs them any more. A race with `pin()` is
   * decided for each snapshot once: it is pinned or removed. @returns how many
   */
  abstract remove(id: DocumentId, serverSeqs: readonly number[], floor: number): Promise<number>;
}
