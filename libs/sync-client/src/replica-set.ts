import { Channel } from './channel.js';
import type { SyncProblem } from './document-replica.js';
import { listenersOf } from './listeners.js';
import { settle, type SyncOptions } from './options.js';
import { checkRef, readiness, type ReplicaView } from './replica.js';
import type { Status } from './states.js';

/** Replicas of many documents over one connection. */
export interface ReplicaSet<T = unknown> {
  readonly status: Status;
  /** Why `status` is `error`. */
  readonly error: SyncProblem | undefined;
  /** Settles when nothing was missing for the first time; rejects when the connection is given up before. */
  readonly ready: Promise<void>;
  /** The replicas by ref. */
  readonly replicas: ReadonlyMap<string, ReplicaView<T>>;
  /** The replica of one document; `undefined` when it is not part of the set. */
  get(ref: string): ReplicaView<T> | undefined;
  /** Which documents from now on: reconnects once for all changes of one turn. Replicas of the others end. */
  setRefs(refs: readonly string[]): void;
  /** Calls back after every change of any replica or of the status; answers how to stop that. */
  subscribe(listener: () => void): () => void;
  /** Connects again after `error`. */
  connect(): void;
  /** Ends the connection for good; settles when everything is stored, at the latest after 2 s. */
  close(): Promise<void>;
}

export interface ReplicaSetOptions<T = unknown> extends SyncOptions {
  /** The documents: `collection/id`, up to 100. */
  readonly refs: readonly string[];
  /** As if subscribed before anything happens. */
  readonly onChange?: (set: ReplicaSet<T>) => void;
}

/**
 * Keeps replicas of many documents up to date over one connection.
 * @throws TypeError for options that cannot work
 */
export function createReplicaSet<T = unknown>(options: ReplicaSetOptions<T>): ReplicaSet<T> {
  const { refs, onChange } = options;
  const settings = settle(options);
  const { subscribe, tell } = listenersOf(settings.onError);
  const channel = new Channel(settings, false, tell);
  const add = (all: readonly string[]): boolean => {
    all.forEach(checkRef);
    const fresh = all.filter((ref) => !channel.replicas.has(ref));
    for (const ref of fresh) channel.add<T>(ref);
    return fresh.length > 0;
  };
  add(refs);
  let isPlanned = false;
  const set: ReplicaSet<T> = {
    get status() {
      return channel.status;
    },
    get error() {
      return channel.error;
    },
    ready: readiness(channel, subscribe),
    replicas: channel.replicas as unknown as ReadonlyMap<string, ReplicaView<T>>,
    get: (ref) => channel.replicas.get(ref) as ReplicaView<T> | undefined,
    setRefs: (wanted) => {
      const gone = Array.from(channel.replicas.keys()).filter((ref) => !wanted.includes(ref));
      for (const ref of gone) channel.replicas.delete(ref);
      if ((!add(wanted) && gone.length === 0) || isPlanned) return;
      isPlanned = true;
      queueMicrotask(() => {
        isPlanned = false;
        void channel.reopen();
      });
    },
    subscribe,
    connect: () => void channel.connect(),
    close: () => channel.close(),
  };
  if (onChange) subscribe(() => onChange(set));
  void channel.connect();
  return set;
}
