import type { EventStore } from '../history/event-store.js';
import type { HistoryReader } from '../history/history-reader.js';
import type { StreamStore } from '../history/stream-store.js';
import type { ResolvedFeatureOptions } from '../options/resolve-storage-options.js';
import type { DocumentCaster } from './document-caster.js';

/** What deciding a write needs of its feature. */
export interface WriteTools {
  readonly options: ResolvedFeatureOptions;
  readonly caster: DocumentCaster;
  readonly events: EventStore;
  readonly history: HistoryReader;
  readonly streams: StreamStore;
  readonly now: () => number;
  /** Set while deciding inside a transaction of the caller. */
  readonly transactionId?: string;
  /** Receives one line worth a human's attention. */
  readonly warn: (message: string) => void;
}
