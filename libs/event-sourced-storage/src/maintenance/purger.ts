import type { ErasedState, Erasure } from '../history/history-pruner.js';
import { drawMark, eraseMarkLength, firstKept } from '../history/stream-store.js';
import { idKey } from '../model/bson-values.js';
import type { DeleteEvent } from '../model/document-event.js';
import type { DocumentId } from '../model/document-id.js';
import type { Image } from '../model/diff.js';
import { versionOf } from '../read/document-state.js';
import type { ReadPath } from '../read/read-path.js';
import type { AfterCommit } from '../write/after-commit.js';
import { type PruningTools, removeEvents } from './maintenance-tools.js';

/** What `purge()` did. */
export interface PurgeResult {
  /** `false`: there was nothing to erase. */
  readonly purged: boolean;
  /** The number that the erasure took; `0` when nothing was ever there. A document created again goes on after it. */
  readonly version: number;
  /** How many events were removed. */
  readonly removed: number;
}

/** What erasing works with beside {@link PruningTools}. */
export interface PurgerTools extends PruningTools {
  readonly readPath: Pick<ReadPath, 'committed' | 'forget'>;
  readonly afterCommit: AfterCommit;
  readonly random: () => number;
  readonly newOperationId: () => string;
}

/**
 * Erases a document with everything that was ever recorded of it. First, in one commit, the document goes, an empty delete event takes the
 * next number, and the history gets a new epoch; the rest is invisible from then on and goes in batches. Interrupted anywhere it can be
 * repeated. Numbers go on after the erasure, so that nothing which still remembers the old life can be taken for the new one.
 */
export class Purger {
  constructor(private readonly tools: PurgerTools) {}

  async purge(id: DocumentId, clientId: string): Promise<PurgeResult> {
    let existed = false;
    const { now, newOperationId, random } = this.tools;
    const operationId = newOperationId();
    const mark = drawMark(eraseMarkLength, random);
    await this.tools.checkpoint('purge:begin');
    const erasure = await this.tools.pruner.erase(id, (state) => {
      existed = state.image !== null;
      return this.decide(id, state, { clientId, operationId, mark, now: now() });
    });
    if (erasure !== null) {
      await this.tools.checkpoint('purge:erased');
      await this.announce(id, erasure.event, existed);
    }
    return this.finish(id, erasure !== null);
  }

  /** `null` when there is nothing, or nothing since the last erasure. */
  private decide(
    documentId: DocumentId,
    { image, head, facts }: ErasedState,
    { clientId, operationId, mark, now }: { readonly clientId: string; readonly operationId: string; readonly mark: string; readonly now: number },
  ): Erasure | null {
    const newest = Math.max(head?.serverSeq ?? 0, image === null ? 0 : versionOf(image, this.tools.versionField), facts.floor);
    if (image === null && (head === null || newest === facts.purgedAt)) return null;
    const event: DeleteEvent<Image> = {
      documentId,
      serverSeq: newest + 1,
      operation: 'delete',
      clientId,
      timestamp: new Date(Math.max(now, head?.timestamp.getTime() ?? 0)),
      operationId,
      deletedDoc: { _id: documentId, [this.tools.versionField]: newest },
    };
    return { event, mark };
  }

  private async announce(id: DocumentId, event: DeleteEvent<Image>, existed: boolean): Promise<void> {
    await this.tools.readPath.committed(idKey(id), event.serverSeq, event.timestamp.getTime(), null);
    if (existed) this.tools.afterCommit.notify({ event, document: null });
  }

  private async finish(id: DocumentId, isNew: boolean): Promise<PurgeResult> {
    const facts = await this.tools.streams.read(id);
    if (facts.purgedAt === undefined) return { purged: false, version: 0, removed: 0 };
    await this.tools.readPath.forget(idKey(id));
    const removed = await removeEvents(this.tools, 'purge', id, Math.min(firstKept(facts), facts.purgedAt) - 1);
    await this.tools.checkpoint('purge:events-removed');
    const snapshots = await this.tools.pruner.removeSnapshots(id, facts.purgedAt);
    await this.tools.checkpoint('purge:snapshots-removed');
    return { purged: isNew || removed > 0 || snapshots > 0, version: facts.purgedAt, removed };
  }
}
