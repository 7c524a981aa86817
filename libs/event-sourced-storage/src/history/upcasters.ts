/** Events and snapshots of older shapes, read as if they had been recorded in the present one. Nothing stored is rewritten. */
import { HistoryCorruptError } from '../errors/history-corrupt.error.js';
import { cloneValue, sameValue } from '../model/bson-values.js';
import type { Image } from '../model/diff.js';
import type { DocumentEvent } from '../model/document-event.js';
import type { DocumentId } from '../model/document-id.js';
import type { Snapshot } from '../model/snapshot.js';
import type { Upcaster } from '../model/upcaster.js';
import { type EventAddress, type EventQuery, type EventReadOptions, EventStore } from './event-store.js';
import { presentSnapshot, Shapes, type Upcast } from './shapes.js';
import { type SnapshotEntry, type SnapshotSaveOptions, SnapshotStore } from './snapshot-store.js';

/**
 * One function for a whole chain, which start-up has checked.
 * @param collection for messages
 */
export function upcastWith(upcasters: readonly Upcaster[], collection: string): Upcast {
  const bySource = new Map(upcasters.map((upcaster) => [upcaster.from, upcaster]));
  return (event) => {
    let current = event;
    for (let next = bySource.get(current.schemaVersion ?? 1); next !== undefined; next = bySource.get(current.schemaVersion ?? 1)) {
      current = step(next, current, collection);
    }
    return current;
  };
}

/** @throws HistoryCorruptError when the upcaster throws, or answers another event than it was given */
function step(upcaster: Upcaster, event: DocumentEvent<Image>, collection: string): DocumentEvent<Image> {
  const name = `the upcaster from ${upcaster.from} to ${upcaster.to}`;
  const { documentId, serverSeq, operation } = event;
  const address = `${collection}/${String(documentId)}@${serverSeq}`;
  let answer: DocumentEvent<Image>;
  try {
    answer = upcaster.up(cloneValue(event));
  } catch (error) {
    throw new HistoryCorruptError(address, `${name} cannot read it (${error instanceof Error ? error.message : String(error)})`, { cause: error });
  }
  const given: unknown = answer;
  if (typeof given !== 'object' || given === null || answer.serverSeq !== serverSeq || answer.operation !== operation || !sameValue(answer.documentId, documentId)) {
    throw new HistoryCorruptError(address, `${name} answered another event, or none`);
  }
  return { ...answer, schemaVersion: upcaster.to };
}

/** Events in the present shape. */
export class UpcastingEventStore extends EventStore {
  constructor(
    private readonly stored: EventStore,
    private readonly upcast: Upcast,
  ) {
    super();
  }

  override async read(id: DocumentId, query: EventQuery, options?: EventReadOptions): Promise<DocumentEvent<Image>[]> {
    return (await this.stored.read(id, query, options)).map((event) => this.upcast(event));
  }

  override async *stream(id: DocumentId, query: EventQuery): AsyncGenerator<DocumentEvent<Image>, void, undefined> {
    for await (const event of this.stored.stream(id, query)) yield this.upcast(event);
  }

  override async head(id: DocumentId, options?: EventReadOptions): Promise<DocumentEvent<Image> | null> {
    return this.upcastOrNull(await this.stored.head(id, options));
  }

  override async findOperation(id: DocumentId, operationId: string, options?: EventReadOptions): Promise<DocumentEvent<Image> | null> {
    return this.upcastOrNull(await this.stored.findOperation(id, operationId, options));
  }

  override async *pick(keys: readonly EventAddress[]): AsyncGenerator<DocumentEvent<Image>, void, undefined> {
    for await (const event of this.stored.pick(keys)) yield this.upcast(event);
  }

  private upcastOrNull(event: DocumentEvent<Image> | null): DocumentEvent<Image> | null {
    return event === null ? null : this.upcast(event);
  }
}

/** Snapshots that remember their shape, where nobody says it that of the event they were made after, and are read in the present one. */
export class UpcastingSnapshotStore extends SnapshotStore {
  constructor(
    private readonly stored: SnapshotStore,
    private readonly events: EventStore,
    private readonly upcast: Upcast,
  ) {
    super();
  }

  override async save(snapshot: Snapshot<Image>, options?: SnapshotSaveOptions): Promise<Snapshot<Image>> {
    return this.read(await this.stored.save(await this.withShape(snapshot), options));
  }

  override async newest(id: DocumentId, atMost?: number): Promise<Snapshot<Image> | null> {
    const snapshot = await this.stored.newest(id, atMost);
    return snapshot === null ? null : this.read(snapshot);
  }

  override list(id: DocumentId, limit?: number): Promise<SnapshotEntry[]> {
    return this.stored.list(id, limit);
  }

  override pin(id: DocumentId, serverSeq: number): Promise<boolean> {
    return this.stored.pin(id, serverSeq);
  }

  override remove(id: DocumentId, serverSeqs: readonly number[], floor: number): Promise<number> {
    return this.stored.remove(id, serverSeqs, floor);
  }

  private async withShape(snapshot: Snapshot<Image>): Promise<Snapshot<Image>> {
    const { documentId, serverSeq, schemaVersion } = snapshot;
    if (schemaVersion !== undefined) return snapshot;
    const [event] = await this.events.read(documentId, { from: serverSeq, to: serverSeq });
    return event?.schemaVersion === undefined ? snapshot : { ...snapshot, schemaVersion: event.schemaVersion };
  }

  private read(snapshot: Snapshot<Image>): Snapshot<Image> {
    return presentSnapshot(this.upcast, snapshot);
  }
}

/** Where one feature reads events and snapshots. */
export interface HistoryStores {
  readonly events: EventStore;
  readonly snapshots: SnapshotStore;
}

/** The same in both views. */
export interface ShapedStores extends HistoryStores {
  /** As they were written: what is compared with documents, and what compaction keeps. */
  readonly stored: HistoryStores;
  /** Only where there are upcasters: else the stored shape is the present one. */
  readonly shapes?: Shapes;
}

/** The stores of one feature as its readers see them; as they are when the feature has but one shape. */
export function inPresentShape(
  stored: HistoryStores,
  options: { readonly upcasters: readonly Upcaster[]; readonly schemaVersion: number | undefined; readonly collection: string; readonly versionField: string },
): ShapedStores {
  const { events } = stored;
  const { upcasters, schemaVersion } = options;
  if (schemaVersion === undefined) return { ...stored, stored };
  const upcast = upcastWith(upcasters, options.collection);
  const snapshots = new UpcastingSnapshotStore(stored.snapshots, events, upcast);
  if (upcasters.length === 0) return { events, snapshots, stored };
  const known = [schemaVersion, ...upcasters.map(({ from }) => from)].toSorted((a, b) => b - a);
  return { events: new UpcastingEventStore(events, upcast), snapshots, stored, shapes: new Shapes(upcast, known, options.versionField) };
}
