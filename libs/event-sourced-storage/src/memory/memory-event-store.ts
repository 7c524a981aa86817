/* oxlint-disable typescript/require-await -- the port is asynchronous, memory is not */
import { type EventQuery, type EventReadOptions, EventStore } from '../history/event-store.js';
import { idKey } from '../model/bson-values.js';
import type { Image } from '../model/diff.js';
import type { DocumentEvent } from '../model/document-event.js';
import type { DocumentId } from '../model/document-id.js';
import type { MemoryDatabase } from './memory-database.js';
import { visibleTo } from './memory-session.js';

type Events = readonly DocumentEvent<Image>[];

/** Reads histories from a {@link MemoryDatabase}, where all levels are one. */
export class MemoryEventStore extends EventStore {
  constructor(private readonly database: MemoryDatabase) {
    super();
  }

  override async read(id: DocumentId, query: EventQuery, options: EventReadOptions = {}): Promise<DocumentEvent<Image>[]> {
    return this.choose(id, options, (history) => select(history, query));
  }

  override async *stream(id: DocumentId, query: EventQuery): AsyncGenerator<DocumentEvent<Image>, void> {
    yield* await this.read(id, query);
  }

  override async head(id: DocumentId, options: EventReadOptions = {}): Promise<DocumentEvent<Image> | null> {
    return this.choose(id, options, (history) => history.slice(-1))[0] ?? null;
  }

  override async findOperation(id: DocumentId, operationId: string, options: EventReadOptions = {}): Promise<DocumentEvent<Image> | null> {
    return this.choose(id, options, (history) => history.filter((event) => event.operationId === operationId))[0] ?? null;
  }

  private choose(id: DocumentId, { session }: EventReadOptions, choose: (history: Events) => Events): DocumentEvent<Image>[] {
    return visibleTo(session, this.database).events(idKey(id), choose);
  }
}

function select(history: Events, query: EventQuery): Events {
  const found = history.filter((event) => isWanted(event, query));
  return (query.order === 'desc' ? found.toReversed() : found).slice(0, query.limit);
}

function isWanted(event: DocumentEvent<Image>, { from = 1, to = Infinity, since, until, clientId, operation }: EventQuery): boolean {
  return (
    event.serverSeq >= from &&
    event.serverSeq <= to &&
    (since === undefined || event.timestamp >= since) &&
    (until === undefined || event.timestamp <= until) &&
    (clientId === undefined || event.clientId === clientId) &&
    (operation === undefined || event.operation === operation)
  );
}
