import { DocumentReplica, type Line, type SyncProblem } from './document-replica.js';
import { type Frame, frameReader } from './frames.js';
import { claim } from './keeper.js';
import type { FetchInit, FetchResponse, Settings } from './options.js';
import { type Message, type ReplicaState, protocolRules, type Rules } from './replica-state.js';
import { type Signal, states, type Status } from './states.js';

/** Bounds of the waits before reconnecting, in ms; each is a random part of its bound. */
const firstWaitMs = 200;
const longestWaitMs = 10_000;
/** Whatever the server asks for, in ms. */
const longestRetryMs = 300_000;
/** A stream that ends sooner, in ms, does not get through; after so many of them long polling takes over, for so many polls. */
const shortStreamMs = 1_000;
const shortStreams = 3;
const pollsUntilStream = 20;
/** How long the server may hold a poll, in seconds. */
const pollSeconds = 25;
/** Until the server says how often it is heard, in ms. */
const heartbeatMs = 15_000;
const heartbeatsMissed = 2.5;
/** A storage that does not answer by then, in ms, is done without. */
const storageMs = 2_000;

/** A page of `events` or `pull`, or the answer that there is none. */
interface Page extends Message {
  readonly error?: string;
  readonly snapshot?: Message;
  readonly events?: readonly Message[];
  readonly next?: number;
  readonly live?: boolean;
}

/** What can leave the connection without a document that is not live. */
const replicasChange = /^(live|reset)$/;

type Query = Readonly<Record<string, string | number | undefined>>;

interface Received {
  readonly event: string;
  readonly message: Message;
}

/** One connection for one or many documents: streams, or polls when streams do not get through, and always goes on from where it was. */
export class Channel implements Line {
  status: Status = 'idle';
  error: SyncProblem | undefined;
  readonly replicas: Map<string, DocumentReplica<unknown>> = new Map();
  readonly #settings: Settings;
  readonly #isSingle: boolean;
  readonly #changed: () => void;
  readonly #rules: Rules;
  #run: AbortController | undefined;
  #attempt = 0;
  #retryAfterMs = 0;
  #isReauthorised = false;
  #tooShort = 0;
  #polls = 0;
  #restartedAt = -Infinity;
  #silenceMs = 0;
  /** Whether the listeners know of the status. */
  #isAnnounced = true;
  #cancelWait: (() => void) | undefined;
  #cancelSilence: (() => void) | undefined;
  readonly #unwatch: (() => void) | undefined;

  /**
   * @param isSingle the document has a stream of its own
   * @param changed called after the replicas' listeners, once for each time something has changed
   */
  constructor(settings: Settings, isSingle: boolean, changed: () => void, rules: Rules = protocolRules) {
    this.#settings = settings;
    this.#isSingle = isSingle;
    this.#changed = changed;
    this.#rules = rules;
    const { activity } = settings;
    this.#unwatch = activity ? activity.watch(() => this.happened(this.#isActive() ? 'resume' : 'pause')) : undefined;
  }

  add<T>(ref: string): DocumentReplica<T> {
    const replica = new DocumentReplica<unknown>(ref, this, this.#settings, this.#rules);
    this.replicas.set(ref, replica);
    return replica as unknown as DocumentReplica<T>;
  }

  /** Loads what is stored, then connects; also after an error. */
  async connect(): Promise<void> {
    await this.#load();
    this.error = undefined;
    this.happened(this.#isActive() ? 'start' : 'pause');
  }

  /** After a change of the documents. */
  async reopen(): Promise<void> {
    await this.#load();
    this.happened(this.status === 'idle' ? 'start' : 'restart');
  }

  async #load(): Promise<void> {
    const { storage, user } = this.#settings;
    if (storage) await this.#bounded(claim(storage, user).then(() => this.#all((replica) => replica.load())));
  }

  #all(act: (replica: DocumentReplica<unknown>) => Promise<void>): Promise<unknown> {
    return Promise.all(Array.from(this.replicas.values(), act));
  }

  async #bounded(work: Promise<unknown>): Promise<void> {
    const { schedule, onError } = this.#settings;
    let cancel: (() => void) | undefined;
    await Promise.race([work.catch(onError), new Promise<void>((resume) => (cancel = schedule(resume, storageMs)))]);
    cancel?.();
  }

  /** Something happened outside. */
  happened(signal: Signal): void {
    this.#signal(signal);
    this.#notify();
  }

  async close(): Promise<void> {
    this.#unwatch?.();
    this.happened('close');
    await this.#bounded(this.#all((replica) => replica.idle()));
  }

  #isActive(): boolean {
    return this.#settings.activity === false || this.#settings.activity.isActive();
  }

  #signal(signal: Signal): void {
    const next = states[this.status][signal];
    if (next === null) return;
    this.status = next;
    this.#isAnnounced = false;
    if (next === 'catching-up') return;
    if (next === 'live') {
      this.#attempt = 0;
      return;
    }
    this.#cut();
    if (next === 'connecting') void this.#open((this.#run = new AbortController()));
    if (next === 'reconnecting') this.#wait();
    if (next === 'paused') this.#tooShort = 0; // perhaps on another network by then
  }

  #notify(): void {
    const isOther = !this.#isAnnounced;
    this.#isAnnounced = true;
    const told = Array.from(this.replicas.values()).filter((replica) => replica.notify(isOther));
    if (isOther || told.length > 0) this.#changed();
  }

  #cut(): void {
    this.#run?.abort();
    this.#run = undefined;
    this.#cancelWait?.();
    this.#cancelSilence?.();
  }

  /** Full jitter, on top of what the server asked for. */
  #wait(): void {
    const { random, schedule } = this.#settings;
    const bound = Math.min(longestWaitMs, firstWaitMs * 2 ** this.#attempt++);
    const ms = Math.min(this.#retryAfterMs, longestRetryMs) + random() * bound;
    this.#retryAfterMs = 0;
    this.#cancelWait = schedule(() => this.happened('due'), ms);
  }

  /** Whoever is not heard for so long is gone. */
  #listen(ms: number): void {
    this.#cancelSilence?.();
    this.#cancelSilence = this.#settings.schedule(() => {
      if (this.status === 'connecting') this.#tooShort++; // perhaps somebody in between holds everything back
      this.happened('lost');
    }, ms);
  }

  async #open(run: AbortController): Promise<void> {
    if (this.replicas.size === 0) return;
    for (const replica of this.replicas.values()) replica.isLive = false;
    this.#silenceMs = heartbeatMs * heartbeatsMissed;
    this.#listen(this.#silenceMs);
    let signal: Signal = 'lost';
    try {
      signal = await (this.#tooShort < shortStreams ? this.#stream(run) : this.#poll(run));
    } catch {
      // no network, an answer that makes no sense, or given up from here
    }
    if (this.#run === run) this.happened(signal);
  }

  async #stream(run: AbortController): Promise<Signal> {
    const { now } = this.#settings;
    const mode = this.#settings.mode === 'latest' ? 'latest' : undefined;
    const response = await (this.#isSingle ? this.#ask(run, `${this.#path()}/stream`, { ...this.#position(), mode }) : this.#ask(run, 'stream', {}, { docs: this.#positions(), mode }));
    const refused = this.#judge(response);
    if (refused !== undefined) return refused;
    const reader = response.body?.getReader();
    if (!reader || !response.headers.get('content-type')?.startsWith('text/event-stream')) return 'lost'; // a page of somebody in between
    const started = now();
    let isShort = true;
    const read = frameReader();
    try {
      for (;;) {
        const { done, value } = await reader.read();
        if (this.#run !== run) return 'lost';
        if (done || value === undefined) break;
        this.#listen(this.#silenceMs);
        const end = await this.#take(run, read(value).map(parsed));
        isShort = end === undefined; // else ended for a reason, or given up from here
        if (end !== undefined) return end;
      }
      return 'lost';
    } finally {
      if (this.#run === run) this.#tooShort = isShort && now() - started < shortStreamMs ? this.#tooShort + 1 : 0;
      void reader.cancel().catch(() => undefined);
    }
  }

  async #poll(run: AbortController): Promise<Signal> {
    for (let wait = 0; ; ) {
      const asked = this.#settings.now();
      const response = await (this.#isSingle ? this.#ask(run, `${this.#path()}/events`, { ...this.#position(), wait }) : this.#ask(run, 'pull', {}, { docs: this.#positions(), wait }));
      const refused = response.status === 410 ? undefined : this.#judge(response);
      if (refused !== undefined) return refused;
      const body = (await response.json()) as Page & { readonly docs?: Readonly<Record<string, Page>> };
      if (this.#run !== run) return 'lost';
      this.#listen(this.#silenceMs + pollSeconds * 1000);
      const [only = ''] = this.replicas.keys();
      const received = Object.entries<Page>(this.#isSingle ? { [only]: body } : (body.docs ?? {})).flatMap(([ref, page]) => paged(ref, page));
      const end = await this.#take(run, [{ event: 'hello', message: {} }, ...received, { event: 'over', message: {} }]);
      if (end !== undefined) return end;
      if (this.#polls++ >= pollsUntilStream) {
        this.#polls = this.#tooShort = 0;
        return 'lost';
      }
      if (wait > 0 && this.#settings.now() - asked < shortStreamMs && !received.some(({ event }) => event === 'ev')) {
        this.#retryAfterMs = shortStreamMs; // a server that does not hold polls is not asked all the time
        return 'lost';
      }
      wait = this.status === 'live' ? pollSeconds : 0;
    }
  }

  /** Takes what came together, keeps it, and tells of it once; answers what ends the connection. */
  async #take(run: AbortController, all: readonly Received[]): Promise<Signal | undefined> {
    const before = new Map<DocumentReplica<unknown>, ReplicaState>();
    let end: Signal | undefined;
    try {
      for (const { event, message } of all) {
        const full = event === 'snapshot' && message.url !== undefined ? await this.#fetched(run, message) : message;
        if (this.#run !== run) return 'lost';
        end = this.#takeOne(event, full, before);
        if (end !== undefined) break;
      }
    } finally {
      for (const [replica, since] of before) replica.keep(since);
    }
    if (end === undefined) this.#notify(); // else with the signal
    return end;
  }

  #takeOne(event: string, message: Message, before: Map<DocumentReplica<unknown>, ReplicaState>): Signal | undefined {
    if (event === 'bye') return this.#takeBye(message);
    if (event === 'hello') {
      if (message.proto !== undefined && message.proto !== 1) return this.#give({ reason: 'protocol' });
      if (message.hb) this.#listen((this.#silenceMs = message.hb * heartbeatsMissed));
      this.#isReauthorised = false;
      this.#signal('hello');
    }
    for (const [replica, own] of this.#addressed(message)) {
      if (!before.has(replica)) before.set(replica, replica.state);
      const wrong = replica.take(event, own);
      if (wrong === 'void') {
        replica.void();
        return this.#restart();
      }
      if (wrong === 'gap') return 'lost';
    }
    const all = Array.from(this.replicas.values());
    if (event === 'over' && all.every(({ isPurged }) => isPurged)) return this.#give({ reason: 'purged' });
    if (replicasChange.test(event) && all.some(({ isLive }) => isLive) && all.every(({ isLive, isPurged }) => isLive || isPurged)) this.#signal('live');
    return undefined;
  }

  #takeBye(message: Message): Signal {
    const { reason, retryAfter = 0 } = message;
    if (reason === 'purged') {
      for (const replica of this.replicas.values()) replica.take('reset', message); // in case the reset was lost
      return this.#give({ reason });
    }
    this.#retryAfterMs = retryAfter;
    return 'lost';
  }

  /** At once, but not over and over. */
  #restart(): Signal {
    const last = this.#restartedAt;
    this.#restartedAt = this.#settings.now();
    return this.#restartedAt - last > shortStreamMs ? 'restart' : 'lost';
  }

  #give(problem: SyncProblem): Signal {
    this.error = problem;
    return 'denied';
  }

  /** Which replicas a frame is for, and what of it. */
  #addressed(message: Message): (readonly [DocumentReplica<unknown>, Message])[] {
    const { ref = '', docs } = message;
    if (docs) return Object.entries(docs).flatMap(([key, position]) => this.#addressed({ ...position, ref: key }));
    const [only] = this.replicas.values();
    const replica = this.#isSingle ? only : this.replicas.get(ref);
    return replica ? [[replica, message]] : [];
  }

  async #fetched(run: AbortController, message: Message): Promise<Message> {
    const { url = '', v, epoch } = message;
    const base = new URL(this.#settings.url, (globalThis as { location?: { href: string } }).location?.href);
    const target = new URL(url, base);
    if (target.origin !== base.origin) throw new TypeError(url); // the headers are for this server only
    if (this.#settings.types === 'plain') target.searchParams.set('types', 'plain');
    const response = await this.#request(run, target.href);
    const full = (await response.json()) as Message;
    if (full.v !== v || full.epoch !== epoch) throw new TypeError('not this snapshot');
    return { ...message, ...full };
  }

  /** What the status of an answer means; `undefined`: it has a body to read. */
  #judge({ status, headers }: FetchResponse): Signal | undefined {
    if (status === 200) return undefined;
    if (status === 401 && !this.#isReauthorised) {
      this.#isReauthorised = true;
      return 'restart'; // with headers made anew
    }
    if (status >= 400 && status < 500 && status !== 408 && status !== 429) return this.#give({ reason: 'refused', status });
    this.#retryAfterMs = (Number(headers.get('retry-after')) || 0) * 1000;
    return 'lost';
  }

  #ask(run: AbortController, path: string, query: Query, body?: unknown): Promise<FetchResponse> {
    const { url, types } = this.#settings;
    const parameters = new URLSearchParams();
    for (const [key, value] of Object.entries(query)) if (value) parameters.set(key, String(value));
    if (types === 'plain') parameters.set('types', types);
    return this.#request(run, `${url}/${path}?${parameters.toString()}`, body);
  }

  async #request({ signal }: AbortController, url: string, body?: unknown): Promise<FetchResponse> {
    const { headers, fetch, credentials } = this.#settings;
    const own = typeof headers === 'function' ? await headers() : headers;
    const init: FetchInit = { method: 'GET', headers: { ...own }, signal, credentials, cache: 'no-store' };
    signal.throwIfAborted();
    return fetch(url, body === undefined ? init : { ...init, method: 'POST', headers: { ...own, 'content-type': 'application/json' }, body: JSON.stringify(body) });
  }

  /** Of the only document. */
  #path(): string {
    const [ref = ''] = this.replicas.keys();
    const slash = ref.indexOf('/');
    return `${encodeURIComponent(ref.slice(0, slash))}/${encodeURIComponent(ref.slice(slash + 1))}`;
  }

  #position(): Query {
    const [replica] = this.replicas.values();
    const { v, epoch } = replica?.cursor ?? {};
    return { after: v, epoch };
  }

  #positions(): Readonly<Record<string, unknown>> {
    return Object.fromEntries(Array.from(this.replicas, ([ref, { cursor }]) => [ref, cursor ?? null]));
  }
}

function parsed({ event, data }: Frame): Received {
  return { event, message: JSON.parse(data) as Message };
}

/** A page as the frames that a stream would have sent. */
function paged(ref: string, page: Page): Received[] {
  const { error, epoch, snapshot, events = [], next = 0, live } = page;
  const tell = (event: string, message?: Message): Received[] => (message ? [{ event, message: { ...message, ref } }] : []);
  return [
    ...(error ? tell('reset', page) : epoch ? tell('hello', { epoch }) : []),
    ...tell('snapshot', snapshot),
    ...events.flatMap((event) => tell('ev', event)),
    ...(live ? tell('live', { v: next }) : []),
  ];
}
