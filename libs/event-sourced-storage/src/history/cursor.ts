import type { Image } from '../model/diff.js';
import type { DocumentEvent } from '../model/document-event.js';

/** How far a client has got in one history. On the wire `epoch.version`. */
export interface Cursor {
  /** From the last answer; see `StreamFacts`. */
  readonly epoch: string;
  /** The number of the last event that was applied; `0` for none. */
  readonly version: number;
}

/** Why a client has to start again from a state instead of going on with events. */
export type ResetReason = 'initial' | 'compacted' | 'ahead' | 'epoch' | 'purged';

/** The state that a client starts again from. */
export interface CatchUpSnapshot<T> {
  /** The number of the last event that is part of `state`. */
  readonly serverSeq: number;
  /** `null` when the document is deleted at that number. */
  readonly state: T | null;
}

/** What `catchUp()` answers: the events after the cursor, or a new start. */
export type CatchUp<T = Image> =
  | {
      readonly kind: 'events';
      /** Without a hole from the cursor on; empty when nothing was missed. */
      readonly events: DocumentEvent<T>[];
      /** Where the client is after applying them. */
      readonly cursor: Cursor;
      readonly head: number;
      readonly floor: number;
    }
  | {
      readonly kind: 'reset';
      readonly reason: ResetReason;
      /** Replaces what the client has; absent when the history was erased and nothing came after. */
      readonly snapshot?: CatchUpSnapshot<T>;
      /** What happened after the snapshot, without a hole. */
      readonly events: DocumentEvent<T>[];
      readonly cursor: Cursor;
      readonly head: number;
      readonly floor: number;
    };
