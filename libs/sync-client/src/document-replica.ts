import { Keeper } from './keeper.js';
import { type Listeners, listenersOf } from './listeners.js';
import type { Settings } from './options.js';
import { type Change, Overlay } from './overlay.js';
import { type Message, type ReplicaState, type Rules, step, unknown, voided } from './replica-state.js';
import type { Status } from './states.js';

/** Why a connection was given up: `error` of a replica. */
export interface SyncProblem {
  /** `purged`: the history was erased; `refused`: by the server, see `status`; `protocol`: it speaks another version. */
  readonly reason: 'purged' | 'refused' | 'protocol';
  /** Of the answer, for `refused`. */
  readonly status?: number;
}

/** The connection behind a replica. */
export interface Line {
  readonly status: Status;
  readonly error: SyncProblem | undefined;
}

/** One document's replica: what is known of it, what is shown of it, who wants to know, and where it is kept. */
export class DocumentReplica<T> {
  /** Whether nothing was missing at some time since the connection began. */
  isLive = false;
  state: ReplicaState = unknown;
  readonly ref: string;
  readonly #line: Line;
  readonly #settings: Settings;
  readonly #rules: Rules;
  readonly #overlay = new Overlay<T>();
  readonly #listeners: Listeners;
  readonly #keeper: Keeper | undefined;
  #shown: T | undefined;
  #isOutdated = false;
  #isChanged = false;

  constructor(ref: string, line: Line, settings: Settings, rules: Rules) {
    this.ref = ref;
    this.#line = line;
    this.#settings = settings;
    this.#rules = rules;
    this.#listeners = listenersOf(settings.onError);
    if (settings.storage) this.#keeper = new Keeper(settings, settings.storage, `${settings.types} ${settings.url}/${ref}`);
  }

  get value(): T | undefined {
    if (this.#isOutdated) this.#shown = this.#overlay.over(this.confirmed);
    this.#isOutdated = false;
    return this.#shown;
  }

  get confirmed(): T | undefined {
    return this.state.doc as T | undefined;
  }

  get version(): number {
    return this.state.v;
  }

  get epoch(): string {
    return this.state.epoch;
  }

  get deleted(): boolean {
    return this.state.deleted;
  }

  get isPurged(): boolean {
    return this.state.deleted && this.state.awaiting && this.state.v === 0;
  }

  get stale(): boolean {
    return this.state.stale;
  }

  get status(): Status {
    return this.#line.status === 'catching-up' && this.isLive ? 'live' : this.#line.status;
  }

  get error(): SyncProblem | undefined {
    return this.#line.error;
  }

  /** The position to go on from; `undefined`: a snapshot is needed. */
  get cursor(): { readonly v: number; readonly epoch: string } | undefined {
    const { v, epoch, awaiting } = this.state;
    return awaiting ? undefined : { v, epoch };
  }

  get subscribe(): Listeners['subscribe'] {
    return this.#listeners.subscribe;
  }

  optimistic(operationId: string, change: Change<T>): void {
    this.#overlay.add(operationId, change);
    this.#show();
  }

  confirm(operationId: string, version: number): void {
    this.#overlay.confirm(operationId, version);
    if (!this.state.awaiting && this.#overlay.settle(this.state.v)) this.#show();
  }

  fail(operationId: string): void {
    if (this.#overlay.drop(operationId)) this.#show();
  }

  /** Takes what was kept, unless something newer is there already. */
  async load(): Promise<void> {
    const kept = await this.#keeper?.load();
    if (kept && this.state.v === 0 && !this.state.deleted) {
      const { doc, v, epoch, deleted } = kept;
      this.#become({ doc, v, epoch, deleted, stale: true, awaiting: false });
    }
  }

  /** Takes one frame; answers what is wrong with it, if anything. */
  take(event: string, message: Message): 'gap' | 'void' | undefined {
    const next = this.#next(event, message);
    if (typeof next === 'string') return next;
    if (event === 'live') this.isLive = true;
    if (next === this.state) return undefined;
    const { clientId } = this.#settings;
    if (message.cmd !== undefined && (clientId === undefined || message.c === undefined || message.c === clientId)) this.#overlay.drop(message.cmd);
    if (event === 'reset' && message.reason === 'purged') this.#keeper?.erase();
    this.#become(next);
    return undefined;
  }

  /** Gives the position up; the value stays to be shown. */
  void(): void {
    this.#become(voided(this.state));
  }

  /** Keeps what has changed. */
  keep(since: ReplicaState): void {
    const { v, epoch, awaiting } = this.state;
    if (!awaiting && (v !== since.v || epoch !== since.epoch || since.awaiting)) this.#keeper?.save(this.state);
  }

  /** Tells the listeners once what has changed since they were told. */
  notify(force = false): boolean {
    const isDue = this.#isChanged || force;
    this.#isChanged = false;
    if (isDue) this.#listeners.tell();
    return isDue;
  }

  async idle(): Promise<void> {
    await this.#keeper?.idle();
  }

  #next(event: string, message: Message): ReplicaState | 'gap' | 'void' {
    try {
      return step(this.state, event, message, this.#rules);
    } catch (error) {
      this.#settings.onError(error);
      this.void(); // a diff that does not fit: either side is wrong, and a snapshot settles it
      return 'gap';
    }
  }

  #become(next: ReplicaState): void {
    const isOther = next.epoch !== this.state.epoch;
    this.state = next;
    if (!next.awaiting) this.#overlay.settle(isOther ? Infinity : next.v);
    this.#isOutdated = this.#isChanged = true;
  }

  #show(): void {
    this.#isOutdated = this.#isChanged = true;
    this.notify();
  }
}
