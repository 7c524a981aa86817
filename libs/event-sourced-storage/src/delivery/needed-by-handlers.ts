import { CompactionGuard } from '../maintenance/compaction-guard.js';
import { idKey } from '../model/bson-values.js';
import type { DocumentId } from '../model/document-id.js';
import type { DeliverySource, DeliveryStore } from './delivery-store.js';
import { partitionOf } from './partition-of.js';

/** Keeps the events that a durable handler of this application has not handled. A handler that this application does not have keeps nothing. */
export class NeededByHandlers extends CompactionGuard {
  constructor(
    private readonly handler: string,
    private readonly store: DeliveryStore,
    private readonly source: DeliverySource,
  ) {
    super();
  }

  override async lowestNeeded(id: DocumentId): Promise<number | null> {
    const state = await this.store.state(this.handler);
    if (state === null) return null;
    const key = { handler: this.handler, generation: state.generation, partition: partitionOf(idKey(id), state.partitions) };
    const checkpoint = (await this.store.checkpoints(key, [id])).get(idKey(id));
    if (checkpoint !== undefined) return checkpoint.serverSeq + 1;
    if (state.from === 'beginning') return 1;
    const since = state.from === 'now' ? state.begunAt : state.from;
    return since === undefined ? null : ((await this.source.firstSince(id, since)) ?? null);
  }
}
