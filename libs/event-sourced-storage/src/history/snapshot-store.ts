import type { Image } from '../model/diff.js';
import type { DocumentId } from '../model/document-id.js';
import type { Snapshot } from '../model/snapshot.js';

/** PORT. Keeps snapshots of one feature. */
export abstract class SnapshotStore {
  /** Stores it. Saving one that is there already changes nothing; the stored one is returned. */
  abstract save(snapshot: Snapshot<Image>): Promise<Snapshot<Image>>;

  /** The newest snapshot with a number up to `atMost` (inclusive; default: any), or `null`. */
  abstract newest(id: DocumentId, atMost?: number): Promise<Snapshot<Image> | null>;
}
