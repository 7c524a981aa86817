import type { Connection } from 'mongoose';
import type { EventStore } from '../history/event-store.js';
import type { StreamStore } from '../history/stream-store.js';
import type { CompactionGuard } from '../maintenance/compaction-guard.js';
import type { DocumentId } from '../model/document-id.js';

/** What durable handlers need of a feature. */
export interface DeliveryFeature {
  readonly model: string;
  readonly connection: Connection;
  readonly collection: string;
  readonly eventsCollection: string;
  readonly events: EventStore;
  readonly streams: StreamStore;
  readonly castId: (id: unknown) => DocumentId;
  readonly guardCompaction: (guard: CompactionGuard) => void;
}
