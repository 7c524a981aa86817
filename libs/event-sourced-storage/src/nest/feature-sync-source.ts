import type { CatchUpSnapshot } from '../history/cursor.js';
import type { EventStore } from '../history/event-store.js';
import { type PresentSources, startingState } from '../history/present-state.js';
import type { StreamFacts, StreamStore } from '../history/stream-store.js';
import { byteSize, idKey } from '../model/bson-values.js';
import type { Image } from '../model/diff.js';
import type { DocumentEvent } from '../model/document-event.js';
import type { DocumentId } from '../model/document-id.js';
import type { DocumentReader } from '../read/document-reader.js';
import { versionOf } from '../read/document-state.js';
import type { StorageEngine } from '../storage-engine.js';
import { type SyncListener, type SyncListening, SyncSource } from '../sync/sync-source.js';
import type { ChangeFeed } from '../watch/change-feed.js';
import type { DocumentCaster } from '../write/document-caster.js';
import type { CommitNotices } from './commit-notices.js';

/** What of a feature the sync room reads. */
export interface FeatureParts {
  readonly model: string;
  readonly collection: string;
  readonly eventsCollection: string;
  readonly versionField: string;
  readonly engine: StorageEngine;
  readonly events: EventStore;
  readonly reader: DocumentReader;
  readonly streams: StreamStore;
  readonly caster: DocumentCaster;
  readonly notices: CommitNotices;
  /** As of {@link PresentSources}. */
  readonly stateAt: PresentSources['stateAt'];
  /** `undefined`: this process does not listen to others. */
  readonly feed: ChangeFeed | undefined;
}

/** One feature as the sync room sees it. */
export class FeatureSyncSource extends SyncSource {
  override readonly collection: string;
  override readonly model: string;
  override readonly versionField: string;
  override readonly hearsOthers: boolean;

  constructor(private readonly parts: FeatureParts) {
    super();
    this.collection = parts.collection;
    this.model = parts.model;
    this.versionField = parts.versionField;
    this.hearsOthers = parts.feed !== undefined;
  }

  override castId(text: string): DocumentId {
    return this.parts.caster.castId(text);
  }

  override async events(id: DocumentId, from: number, bounds: { readonly limit: number; readonly maxBytes: number }): Promise<DocumentEvent<Image>[]> {
    const found: DocumentEvent<Image>[] = [];
    let bytes = 0;
    for await (const event of this.parts.events.stream(id, { from, limit: bounds.limit })) {
      found.push(event);
      // the first one is often known already and only read as a proof: there has to be room for another
      if (found.length > 1) bytes += byteSize(event);
      if (bytes >= bounds.maxBytes) break;
    }
    return found;
  }

  override head(id: DocumentId): Promise<DocumentEvent<Image> | null> {
    return this.parts.events.head(id);
  }

  override facts(id: DocumentId): Promise<StreamFacts> {
    return this.parts.streams.read(id);
  }

  override async state(id: DocumentId): Promise<CatchUpSnapshot<Image> | null> {
    const { reader: documents, events, stateAt } = this.parts;
    const present = await startingState({ documents, events, versionField: this.versionField, address: (each) => `${this.collection}/${String(each)}`, stateAt }, id);
    return present === null ? null : { serverSeq: present.version, state: present.image };
  }

  override async stateAt(id: DocumentId, point: { readonly version: number } | { readonly at: Date }): Promise<CatchUpSnapshot<Image> | null> {
    const version = 'version' in point ? point.version : await this.parts.engine.versionAt(id, point.at);
    return version === undefined ? null : { serverSeq: version, state: await this.parts.engine.stateAt(id, { version }) };
  }

  override async versions(ids: readonly DocumentId[]): Promise<ReadonlyMap<string, number>> {
    const found = await this.parts.reader.readMany({ filter: { _id: { $in: ids } }, projection: { [this.versionField]: 1 } });
    return new Map(found.map((image) => [idKey(image['_id'] as DocumentId), versionOf(image, this.versionField)]));
  }

  override listen(listener: SyncListener): SyncListening {
    const { notices, feed, eventsCollection } = this.parts;
    const stop = notices.listen((id, version) => listener.committed(id, version));
    const subscription = feed?.subscribe(eventsCollection, (notice) => {
      if (notice.kind === 'committed') listener.committed(notice.documentId, notice.serverSeq);
      if (notice.kind === 'interrupted') listener.interrupted();
    });
    return {
      ready: subscription?.ready ?? Promise.resolve(),
      close: async () => {
        stop();
        await subscription?.close();
      },
    };
  }
}
