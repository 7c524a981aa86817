/* oxlint-disable typescript/require-await -- the port is asynchronous, memory is not */
import type { EventReadOptions } from '../history/event-store.js';
import { drawMark, epochOf, type FloorMark, generationLength, type StreamFacts, StreamStore } from '../history/stream-store.js';
import { idKey } from '../model/bson-values.js';
import type { DocumentId } from '../model/document-id.js';
import type { MemoryDatabase } from './memory-database.js';
import { visibleTo } from './memory-session.js';

/** Keeps the facts of histories in a {@link MemoryDatabase}. */
export class MemoryStreamStore extends StreamStore {
  constructor(
    private readonly database: MemoryDatabase,
    private readonly random: () => number = Math.random,
  ) {
    super();
  }

  override async read(id: DocumentId, { session }: EventReadOptions = {}): Promise<StreamFacts> {
    this.database.generation ??= drawMark(generationLength, this.random);
    const { mark, erasedOperations: _hidden, ...record } = visibleTo(session, this.database).stream(idKey(id));
    return { ...record, epoch: epochOf(this.database.generation, mark), purged: record.purgedAt !== undefined };
  }

  override async raiseFloor(id: DocumentId, { floor, floorAt }: FloorMark): Promise<boolean> {
    const record = this.database.stream(idKey(id));
    if (record.floor >= floor) return false;
    this.database.setStream(idKey(id), { ...record, floor, floorAt });
    return true;
  }

  override async renewGeneration(): Promise<string> {
    return (this.database.generation = drawMark(generationLength, this.random));
  }

  override async wasErased(id: DocumentId, operationId: string): Promise<boolean> {
    return this.database.stream(idKey(id)).erasedOperations?.includes(operationId) ?? false;
  }
}
