import { cloneValue } from '../model/bson-values.js';
import type { Image } from '../model/diff.js';
import type { DocumentEvent } from '../model/document-event.js';
import type { Snapshot } from '../model/snapshot.js';

/** What the adapters of one feature need to know about it. */
export interface MemoryFeature {
  /** For messages. @default 'documents' */
  readonly collection?: string;
  /** The field that holds the document's version. @default 'version' */
  readonly versionField?: string;
}

/** Everything one feature stores, by `idKey(documentId)`. Values are copied on the way in and on the way out. */
export class MemoryDatabase {
  readonly collection: string;
  readonly versionField: string;
  /** The open transaction that is changing a document: nobody else may until it is over. */
  readonly holders: Map<string, object> = new Map();

  private readonly images = new Map<string, Image>();
  private readonly histories = new Map<string, readonly DocumentEvent<Image>[]>();
  private readonly snapshotLists = new Map<string, readonly Snapshot<Image>[]>();

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

  hasEvent(key: string, isIt: (event: DocumentEvent<Image>) => boolean): boolean {
    return this.histories.get(key)?.some(isIt) ?? false;
  }

  addEvents(key: string, events: readonly DocumentEvent<Image>[]): void {
    const history = [...(this.histories.get(key) ?? []), ...cloneValue(events)];
    this.histories.set(
      key,
      history.toSorted((a, b) => a.serverSeq - b.serverSeq),
    );
  }

  /** The snapshots of a document, in the order in which they were saved. */
  snapshots(key: string): Snapshot<Image>[] {
    return (this.snapshotLists.get(key) ?? []).map((snapshot) => cloneValue(snapshot));
  }

  addSnapshot(key: string, snapshot: Snapshot<Image>): void {
    this.snapshotLists.set(key, [...(this.snapshotLists.get(key) ?? []), cloneValue(snapshot)]);
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
    return fork;
  }
}
