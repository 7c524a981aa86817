import { ClientAheadError } from '../errors/client-ahead.error.js';
import { DocumentNotFoundError } from '../errors/document-not-found.error.js';
import { HistoryCompactedError } from '../errors/history-compacted.error.js';
import { HistoryCorruptError } from '../errors/history-corrupt.error.js';
import { HistoryMissingError } from '../errors/history-missing.error.js';
import type { Image } from '../model/diff.js';
import type { DocumentEvent } from '../model/document-event.js';
import type { DocumentId } from '../model/document-id.js';
import type { Snapshot } from '../model/snapshot.js';
import type { DocumentReader } from '../read/document-reader.js';
import { catchUp, type CatchUpSources } from './catch-up.js';
import type { CatchUp, Cursor } from './cursor.js';
import type { EventQuery, EventStore } from './event-store.js';
import type { HistoryPruner } from './history-pruner.js';
import { compactedAway, missingEvent } from './missing-event.js';
import { presentState } from './present-state.js';
import { beforeHistory, replay, type ReplayState } from './replay.js';
import { mixedShapes, type Shapes } from './shapes.js';
import type { SnapshotStore } from './snapshot-store.js';
import { firstKept, type StreamFacts, type StreamStore } from './stream-store.js';
import { isEveryEvent, walkEvents } from './walk-events.js';

/** A page of events. */
export interface EventPage<T> {
  /** In the order asked for; empty when none is in the range. */
  readonly events: DocumentEvent<T>[];
  /** The range of the next page; absent on the last one. */
  readonly next?: EventQuery;
  /** The events up to this number were compacted away, and are missing from this page. Absent when nothing is missing. */
  readonly floor?: number;
}

/** The newest snapshot and what happened since. */
export interface EventsWithSnapshot<T> {
  /** `null` when none was made yet. */
  readonly snapshot: Snapshot<T> | null;
  /** From the event after the snapshot, or from the first one, to the newest. */
  readonly events: DocumentEvent<T>[];
}

/** Stores a snapshot and answers the stored one. */
type SaveSnapshot = (snapshot: Snapshot<Image>) => Promise<Snapshot<Image>>;

/** What reading histories needs to know of the feature. */
export interface HistoryReaderFacts {
  readonly versionField: string;
  readonly collection: string;
  readonly now: () => number;
  readonly pruner: Pick<HistoryPruner, 'removeSnapshots'>;
  /** Where events are read in another shape than documents may have. */
  readonly shapes?: Shapes | undefined;
}

/** How many events a page holds unless the caller says otherwise. */
const defaultPage = 1_000;

/** Between a snapshot and the events after it a compaction may come; it will not come that often. */
const looks = 5;

/** Questions about the history of a document: what happened, and what was the state then. */
export class HistoryReader {
  private readonly sources: CatchUpSources;

  constructor(
    private readonly events: EventStore,
    private readonly snapshots: SnapshotStore,
    private readonly documents: DocumentReader,
    private readonly streams: StreamStore,
    private readonly facts: HistoryReaderFacts,
  ) {
    const stateAt = facts.shapes && ((id: DocumentId, version: number) => this.stateAt(id, version));
    this.sources = { events, streams, documents, versionField: facts.versionField, address: (id) => this.address(id), stateAt };
  }

  /** Epoch, floor and erasure of one history. */
  streamFacts(id: DocumentId): Promise<StreamFacts> {
    return this.streams.read(id);
  }

  /** What a client with this cursor has to apply; see {@link catchUp}. */
  catchUp(id: DocumentId, cursor: Cursor | undefined): Promise<CatchUp> {
    return catchUp(this.sources, id, cursor);
  }

  /** Everything after `after` without a hole; empty for an unknown document. */
  async missingEvents(id: DocumentId, after: number, limit: number | undefined): Promise<DocumentEvent<Image>[]> {
    const events = await this.events.read(id, { from: after + 1, ...(limit === undefined ? {} : { limit }) });
    await this.checkContiguous(id, after, events);
    if (events.length === 0 && after > 0) await this.refuseClientAhead(id, after);
    return events;
  }

  /** A page never hides a hole: an explicit `from` below the floor is refused, without one the page begins above the floor and says so. */
  async page(id: DocumentId, query: EventQuery): Promise<EventPage<Image>> {
    const limit = query.limit ?? defaultPage;
    // one more than asked tells whether there is a next page
    const found = await this.events.read(id, { ...query, limit: limit + 1 });
    const floor = isWhole(query, found) ? 0 : await this.floorOf(id, query.from ?? 0);
    const kept = floor === 0 ? found : found.filter(({ serverSeq }) => serverSeq >= floor);
    const events = kept.slice(0, limit);
    const last = events.at(-1);
    const said = floor === 0 ? {} : { floor: floor - 1 };
    if (kept.length <= limit || last === undefined) return { events, ...said };
    return { events, next: { ...query, limit, ...(query.order === 'desc' ? { to: last.serverSeq - 1 } : { from: last.serverSeq + 1 }) }, ...said };
  }

  stream(id: DocumentId, query: EventQuery): AsyncIterable<DocumentEvent<Image>> {
    return walkEvents(this.sources, id, query);
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
    const version = await this.versionAt(id, at);
    if (version === undefined) throw await this.beyondHead(id, 0);
    return this.stateAt(id, version);
  }

  /** The number of the last of these events; `undefined` without any history. @throws HistoryCompactedError when that is below the floor */
  async versionAt(id: DocumentId, at: Date): Promise<number | undefined> {
    const [firstLater] = await this.events.read(id, { since: new Date(at.getTime() + 1), limit: 1 });
    if (firstLater === undefined) return (await this.events.head(id))?.serverSeq;
    const version = firstLater.serverSeq - 1;
    if (version > 0) await this.refuseBefore(id, version, at);
    return version;
  }

  /**
   * Snapshots the document as it is stored now: state and number from one read. @param save how it is saved. Default: at once
   * @throws HistoryCorruptError when what is stored would be read as another state than its events lead to
   */
  async createSnapshot(id: DocumentId, save: SaveSnapshot = (snapshot) => this.snapshots.save(snapshot)): Promise<Snapshot<Image>> {
    return this.save(await this.snapshotOf(id), save);
  }

  private async snapshotOf(id: DocumentId): Promise<Snapshot<Image>> {
    for (let look = 1; ; look++) {
      const present = await presentState(this.sources, id);
      if (present === null) throw new DocumentNotFoundError(this.address(id));
      if (present.version === 0) throw new HistoryMissingError(this.address(id));
      try {
        return await this.inItsShape({ documentId: id, serverSeq: present.version, state: present.image, createdAt: new Date(this.facts.now()) });
      } catch (error) {
        // compacted or erased since: there is a newer one
        if (!(error instanceof HistoryCompactedError) || look === looks) throw error;
      }
    }
  }

  private async inItsShape(snapshot: Snapshot<Image>): Promise<Snapshot<Image>> {
    const { shapes } = this.facts;
    const { documentId, serverSeq } = snapshot;
    if (shapes === undefined || snapshot.state === null) return snapshot;
    const labelled = shapes.labelled(snapshot, await this.stateAt(documentId, serverSeq));
    if (labelled === undefined) throw mixedShapes(this.address(documentId), serverSeq);
    return labelled;
  }

  /** An erasure may have come between reading the state and saving it: then it must not stay. */
  private async save(snapshot: Snapshot<Image>, save: SaveSnapshot): Promise<Snapshot<Image>> {
    const { documentId, serverSeq } = snapshot;
    const saved = await save(snapshot);
    const { purgedAt = 0 } = await this.streams.read(documentId);
    if (serverSeq >= purgedAt) return saved;
    await this.facts.pruner.removeSnapshots(documentId, purgedAt);
    throw new DocumentNotFoundError(this.address(documentId));
  }

  async eventsWithSnapshot(id: DocumentId): Promise<EventsWithSnapshot<Image>> {
    for (let look = 1; ; look++) {
      const snapshot = (await this.snapshots.newest(id)) ?? null;
      const after = snapshot?.serverSeq ?? 0;
      const events = await this.events.read(id, { from: after + 1 });
      if (events.every((event, index) => event.serverSeq === after + 1 + index)) return { snapshot, events };
      const facts = await this.streams.read(id);
      if (facts.purgedAt === facts.floor && after < facts.floor) return this.sinceErasure(id, facts);
      if (facts.floor <= after || look === looks) await this.checkContiguous(id, after, events);
    }
  }

  /** Nothing was before the erasure: as good as a snapshot of no document. */
  private async sinceErasure(id: DocumentId, { floor, floorAt }: StreamFacts): Promise<EventsWithSnapshot<Image>> {
    const events = await this.events.read(id, { from: floor + 1 });
    await this.checkContiguous(id, floor, events);
    return { snapshot: { documentId: id, serverSeq: floor, state: null, createdAt: floorAt ?? new Date(0) }, events };
  }

  private async stateUpTo(id: DocumentId, version: number): Promise<ReplayState> {
    for (let look = 1; ; look++) {
      const snapshot = await this.snapshots.newest(id, version);
      const from = snapshot === null ? beforeHistory : { image: snapshot.state, version: snapshot.serverSeq };
      const reached = await this.replayUpTo(id, from, version);
      if (!(reached instanceof RangeError) && (reached.version === version || version === 0)) return reached;
      const facts = await this.streams.read(id);
      if (facts.floor <= from.version) {
        if (reached instanceof RangeError) throw new HistoryCorruptError(this.address(id), reached.message, { cause: reached });
        return reached;
      }
      if (facts.purgedAt === facts.floor && version >= facts.floor) return this.orThrow(id, await this.replayUpTo(id, { image: null, version: facts.floor }, version));
      if (version < facts.floor) throw await this.compacted(id, facts);
      // compacted between the two reads: the snapshot at the floor is there now
      if (look === looks) throw new HistoryCorruptError(this.address(id), `the snapshot at ${facts.floor}, below which the events are compacted away, is missing`);
    }
  }

  private async replayUpTo(id: DocumentId, from: ReplayState, version: number): Promise<ReplayState | RangeError> {
    try {
      return await replay(from, this.events.streamToFold(id, { from: from.version + 1, to: version }), this.facts.versionField);
    } catch (error) {
      if (error instanceof RangeError) return error;
      throw error;
    }
  }

  private orThrow(id: DocumentId, reached: ReplayState | RangeError): ReplayState {
    if (reached instanceof RangeError) throw new HistoryCorruptError(this.address(id), reached.message, { cause: reached });
    return reached;
  }

  private async checkContiguous(id: DocumentId, after: number, events: readonly DocumentEvent<Image>[]): Promise<void> {
    const wrong = events.findIndex((event, index) => event.serverSeq !== after + 1 + index);
    if (wrong >= 0) throw await missingEvent(this.sources, id, after + 1 + wrong, events[wrong]?.serverSeq);
  }

  /** The lowest event that is there when the history has a floor, else `0`. @throws HistoryCompactedError when `from` is below it */
  private async floorOf(id: DocumentId, from: number): Promise<number> {
    const facts = await this.streams.read(id);
    const first = firstKept(facts);
    if (first === 1) return 0;
    if (from > 0 && from < first) throw await this.compacted(id, facts);
    return first;
  }

  /** Whether the event `version` was recorded by `at` can be told of the events that are there, and of the one at the floor. */
  private async refuseBefore(id: DocumentId, version: number, at: Date): Promise<void> {
    const facts = await this.streams.read(id);
    if (version < facts.floor || (version === facts.floor && facts.floorAt !== undefined && facts.floorAt > at)) throw await this.compacted(id, facts);
  }

  private compacted(id: DocumentId, { floor }: StreamFacts): Promise<Error> {
    return compactedAway(this.sources, id, floor);
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

/** Whether a page holds every event of its range from the first on: then nothing can be missing. */
function isWhole(query: EventQuery, found: readonly DocumentEvent<Image>[]): boolean {
  const from = query.from || 1;
  return isEveryEvent(query) && found.length > 0 && found.every((event, index) => event.serverSeq === from + index);
}
