import { ClientAheadError } from '../errors/client-ahead.error.js';
import { DocumentNotFoundError } from '../errors/document-not-found.error.js';
import { HistoryCorruptError } from '../errors/history-corrupt.error.js';
import { HistoryMissingError } from '../errors/history-missing.error.js';
import type { Image } from '../model/diff.js';
import type { DocumentEvent } from '../model/document-event.js';
import type { DocumentId } from '../model/document-id.js';
import type { Snapshot } from '../model/snapshot.js';
import type { DocumentReader } from '../read/document-reader.js';
import { versionOf } from '../read/document-state.js';
import type { EventQuery, EventStore } from './event-store.js';
import { beforeHistory, replay, type ReplayState } from './replay.js';
import type { SnapshotStore } from './snapshot-store.js';

/** A page of events. */
export interface EventPage<T> {
  /** In the order asked for; empty when none is in the range. */
  readonly events: DocumentEvent<T>[];
  /** The range of the next page; absent on the last one. */
  readonly next?: EventQuery;
}

/** The newest snapshot and what happened since. */
export interface EventsWithSnapshot<T> {
  /** `null` when none was made yet. */
  readonly snapshot: Snapshot<T> | null;
  /** From the event after the snapshot, or from the first one, to the newest. */
  readonly events: DocumentEvent<T>[];
}

/** How many events a page holds unless the caller says otherwise. */
const defaultPage = 1_000;

/** Questions about the history of a document: what happened, and what was the state then. */
export class HistoryReader {
  constructor(
    private readonly events: EventStore,
    private readonly snapshots: SnapshotStore,
    private readonly documents: DocumentReader,
    private readonly facts: { readonly versionField: string; readonly collection: string; readonly now: () => number },
  ) {}

  /** Everything after `after` without a hole; empty for an unknown document. */
  async missingEvents(id: DocumentId, after: number, limit: number | undefined): Promise<DocumentEvent<Image>[]> {
    const events = await this.events.read(id, { from: after + 1, ...(limit === undefined ? {} : { limit }) });
    this.checkContiguous(id, after, events);
    if (events.length === 0 && after > 0) await this.refuseClientAhead(id, after);
    return events;
  }

  async page(id: DocumentId, query: EventQuery): Promise<EventPage<Image>> {
    const limit = query.limit ?? defaultPage;
    // one more than asked tells whether there is a next page
    const found = await this.events.read(id, { ...query, limit: limit + 1 });
    const events = found.slice(0, limit);
    const last = events.at(-1);
    if (found.length <= limit || last === undefined) return { events };
    return { events, next: { ...query, limit, ...(query.order === 'desc' ? { to: last.serverSeq - 1 } : { from: last.serverSeq + 1 }) } };
  }

  stream(id: DocumentId, query: EventQuery): AsyncIterable<DocumentEvent<Image>> {
    return this.events.stream(id, query);
  }

  /** The state right after the event `version`; `null` when the document did not exist then. */
  async stateAt(id: DocumentId, version: number): Promise<Image | null> {
    if (version === 0) return null;
    const state = await this.stateUpTo(id, version);
    if (state.version < version) throw await this.beyondHead(id, version);
    return state.image;
  }

  /** The state after the longest run of events from the first that were all recorded at or before `at`. */
  async stateAtTime(id: DocumentId, at: Date): Promise<Image | null> {
    const [firstLater] = await this.events.read(id, { since: new Date(at.getTime() + 1), limit: 1 });
    if (firstLater !== undefined) return this.stateAt(id, firstLater.serverSeq - 1);
    const head = await this.events.head(id);
    if (head === null) throw await this.beyondHead(id, 0);
    return this.stateAt(id, head.serverSeq);
  }

  /** Snapshots the document as it is stored now: state and number from one read. */
  async createSnapshot(id: DocumentId): Promise<Snapshot<Image>> {
    const image = await this.documents.read(id);
    const createdAt = new Date(this.facts.now());
    if (image !== null) {
      const serverSeq = versionOf(image, this.facts.versionField);
      if (serverSeq === 0) throw new HistoryMissingError(this.address(id));
      return this.snapshots.save({ documentId: id, serverSeq, state: image, createdAt });
    }
    const head = await this.events.head(id);
    if (head === null) throw new DocumentNotFoundError(this.address(id));
    if (head.operation !== 'delete') return this.createSnapshot(id); // re-created between the two reads
    return this.snapshots.save({ documentId: id, serverSeq: head.serverSeq, state: null, createdAt });
  }

  async eventsWithSnapshot(id: DocumentId): Promise<EventsWithSnapshot<Image>> {
    const snapshot = await this.snapshots.newest(id);
    const after = snapshot?.serverSeq ?? 0;
    const events = await this.events.read(id, { from: after + 1 });
    this.checkContiguous(id, after, events);
    return { snapshot, events };
  }

  private async stateUpTo(id: DocumentId, version: number): Promise<ReplayState> {
    const snapshot = await this.snapshots.newest(id, version);
    const from = snapshot === null ? beforeHistory : { image: snapshot.state, version: snapshot.serverSeq };
    try {
      return await replay(from, this.events.stream(id, { from: from.version + 1, to: version }), this.facts.versionField);
    } catch (error) {
      if (error instanceof RangeError) throw new HistoryCorruptError(this.address(id), error.message, { cause: error });
      throw error;
    }
  }

  private checkContiguous(id: DocumentId, after: number, events: readonly DocumentEvent<Image>[]): void {
    const wrong = events.findIndex((event, index) => event.serverSeq !== after + 1 + index);
    if (wrong >= 0) throw new HistoryCorruptError(this.address(id), `event ${after + 1 + wrong} is missing, the next one is ${events[wrong]?.serverSeq}`);
  }

  private async refuseClientAhead(id: DocumentId, after: number): Promise<void> {
    const head = await this.events.head(id, { level: 'newest' });
    if (head !== null && after > head.serverSeq) throw new ClientAheadError(this.address(id), head.serverSeq, after);
  }

  private async beyondHead(id: DocumentId, version: number): Promise<Error> {
    const head = await this.events.head(id, { level: 'newest' });
    if (head !== null) return new ClientAheadError(this.address(id), head.serverSeq, version);
    const image = await this.documents.read(id);
    return image === null ? new DocumentNotFoundError(this.address(id)) : new HistoryMissingError(this.address(id));
  }

  private address(id: DocumentId): string {
    return `${this.facts.collection}/${String(id)}`;
  }
}
