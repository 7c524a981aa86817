import { Channel } from './channel.js';
import type { DocumentReplica, SyncProblem } from './document-replica.js';
import { settle, type SyncOptions } from './options.js';
import type { Change } from './overlay.js';
import type { Status } from './states.js';

/** What is known of one document. The properties are read where needed: they change. */
export interface ReplicaView<T = unknown> {
  /** `collection/id`. */
  readonly ref: string;
  /**
   * What to show: the confirmed document with the optimistic changes. Never changed in place: another state is another object, and what
   * did not change is shared. `undefined` when nothing is known or the document is deleted.
   */
  readonly value: T | undefined;
  /** The document as the server has it at `version`. */
  readonly confirmed: T | undefined;
  /** The number of the last event that is part of `confirmed`; `0`: nothing is known. */
  readonly version: number;
  /** Which history `version` belongs to; empty when nothing is known. */
  readonly epoch: string;
  readonly status: Status;
  /** Why `status` is `error`. */
  readonly error: SyncProblem | undefined;
  /** The document is deleted, or its history was erased. A deleted one may be created again. */
  readonly deleted: boolean;
  /** What is shown comes from the storage and was not yet compared with the server, or the server has asked for a new start. */
  readonly stale: boolean;
  /** Calls back after every change of any property, once for everything that came together; answers how to stop that. */
  subscribe(listener: () => void): () => void;
  /**
   * Shows a change at once, until the event of this operation arrives, and drops it in the notification that shows the event. The change
   * is made again on top of every confirmed state until then. Call this before sending the write, then `confirm()` or `fail()`.
   */
  optimistic(operationId: string, change: Change<T>): void;
  /** The write succeeded and made this version: the optimistic change ends with it, also when its event is never seen. */
  confirm(operationId: string, version: number): void;
  /** The write failed: its optimistic change is taken back. */
  fail(operationId: string): void;
}

/** A replica with a connection of its own. */
export interface Replica<T = unknown> extends ReplicaView<T> {
  /** Settles when nothing was missing for the first time; rejects when the connection is given up before. */
  readonly ready: Promise<void>;
  /** Connects again after `error`, for example when the user has signed in, or to wait for an erased document to be created again. */
  connect(): void;
  /** Ends the connection for good; settles when everything is stored, at the latest after 2 s. */
  close(): Promise<void>;
}

export interface ReplicaOptions<T = unknown> extends SyncOptions {
  /** The document: `collection/id`, neither of them URL-encoded. */
  readonly ref: string;
  /** As if subscribed before anything happens. */
  readonly onChange?: (replica: Replica<T>) => void;
}

/**
 * Keeps a replica of one document up to date, from now on until it is closed.
 * @throws TypeError for options that cannot work
 */
export function createReplica<T = unknown>(options: ReplicaOptions<T>): Replica<T> {
  const { ref, onChange } = options;
  checkRef(ref);
  const channel = new Channel(settle(options), true, () => undefined);
  const document = channel.add<T>(ref);
  const replica = Object.assign(document as DocumentReplica<T> & ReplicaView<T>, {
    ready: readiness(channel, document.subscribe),
    connect: () => void channel.connect(),
    close: () => channel.close(),
  });
  if (onChange) document.subscribe(() => onChange(replica));
  void channel.connect();
  return replica;
}

/** Two parts, for the path of the document's addresses. */
export function checkRef(ref: string): void {
  if (!/^[^/]+\/[^]+$/.test(ref)) throw new TypeError(`ref ${ref}: collection/id is needed`);
}

export function readiness(channel: Channel, subscribe: (listener: () => void) => () => void): Promise<void> {
  const ready = new Promise<void>((resolve, reject) => {
    const stop = subscribe(() => {
      const { status, error } = channel;
      if (status === 'live') resolve();
      else if (status === 'error' || status === 'closed') reject(Object.assign(new Error(`replica ${error?.reason ?? status}`), { problem: error }));
      else return;
      stop();
    });
  });
  ready.catch(() => undefined); // who does not wait for it needs no rejection
  return ready;
}
