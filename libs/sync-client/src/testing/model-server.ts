/** The server side of the protocol in memory, with faults on demand, and what every state of every document really was. */
import type { Fetch, FetchInit, FetchResponse } from '../options.js';

type Json = Record<string, unknown>;

/** Parts of the protocol that can be left out, to see that the tests notice. */
export interface Flaws {
  readonly noFloorCheck?: boolean;
  readonly noEpochCheck?: boolean;
  readonly noAheadCheck?: boolean;
}

interface Position {
  v: number;
  epoch: string;
}

interface History {
  epoch: string;
  floor: number;
  /** All of this epoch, also those that are compacted away. */
  events: Json[];
  state: Json | undefined;
  purged: boolean;
}

const encoder = new TextEncoder();

interface Pending {
  readonly url: URL;
  readonly init: FetchInit;
  readonly resolve: (response: FetchResponse) => void;
  readonly reject: (error: Error) => void;
}

/** One open stream: what was written and has not arrived yet, and the cursor of each document. */
export class ModelStream {
  readonly positions: Map<string, Position | null> = new Map();
  written = '';
  isOver = false;
  private readonly arrived: Uint8Array[] = [];
  private waiting: ((result: { done: boolean; value?: Uint8Array }) => void) | undefined;
  private refuse: ((error: Error) => void) | undefined;
  private isCut = false;

  constructor(readonly isSingle: boolean) {}

  write(event: string, data: unknown): void {
    this.written += `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
  }

  /** Lets some of what was written arrive. */
  deliver(bytes: number): void {
    const now = this.written.slice(0, bytes);
    this.written = this.written.slice(bytes);
    if (now !== '') this.arrived.push(encoder.encode(now));
    this.settle();
  }

  /**
   * Loses one whole frame on the way, which TCP would not. Never a reset or snapshot: events name no epoch, so one of another history could
   * follow unnoticed.
   */
  lose(which: number): void {
    const frames = this.written.split('\n\n').slice(0, -1);
    const lost = frames[which % frames.length];
    if (lost !== undefined && /^event: (?:ev|live|hb|sync)\n/.test(lost)) this.written = frames.filter((frame) => frame !== lost).map((frame) => `${frame}\n\n`).join('');
  }

  /** Ends the stream; what has not arrived is lost. */
  cut(withError: boolean): void {
    this.isOver = this.isCut = true;
    this.written = '';
    if (withError && this.waiting) {
      this.waiting = undefined;
      this.refuse?.(new Error('connection reset'));
    } else this.settle();
  }

  response(): FetchResponse {
    return {
      status: 200,
      headers: { get: (name) => (name === 'content-type' ? 'text/event-stream; charset=utf-8' : null) },
      body: {
        getReader: () => ({
          read: () =>
            new Promise((resolve, reject) => {
              this.waiting = resolve;
              this.refuse = reject;
              this.settle();
            }),
          cancel: () => {
            this.cut(false);
            return Promise.resolve();
          },
        }),
      },
      json: () => Promise.reject(new Error('a stream')),
    };
  }

  private settle(): void {
    const value = this.arrived[0];
    if (this.waiting === undefined || (value === undefined && !(this.isCut || (this.isOver && this.written === '')))) return;
    this.arrived.shift();
    const { waiting } = this;
    this.waiting = undefined;
    waiting(value === undefined ? { done: true } : { done: false, value });
  }
}

export class ModelServer {
  readonly streams: Set<ModelStream> = new Set();
  readonly pending: Set<Pending> = new Set();
  private readonly histories = new Map<string, History>();
  private readonly truth = new Map<string, { readonly doc: Json | undefined }>();
  private epochs = 0;

  constructor(
    private readonly flaws: Flaws,
    private readonly random: () => number,
  ) {}

  readonly fetch: Fetch = (url, init) =>
    new Promise((resolve, reject) => {
      const abort = (): void => pending.reject(new Error('aborted'));
      const ended =
        <V>(settle: (value: V) => void) =>
        (value: V): void => {
          this.pending.delete(pending);
          init.signal.removeEventListener('abort', abort);
          settle(value);
        };
      const pending: Pending = { url: new URL(url, 'http://model'), init, resolve: ended(resolve), reject: ended(reject) };
      this.pending.add(pending);
      init.signal.addEventListener('abort', abort);
    });

  /** What the document was at this position; `undefined` when there was no such state. */
  truthAt(ref: string, epoch: string, v: number): { readonly doc: Json | undefined } | undefined {
    return this.truth.get(`${ref} ${epoch} ${v}`);
  }

  current(ref: string): History {
    const found = this.histories.get(ref);
    if (found) return found;
    const history: History = { epoch: this.newEpoch(), floor: 0, events: [], state: undefined, purged: false };
    this.histories.set(ref, history);
    return history;
  }

  /** Changes a document: a set of values by path, or `undefined` for a delete. Creates it when it is not there. Answers its version. */
  change(ref: string, cmd: string, changed: (before: Json | undefined) => Json | undefined): number {
    const history = this.current(ref);
    const before = history.state;
    const after = changed(before === undefined ? undefined : structuredClone(before));
    if (before === undefined && after === undefined) return history.events.length;
    const v = history.events.length + 1;
    const envelope = { ref, v, at: '2026-01-01T00:00:00.000Z', c: 'model', cmd };
    const event =
      before === undefined ? { ...envelope, op: 'create', doc: after } : after === undefined ? { ...envelope, op: 'delete' } : { ...envelope, op: 'update', ...difference(before, after) };
    history.events.push(event);
    history.state = after;
    history.purged = false;
    this.remember(ref, history);
    return v;
  }

  compact(ref: string): void {
    const history = this.current(ref);
    history.floor += Math.floor(this.random() * (history.events.length - history.floor + 1));
  }

  purge(ref: string): void {
    Object.assign(this.current(ref), { epoch: this.newEpoch(), floor: 0, events: [], state: undefined, purged: true });
  }

  /** A backup is restored: the last events are gone, and operators say so. */
  restore(ref: string): void {
    const history = this.current(ref);
    if (history.events.length < 2) return;
    const v = Math.max(history.floor, 1, history.events.length - 3);
    const truth = this.truthAt(ref, history.epoch, v);
    if (truth === undefined) return; // it was restored to a later state before
    history.state = truth.doc;
    history.events.length = v;
    history.epoch = this.newEpoch();
    this.remember(ref, history);
  }

  /** All connections end, as when the process does. */
  restart(): void {
    for (const stream of this.streams) stream.cut(this.random() < 0.5);
    this.streams.clear();
    for (const { reject } of this.pending) reject(new Error('connection refused'));
  }

  /** Answers one request, whichever it is. */
  answer(pending: Pending): void {
    const { url, init, resolve } = pending;
    const [, , ...parts] = url.pathname.split('/').map(decodeURIComponent);
    const last = parts.pop();
    const body = init.body === undefined ? undefined : (JSON.parse(init.body) as { docs: Record<string, Position | null> });
    const after = url.searchParams.get('after');
    const position = after === null ? null : { v: Number(after), epoch: url.searchParams.get('epoch') ?? '' };
    const docs = body?.docs ?? { [parts.join('/')]: position };
    const isKnown = Object.keys(docs).every((ref) => this.current(ref).events.length > 0 || this.current(ref).purged);
    if (last === 'stream' && init.headers['x-line'] === 'short') resolve(cutAtOnce());
    else if (!isKnown) resolve(refusal(503)); // 404 in fact; there is nothing to learn from it here
    else if (last === 'stream') resolve(this.open(docs, body === undefined));
    else resolve(this.page(docs, body === undefined));
  }

  refuse(pending: Pending, status: number): void {
    if (status === 0) pending.reject(new Error('connection refused'));
    else pending.resolve(refusal(status));
  }

  /** Writes what a stream has not seen yet. */
  pump(stream: ModelStream, limit = 3): void {
    if (stream.isOver) return;
    for (const [ref, position] of stream.positions) {
      const before = position?.v;
      for (const [event, data] of this.answerTo(ref, position, limit)) {
        if (event !== 'over') stream.write(event, data);
        const { v, epoch } = data as { v: number; epoch?: string };
        if (event === 'snapshot') stream.positions.set(ref, { v, epoch: epoch ?? '' });
        if (event === 'ev') stream.positions.set(ref, { v, epoch: stream.positions.get(ref)?.epoch ?? '' });
        if (event === 'over') {
          stream.positions.delete(ref);
          if (stream.positions.size === 0) this.end(stream, { reason: 'purged', retryAfter: 0 });
          break;
        }
      }
      const now = stream.positions.get(ref);
      if (now && now.v !== before && now.v === this.current(ref).events.length) stream.write('live', { ref, v: now.v });
    }
  }

  heartbeat(stream: ModelStream): void {
    this.pump(stream, Infinity);
    if (stream.isOver) return;
    if (!stream.isSingle) {
      stream.write('sync', { docs: Object.fromEntries(Array.from(stream.positions).filter(([, position]) => position !== null)) });
      return;
    }
    for (const [ref] of stream.positions) stream.write('hb', { v: this.current(ref).events.length });
  }

  /** Sends some events once more, as after a wake-up too many. */
  repeat(stream: ModelStream): void {
    for (const [ref, position] of stream.positions) {
      const history = this.current(ref);
      if (position === null || position.epoch !== history.epoch || stream.isOver) continue;
      for (const event of history.events.slice(Math.max(history.floor, position.v - 3), position.v)) stream.write('ev', event);
    }
  }

  rotate(stream: ModelStream): void {
    if (!stream.isOver) this.end(stream, { reason: 'rotate', retryAfter: 10 });
  }

  private end(stream: ModelStream, bye: Json): void {
    stream.write('bye', bye);
    stream.isOver = true;
  }

  private newEpoch(): string {
    return `e${++this.epochs}`;
  }

  private remember(ref: string, { epoch, events, state }: History): void {
    this.truth.set(`${ref} ${epoch} ${events.length}`, { doc: state === undefined ? undefined : structuredClone(state) });
  }

  private open(docs: Readonly<Record<string, Position | null>>, isSingle: boolean): FetchResponse {
    const stream = new ModelStream(isSingle);
    this.streams.add(stream);
    for (const [ref, position] of Object.entries(docs)) stream.positions.set(ref, position);
    const [only = ''] = Object.keys(docs);
    const { events, floor, epoch } = this.current(only);
    stream.write('hello', isSingle ? { proto: 1, hb: 15_000, head: events.length, floor, epoch: this.flaws.noEpochCheck ? undefined : epoch } : { proto: 1, hb: 15_000 });
    for (const [ref, position] of Object.entries(docs)) {
      if (position !== null && position.v === this.current(ref).events.length && !this.mustReset(ref, position)) stream.write('live', { ref, v: position.v });
    }
    return stream.response();
  }

  private page(docs: Readonly<Record<string, Position | null>>, isSingle: boolean): FetchResponse {
    const pages = Object.entries(docs).map(([ref, position]) => [ref, this.pageOf(ref, position)] as const);
    const [first] = pages;
    return isSingle ? answered(first?.[1]['error'] === undefined ? 200 : 410, first?.[1]) : answered(200, { docs: Object.fromEntries(pages) });
  }

  private pageOf(ref: string, position: Position | null): Json {
    const { epoch, floor, events } = this.current(ref);
    const frames = this.answerTo(ref, position, 3);
    const data = (name: string): Json | undefined => frames.find(([event]) => event === name)?.[1];
    const reset = data('reset');
    const snapshot = data('snapshot');
    if (reset) return { error: 'history-gone', ref, epoch, floor, head: events.length, reason: reset['reason'], ...(snapshot && { snapshot }) };
    const sent = frames.filter(([event]) => event === 'ev').map(([, event]) => event);
    const next = (sent.at(-1)?.['v'] ?? snapshot?.['v'] ?? position?.v) as number;
    return { ref, epoch: this.flaws.noEpochCheck ? undefined : epoch, floor, head: events.length, events: sent, next, live: next >= events.length, ...(snapshot && { snapshot }) };
  }

  /** The decision table. */
  private answerTo(ref: string, position: Position | null, limit: number): [string, Json][] {
    const { epoch, floor, events, state, purged } = this.current(ref);
    const head = events.length;
    const snapshot: [string, Json] = ['snapshot', { ref, v: head, epoch, doc: state ?? null, deleted: state === undefined, at: '' }];
    const reason = position === null ? undefined : this.mustReset(ref, position);
    if (purged) return reason !== undefined || position === null ? [['reset', { ref, reason: 'purged', floor, head }], ['over', {}]] : [];
    if (position === null) return [snapshot];
    if (reason !== undefined) return [['reset', { ref, reason, floor, head }], snapshot];
    return events.slice(Math.max(position.v, floor)).slice(0, limit).map((event) => ['ev', event]);
  }

  private mustReset(ref: string, { v, epoch }: Position): string | undefined {
    const history = this.current(ref);
    if (epoch !== history.epoch && !this.flaws.noEpochCheck) return 'epoch';
    if (v > history.events.length && !this.flaws.noAheadCheck) return 'ahead';
    return v < history.floor && !this.flaws.noFloorCheck ? 'compacted' : undefined;
  }
}

/** What a proxy makes of a stream that it does not let through. */
function cutAtOnce(): FetchResponse {
  const stream = new ModelStream(true);
  stream.cut(false);
  return stream.response();
}

function answered(status: number, body: unknown): FetchResponse {
  const text = JSON.stringify(body);
  return { status, headers: { get: () => null }, body: null, json: () => Promise.resolve(JSON.parse(text) as unknown) };
}

function refusal(status: number): FetchResponse {
  return { status, headers: { get: (name) => (name === 'retry-after' ? '1' : null) }, body: null, json: () => Promise.resolve({ error: 'unavailable' }) };
}

/** Dotted paths to what is different, one level deep. */
function difference(before: Json, after: Json): { set: Json; unset: string[] } {
  const set: Json = {};
  const unset: string[] = [];
  for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
    const [old, now] = [before[key], after[key]];
    if (isObject(old) && isObject(now)) {
      const inner = difference(old, now);
      for (const [path, value] of Object.entries(inner.set)) set[`${key}.${path}`] = value;
      unset.push(...inner.unset.map((path) => `${key}.${path}`));
    } else if (now === undefined) unset.push(key);
    else if (JSON.stringify(old) !== JSON.stringify(now)) set[key] = now;
  }
  return { set, unset };
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
