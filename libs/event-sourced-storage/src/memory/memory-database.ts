import { cloneValue } from '../model/bson-values.js';
import type { Image } from '../model/diff.js';
import type { DocumentEvent } from '../model/document-event.js';
import type { DocumentId } from '../model/document-id.js';
import type { Snapshot } from '../model/snapshot.js';

/** What the adapters of one feature need to know about it. */
export interface MemoryFeature {
  /** For messages. @default 'documents' */
  readonly collection?: string;
  /** The field that holds the document's version. @default 'version' */
  readonly versionField?: string;
}

/** What is particular about one history; see `StreamFacts`. */
export interface MemoryStream {
  readonly floor: number;
  readonly floorAt?: Date;
  readonly purgedAt?: number;
  readonly mark?: string;
  readonly erasedOperations?: readonly string[];
}

const plainStream: MemoryStream = { floor: 0 };

/** Everything one feature stores, by `idKey(documentId)`. Values are copied on the way in and on the way out. */
export class MemoryDatabase {
  readonly collection: string;
  readonly versionField: string;
  /** The open transaction that is changing a document: nobody else may until it is over. */
  readonly holders: Map<string, object> = new Map();

  /** Of the whole feature; drawn when it is first asked for. */
  generation: string | undefined;
  /** Pinned snapshots, as `number key`. */
  readonly pins: Set<string> = new Set();
  /** Told of every event that is added: the change stream of this memory. */
  readonly listeners: Set<(event: DocumentEvent<Image>) => void> = new Set();
  private readonly images = new Map<string, Image>();
  private readonly histories = new Map<string, readonly DocumentEvent<Image>[]>();
  private readonly snapshotLists = new Map<string, readonly Snapshot<Image>[]>();
  private readonly streams = new Map<string, MemoryStream>();

  constructor(private readonly feature: MemoryFeature = {}) {
    this.collection = feature.collection ?? 'documents';
    this.versionField = feature.versionField ?? 'version';
  }

  document(key: string): Image | null {
    return cloneValue(this.images.get(key) ?? null);
  }

  documents(): Image[] {
    return Array.from(this.images.values(), (image) => cloneValue(image));
  }

  /** Stores the document; `null` removes it. */
  setDocument(key: string, image: Image | null): void {
    if (image === null) this.images.delete(key);
    else this.images.set(key, cloneValue(image));
  }

  /** The events that `choose` takes out of a history, which it is shown by number and must not change. */
  events(key: string, choose: (history: readonly DocumentEvent<Image>[]) => readonly DocumentEvent<Image>[]): DocumentEvent<Image>[] {
    return choose(this.histories.get(key) ?? []).map((event) => cloneValue(event));
  }

  /** The ids of all histories. */
  documentIds(): DocumentId[] {
    return [...this.histories.values()].flatMap(([first]) => (first === undefined ? [] : [first.documentId]));
  }

  hasEvent(key: string, isIt: (event: DocumentEvent<Image>) => boolean): boolean {
    return this.histories.get(key)?.some(isIt) ?? false;
  }

  addEvents(key: string, events: readonly DocumentEvent<Image>[]): void {
    const history = [...(this.histories.get(key) ?? []), ...cloneValue(events)];
    this.histories.set(
      key,
      history.toSorted((a, b) => a.serverSeq - b.serverSeq),
    );
    for (const event of events) for (const listener of this.listeners) listener(event);
  }

  /** The snapshots of a document, in the order in which they were saved. */
  snapshots(key: string): Snapshot<Image>[] {
    return (this.snapshotLists.get(key) ?? []).map((snapshot) => cloneValue(snapshot));
  }

  addSnapshot(key: string, snapshot: Snapshot<Image>): void {
    this.snapshotLists.set(key, [...(this.snapshotLists.get(key) ?? []), cloneValue(snapshot)]);
  }

  stream(key: string): MemoryStream {
    return this.streams.get(key) ?? plainStream;
  }

  setStream(key: string, stream: MemoryStream): void {
    this.streams.set(key, stream);
  }

  /** Removes the lowest events up to a number, at most so many. @returns how many */
  removeEvents(key: string, upTo: number, atMost: number): number {
    const history = this.histories.get(key) ?? [];
    const removed = history.filter(({ serverSeq }) => serverSeq <= upTo).slice(0, atMost).length;
    if (removed > 0) this.histories.set(key, history.slice(removed));
    return removed;
  }

  /** Removes the snapshots with these numbers. @returns how many */
  dropSnapshots(key: string, serverSeqs: readonly number[]): number {
    const list = this.snapshotLists.get(key) ?? [];
    const kept = list.filter(({ serverSeq }) => !serverSeqs.includes(serverSeq));
    this.snapshotLists.set(key, kept);
    return list.length - kept.length;
  }

  /** Removes the snapshots below a number. @returns how many */
  removeSnapshotsBelow(key: string, below: number): number {
    const list = this.snapshotLists.get(key) ?? [];
    const kept = list.filter(({ serverSeq }) => serverSeq >= below);
    this.snapshotLists.set(key, kept);
    return list.length - kept.length;
  }

  /** Removes one snapshot. */
  removeSnapshot(key: string, serverSeq: number): void {
    this.snapshotLists.set(key, (this.snapshotLists.get(key) ?? []).filter((snapshot) => snapshot.serverSeq !== serverSeq));
  }

  /** Whether nothing happened to the document on either side since {@link fork}. */
  isAsIn(fork: MemoryDatabase, key: string): boolean {
    return this.images.get(key) === fork.images.get(key) && this.histories.get(key) === fork.histories.get(key);
  }

  /** A copy that goes its own way: what a transaction sees. Stored values never change, so the copy shares them. */
  fork(): MemoryDatabase {
    const fork = new MemoryDatabase(this.feature);
    for (const [key, image] of this.images) fork.images.set(key, image);
    for (const [key, history] of this.histories) fork.histories.set(key, history);
    for (const [key, list] of this.snapshotLists) fork.snapshotLists.set(key, list);
    for (const [key, stream] of this.streams) fork.streams.set(key, stream);
    return fork;
  }
}
