import { InvalidArgumentError } from '../errors/invalid-argument.error.js';
import type { Image } from '../model/diff.js';
import type { DocumentEvent } from '../model/document-event.js';

/** How far a client has got in one history. On the wire `epoch.version`, see {@link formatCursor}. */
export interface Cursor {
  /** From the last answer; see `StreamFacts`. */
  readonly epoch: string;
  /** The number of the last event that was applied; `0` for none. */
  readonly version: number;
}

/** Why a client has to start again from a state instead of going on with events. */
export type ResetReason =
  /** It came without a cursor. */
  | 'initial'
  /** What it missed was compacted away. */
  | 'compacted'
  /** It claims a number that the history never reached. */
  | 'ahead'
  /** The collection was rewound (a restored backup): numbers of before mean something else now. */
  | 'epoch'
  /** The history was erased since. What the client holds must be erased too. */
  | 'purged';

/** The state that a client starts again from. */
export interface CatchUpSnapshot<T> {
  /** The number of the last event that is part of `state`. */
  readonly serverSeq: number;
  /** `null` when there is no document at that number. */
  readonly state: T | null;
}

/** What `catchUp()` answers: the events after the cursor, or a new start. */
export type CatchUp<T = Image> =
  | {
      readonly kind: 'events';
      /** Without a hole from the cursor on; empty when nothing was missed. More are to come while `cursor.version` is below `head`. */
      readonly events: DocumentEvent<T>[];
      /** Where the client is after applying them. */
      readonly cursor: Cursor;
      /** The newest number. */
      readonly head: number;
      /** The lowest number from which catching up works. */
      readonly floor: number;
    }
  | {
      readonly kind: 'reset';
      readonly reason: ResetReason;
      /** Replaces what the client has; absent when the history was erased and nothing came after: then the client has to erase its copy. */
      readonly snapshot?: CatchUpSnapshot<T>;
      /** What happened after the snapshot, without a hole. */
      readonly events: DocumentEvent<T>[];
      readonly cursor: Cursor;
      readonly head: number;
      readonly floor: number;
    };

const epochShape = /^[A-Za-z0-9_-]{1,16}$/;
const numberShape = /^(0|[1-9]\d{0,15})$/;

/** The cursor as it travels: `epoch.version`. */
export function formatCursor({ epoch, version }: Cursor): string {
  return `${epoch}.${version}`;
}

/** The cursor of its text. @throws InvalidArgumentError for any other text */
export function parseCursor(text: string): Cursor {
  const given: unknown = text;
  const [epoch = '', version = '', ...rest] = typeof given === 'string' ? given.split('.') : [];
  if (rest.length > 0 || !numberShape.test(version)) return refuse();
  return checkCursor({ epoch, version: Number(version) });
}

/** @throws InvalidArgumentError unless it is `{ epoch, version }` as an answer contained it */
export function checkCursor(cursor: Cursor): Cursor {
  const given: unknown = cursor;
  if (typeof given !== 'object' || given === null) return refuse();
  const { epoch, version } = given as { readonly epoch?: unknown; readonly version?: unknown };
  if (typeof epoch !== 'string' || !epochShape.test(epoch)) return refuse();
  if (typeof version !== 'number' || !Number.isSafeInteger(version) || version < 0) return refuse();
  return { epoch, version };
}

function refuse(): never {
  throw new InvalidArgumentError('cursor', 'the cursor of an earlier answer is needed, { epoch, version } or the text "epoch.version"; none to start anew');
}
