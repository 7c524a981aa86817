import { applyDiff } from './apply-diff.js';

/** What one client knows of one document: the state after event `v` of `epoch`. */
export interface ReplicaState {
  /** `undefined` when nothing is known or the document is deleted. */
  readonly doc: unknown;
  /** `0`: nothing is known. */
  readonly v: number;
  /** Empty: nothing is known. */
  readonly epoch: string;
  readonly deleted: boolean;
  /** May be old: from the storage, or the server has called for a new start. */
  readonly stale: boolean;
  /** The position is void: only a snapshot may come next. */
  readonly awaiting: boolean;
}

/** The data of a frame; which fields there are depends on the frame. */
export interface Message {
  readonly ref?: string;
  readonly proto?: number;
  readonly hb?: number;
  readonly v?: number;
  readonly epoch?: string;
  readonly op?: string;
  readonly set?: Readonly<Record<string, unknown>>;
  readonly unset?: readonly string[];
  readonly doc?: unknown;
  readonly deleted?: boolean;
  readonly url?: string;
  readonly reason?: string;
  readonly retryAfter?: number;
  readonly c?: string;
  readonly cmd?: string;
  readonly docs?: Readonly<Record<string, { readonly v: number; readonly epoch: string }>>;
}

/** What makes a replica right. Only tests replace one of them, to see that they notice. */
export interface Rules {
  /** Whether an event is the next one. */
  readonly follows: (v: number, local: number) => boolean;
  /** Whether the server's head proves that the local position is not of its history. */
  readonly isBehind: (head: number, local: number) => boolean;
  /** Whether the epoch of an answer is that of the replica. */
  readonly isSame: (epoch: string, local: string) => boolean;
}

export const protocolRules: Rules = {
  follows: (v, local) => v === local + 1,
  isBehind: (head, local) => head < local,
  isSame: (epoch, local) => epoch === local,
};

export const unknown: ReplicaState = { doc: undefined, v: 0, epoch: '', deleted: false, stale: false, awaiting: true };

/** A state whose position cannot be gone on from. The value stays to be shown. */
export function voided(state: ReplicaState): ReplicaState {
  return { ...state, stale: state.v > 0, awaiting: true };
}

/**
 * The state after a frame. `gap`: something is missing, go on from the local position; `void`: the position is not of the server's
 * history. Nothing was applied then.
 * @throws TypeError for a diff that does not fit
 */
export function step(state: ReplicaState, event: string, message: Message, { follows, isBehind, isSame }: Rules = protocolRules): ReplicaState | 'gap' | 'void' {
  const { v = 0, epoch = '' } = message;
  switch (event) {
    case 'hello':
      return !epoch || state.awaiting || isSame(epoch, state.epoch) ? state : voided(state);
    case 'reset':
      return message.reason === 'purged' ? { ...unknown, deleted: true } : voided(state);
    case 'snapshot':
      if (!epoch) return 'gap'; // not a whole one
      // one that is older, without a reset before it, has been overtaken
      return state.awaiting || epoch !== state.epoch || v >= state.v ? replaced(message, v, epoch) : state;
    case 'ev':
      if (state.awaiting) return 'gap';
      if (v <= state.v) return state;
      return follows(v, state.v) ? { ...state, ...changed(state, message), v } : 'gap';
    case 'live':
    case 'hb':
    case 'sync':
      if (state.awaiting || v > state.v) return 'gap';
      if (isBehind(v, state.v) || (epoch && !isSame(epoch, state.epoch))) return 'void';
      return event === 'live' && state.stale ? { ...state, stale: false } : state;
    default:
      return state; // of a later version of the protocol
  }
}

function replaced({ doc, deleted = false }: Message, v: number, epoch: string): ReplicaState {
  return { doc: deleted ? undefined : doc, v, epoch, deleted, stale: false, awaiting: false };
}

function changed({ doc }: ReplicaState, message: Message): Pick<ReplicaState, 'doc' | 'deleted'> {
  const { op } = message;
  if (op === 'create') return { doc: message.doc, deleted: false };
  if (op === 'delete') return { doc: undefined, deleted: true };
  if (op !== 'update' || doc === undefined) throw new TypeError(`${op} of ${typeof doc}`);
  return { doc: applyDiff(doc, message.set, message.unset), deleted: false };
}
