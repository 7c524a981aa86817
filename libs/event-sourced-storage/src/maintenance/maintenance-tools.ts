import type { EventStore } from '../history/event-store.js';
import type { HistoryPruner } from '../history/history-pruner.js';
import type { Shapes } from '../history/shapes.js';
import type { SnapshotStore } from '../history/snapshot-store.js';
import type { StreamStore } from '../history/stream-store.js';
import type { DocumentId } from '../model/document-id.js';

/** What removing parts of histories works with. */
export interface PruningTools {
  /** Events and snapshots as they are stored, whatever shape they are read in: what stands for removed events must not be taken for a newer shape. */
  readonly events: EventStore;
  readonly snapshots: SnapshotStore;
  /** Where that shape and the one in which they are read may differ. */
  readonly shapes?: Shapes | undefined;
  readonly streams: StreamStore;
  readonly pruner: HistoryPruner;
  readonly versionField: string;
  readonly now: () => number;
  /** `collection/documentId`. */
  readonly address: (id: DocumentId) => string;
  /** Called at named points, to be interrupted there by a test. */
  readonly checkpoint: (name: string) => void | Promise<void>;
}

/** Events that one command removes: it holds up no writer for long. */
export const batchSize = 1_000;

/** Removes the events up to a number, in batches. Repeating it removes what an interrupted one left. @returns how many */
export async function removeEvents({ pruner, checkpoint }: PruningTools, verb: string, id: DocumentId, upTo: number): Promise<number> {
  let removed = 0;
  for (let batch = await pruner.removeEvents(id, upTo, batchSize); batch > 0; batch = await pruner.removeEvents(id, upTo, batchSize)) {
    removed += batch;
    await checkpoint(`${verb}:batch-removed`);
  }
  return removed;
}
