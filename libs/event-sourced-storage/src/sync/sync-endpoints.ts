import { EventSourcedStorageError } from '../errors/event-sourced-storage.error.js';
import type { Position } from './catch-up.js';
import { noRedaction } from './redaction.js';
import { snapshotData } from './snapshot-frame.js';
import { type Grant, SyncAccess, type Target } from './sync-access.js';
import type { SyncExchange } from './sync-exchange.js';
import type { HeldDocument, SyncHub } from './sync-hub.js';
import { type Principal, SyncLimits } from './sync-limits.js';
import { cursorText } from './sync-message.js';
import type { ResolvedSyncOptions } from './sync-options.js';
import { type HistoryGone, isGone, readPage, type SyncPage } from './sync-page.js';
import { badRequest, docsOf, epochOf, forbidden, notFound, positionOf, Query, Refusal, unavailable, wholeNumberOf } from './sync-request.js';
import type { SyncSource } from './sync-source.js';
import { type StreamedDocument, SyncStream, type StreamWishes } from './sync-stream.js';
import { wireSnapshot, type WireForm } from './wire-event.js';

const noStore = { 'Cache-Control': 'private, no-store, no-transform', 'X-Content-Type-Options': 'nosniff' } as const;
/** A fixed version never changes under an epoch; an hour bounds what an erasure leaves in a cache. Another user of the same browser may see less of it. */
const forAnHour = { ...noStore, 'Cache-Control': 'private, max-age=3600, immutable', Vary: 'Authorization, Cookie' } as const;
const streamHeaders = { 'Content-Type': 'text/event-stream', 'Cache-Control': 'private, no-store, no-transform', 'X-Accel-Buffering': 'no', 'X-Content-Type-Options': 'nosniff' } as const;
const formKeys = ['types', 'fmt'] as const;
const types = ['extended', 'plain'] as const;
const formats = ['diff', 'rfc6902'] as const;
const modes = ['events', 'latest'] as const;
const snapshots = ['auto', 'never'] as const;

/** How often a stream is authorised again because of kicks meanwhile. */
const openAttempts = 5;

/** A document that may be read, and what of it. */
interface Opened {
  readonly held: HeldDocument;
  readonly grant: Grant;
  readonly position: Position;
}

/** What each route does, whatever the framework. */
export class SyncEndpoints {
  private readonly access: SyncAccess;
  private readonly limits: SyncLimits;

  constructor(
    private readonly options: ResolvedSyncOptions,
    private readonly hub: SyncHub,
    sources: () => readonly SyncSource[],
    private readonly warn: (message: string) => void,
  ) {
    this.access = new SyncAccess(options, sources, warn);
    this.limits = new SyncLimits(options);
  }

  /** `GET {ref}` */
  state(exchange: SyncExchange): Promise<void> {
    return this.answered(exchange, async () => {
      const query = new Query(exchange.url, ['v', 'at', 'epoch', ...formKeys]);
      const epoch = query.get('epoch') === undefined ? undefined : epochOf(query.get('epoch'));
      const point = pointOf(query);
      const { held, grant } = await this.openOne(exchange, { kind: 'nothing' });
      try {
        const form = formOf(query.get('types'), 'diff', grant);
        if (point === undefined) await this.newest(exchange, held, form);
        else await this.past(exchange, held, form, point, epoch);
      } finally {
        held.release();
      }
    });
  }

  /** `GET {ref}/events` */
  events(exchange: SyncExchange): Promise<void> {
    return this.answered(exchange, async () => {
      const query = new Query(exchange.url, ['after', 'epoch', 'limit', 'wait', ...formKeys]);
      const position = positionOf(query, undefined);
      const limit = limitOf(query.number('limit'), this.options.pageEvents);
      const waitMs = this.waitOf(query.number('wait'));
      const kind = { types: query.oneOf('types', types, 'extended'), format: query.oneOf('fmt', formats, 'diff') };
      const [page] = await this.poll(exchange, async () => [await this.openOne(exchange, position)], kind, limit, waitMs);
      if (page !== undefined) exchange.json(isGone(page) ? 410 : 200, noStore, page);
    });
  }

  /** `GET {ref}/stream` */
  stream(exchange: SyncExchange): Promise<void> {
    return this.answered(exchange, async () => {
      const query = new Query(exchange.url, ['after', 'epoch', 'snapshot', 'mode', ...formKeys]);
      const position = positionOf(query, exchange.headers['last-event-id']);
      const wishes = { isMulti: false, mode: query.oneOf('mode', modes, 'events'), snapshot: query.oneOf('snapshot', snapshots, 'auto') } as const;
      // it would get nothing at all
      if (wishes.snapshot === 'never' && position.kind === 'nothing') throw badRequest('snapshot');
      const kind = { types: query.oneOf('types', types, 'extended'), format: query.oneOf('fmt', formats, 'diff') };
      await this.openStream(exchange, 3, kind, wishes, async () => [await this.openOne(exchange, position)]);
    });
  }

  /** `POST stream` */
  streamMany(exchange: SyncExchange): Promise<void> {
    return this.answered(exchange, async () => {
      const kind = kindOf(new Query(exchange.url, formKeys));
      const body = await exchange.body(this.options.maxBodyBytes);
      const docs = docsOf(body, ['docs', 'mode', 'snapshot'], this.options.maxDocuments);
      const { mode, snapshot } = body as { readonly mode?: unknown; readonly snapshot?: unknown };
      const wishes = { isMulti: true, mode: wordOf(mode, modes, 'mode'), snapshot: wordOf(snapshot, snapshots, 'snapshot') } as const;
      if (wishes.snapshot === 'never' && [...docs.values()].some((position) => position.kind === 'nothing')) throw badRequest('snapshot');
      await this.openStream(exchange, 1, kind, wishes, () => this.openMany(exchange, docs));
    });
  }

  /** `POST pull` */
  pull(exchange: SyncExchange): Promise<void> {
    return this.answered(exchange, async () => {
      const kind = kindOf(new Query(exchange.url, formKeys));
      const body = await exchange.body(this.options.maxBodyBytes);
      const docs = docsOf(body, ['docs', 'limit', 'wait', 'mode'], this.options.maxDocuments);
      const { limit, wait, mode } = body as { readonly limit?: unknown; readonly wait?: unknown; readonly mode?: unknown };
      wordOf(mode, modes, 'mode');
      const most = limitOf(numberOf(limit, 'limit'), this.options.pageEvents);
      const waitMs = this.waitOf(numberOf(wait, 'wait'));
      const pages = await this.poll(exchange, () => this.openMany(exchange, docs), kind, most, waitMs);
      exchange.json(200, noStore, { docs: Object.fromEntries(pages.map((page) => [page.ref, page])) });
    });
  }

  private async newest(exchange: SyncExchange, { hot }: HeldDocument, form: WireForm): Promise<void> {
    const standing = await hot.standing();
    const state = standing === undefined ? null : await hot.state();
    if (standing === undefined || state === null) {
      const { epoch, floor, head } = standing ?? { epoch: '', floor: 0, head: 0 };
      throw new Refusal(410, { ref: hot.facts.ref, error: 'history-gone', reason: 'purged', floor, head, epoch });
    }
    const etag = `"${cursorText({ epoch: state.epoch, version: state.serverSeq })}"`;
    if (form.redaction === noRedaction && exchange.headers['if-none-match'] === etag) return exchange.json(304, { ...noStore, ETag: etag }, undefined);
    const { ref, v, epoch, deleted, doc, at } = snapshotData(hot, state, form);
    exchange.json(200, { ...noStore, ETag: etag }, { ref, v, epoch, floor: (hot.known ?? standing).floor, deleted, doc, at });
  }

  private async past(exchange: SyncExchange, { hot }: HeldDocument, form: WireForm, point: PastPoint, epoch: string | undefined): Promise<void> {
    const standing = await hot.standing();
    if (standing === undefined) throw notFound();
    const goneFor = (reason: HistoryGone['reason']): Refusal =>
      new Refusal(410, { ref: hot.facts.ref, error: 'history-gone', reason, floor: standing.floor, head: standing.head, epoch: standing.epoch });
    if (epoch !== undefined && epoch !== standing.epoch) throw goneFor('epoch');
    const state = await hot.source.stateAt(hot.id, point).catch((error: unknown) => {
      if (error instanceof EventSourcedStorageError && error.code === 'HISTORY_COMPACTED') throw goneFor('compacted');
      if (error instanceof EventSourcedStorageError && error.code === 'CLIENT_AHEAD') throw goneFor('ahead');
      throw error;
    });
    if (state === null) throw notFound();
    const { ref, v, deleted, doc, at } = wireSnapshot(state, standing.epoch, new Date(), form, hot.facts);
    const isFixed = 'version' in point && epoch !== undefined;
    const etag = `"${cursorText({ epoch: standing.epoch, version: v })}"`;
    exchange.json(200, { ...(isFixed ? forAnHour : noStore), ETag: etag }, { ref, v, epoch: standing.epoch, floor: standing.floor, deleted, doc, at });
  }

  private async openStream(exchange: SyncExchange, segments: number, kind: FormKind, wishes: StreamWishes, open: () => Promise<readonly Opened[]>): Promise<void> {
    this.access.checkOrigin(exchange);
    const principal = this.principalOf(exchange);
    const leave = this.enter(principal);
    const opened: Opened[] = [];
    const end = (): void => {
      leave();
      release(opened);
    };
    try {
      for (let attempt = 0, kicks = -1; kicks !== this.hub.kicks; attempt++) {
        release(opened.splice(0));
        if (attempt === openAttempts) throw unavailable();
        kicks = this.hub.kicks; // a kick meanwhile does not see this stream yet
        opened.push(...(await open()));
      }
      if (this.hub.isClosed) throw unavailable();
      if (exchange.isHead || exchange.isGone) {
        end();
        return exchange.json(200, streamHeaders, undefined);
      }
    } catch (error) {
      end();
      throw error;
    }
    const documents = opened.map(({ held, grant, position }): StreamedDocument => ({ hot: held.hot, form: { ...kind, redaction: grant.redaction }, position, isLive: false, isOver: false, surprises: 0 }));
    const until = earliest(opened.map(({ grant }) => grant.until));
    const tools = { options: this.options, limits: this.limits, metrics: this.hub.metrics, base: exchange.base(segments) };
    const stream = new SyncStream(exchange.stream(streamHeaders), documents, wishes, principal, until, tools);
    void stream.closed.then(end);
    this.hub.add(stream);
    stream.start();
  }

  private async openOne(exchange: SyncExchange, position: Position): Promise<Opened> {
    this.access.checkOrigin(exchange);
    this.refuseWhenClosed();
    const target = this.access.find(exchange.param('collection'), exchange.param('id'));
    const grant = await this.access.authorize(this.access.contextOf(exchange), target);
    if (grant === undefined) {
      await this.readInVain(target);
      throw notFound();
    }
    const held = await this.hold(target);
    if (held === undefined) throw notFound();
    return { held, grant, position };
  }

  /** One that is refused, or not there, refuses all, and says nothing of any. */
  private async openMany(exchange: SyncExchange, docs: ReadonlyMap<string, Position>): Promise<readonly Opened[]> {
    this.access.checkOrigin(exchange);
    this.refuseWhenClosed();
    const context = this.access.contextOf(exchange);
    const targets = [...docs].map(([ref, position]) => ({ target: this.access.findRef(ref), position }));
    const grants = await Promise.all(targets.map(({ target }) => this.access.authorize(context, target)));
    if (grants.includes(undefined)) {
      await Promise.all(targets.map(({ target }) => this.readInVain(target)));
      throw forbidden();
    }
    const held = await Promise.allSettled(targets.map(({ target }) => this.hold(target)));
    const failed = held.find((result) => result.status === 'rejected');
    if (failed !== undefined || held.some((result) => result.status === 'fulfilled' && result.value === undefined)) {
      for (const result of held) if (result.status === 'fulfilled') result.value?.release();
      throw failed === undefined ? forbidden() : (failed.reason as Error);
    }
    return held.map((result, index) => ({
      held: (result as PromiseFulfilledResult<HeldDocument>).value,
      grant: grants[index] as Grant,
      position: (targets[index] as { position: Position }).position,
    }));
  }

  private hold({ source, id, idText }: Target): Promise<HeldDocument | undefined> {
    return this.hub.hold(source, id, idText);
  }

  /** What is forbidden takes as long as what is not there. */
  private async readInVain({ source, id }: Target): Promise<void> {
    await source.head(id).catch(() => undefined);
    await source.facts(id).catch(() => undefined);
  }

  /** Pages of all; waits while there is nothing to tell in any. Whoever was let in before a kick is asked about again before it is told anything. */
  private async poll(exchange: SyncExchange, open: () => Promise<readonly Opened[]>, kind: FormKind, limit: number, waitMs: number): Promise<readonly (SyncPage | HistoryGone)[]> {
    let kicks = this.hub.kicks;
    let opened = await open();
    let positions: readonly Position[] = opened.map(({ position }) => position);
    try {
      for (let attempt = 1; ; attempt++) {
        const [pages, reached] = await this.pollOnce(exchange, opened, positions, kind, limit, attempt === 1 ? waitMs : 0);
        if (this.hub.kicks === kicks) return pages;
        if (attempt === openAttempts) throw unavailable();
        kicks = this.hub.kicks;
        const again = await open();
        release(opened);
        opened = again;
        positions = reached;
      }
    } finally {
      release(opened);
    }
  }

  /** A page that does not fit any more is left out. @returns the pages, and the positions that they begin after */
  private async pollOnce(
    exchange: SyncExchange,
    opened: readonly Opened[],
    begin: readonly Position[],
    kind: FormKind,
    limit: number,
    waitMs: number,
  ): Promise<[readonly (SyncPage | HistoryGone)[], readonly Position[]]> {
    const principal = this.principalOf(exchange);
    const until = earliest(opened.map(({ grant }) => grant.until));
    const deadline = Math.min(performance.now() + waitMs, until === undefined ? Infinity : performance.now() + until.getTime() - Date.now());
    const leave = waitMs === 0 ? () => undefined : this.enter(principal);
    const news = new News(exchange, this.hub, opened.map(({ held }) => held));
    try {
      let positions: readonly Position[] = begin;
      for (;;) {
        const pages = await this.pages(opened, positions, kind, limit, principal);
        const hasNews = pages.some((page) => isGone(page) || page.events.length > 0 || page.snapshot !== undefined || !page.live);
        if (hasNews || performance.now() >= deadline || news.isOver) return [pages, positions];
        // "now" is a number from here on
        positions = positions.map((position, index) => {
          const page = pages[index];
          return page === undefined || isGone(page) ? position : { kind: 'after', after: page.next, epoch: page.epoch };
        });
        this.hub.metrics.waitingPolls++;
        await news.next(deadline - performance.now()).finally(() => this.hub.metrics.waitingPolls--);
      }
    } finally {
      news.stop();
      leave();
    }
  }

  private async pages(opened: readonly Opened[], positions: readonly Position[], kind: FormKind, limit: number, principal: Principal): Promise<(SyncPage | HistoryGone)[]> {
    const pages: (SyncPage | HistoryGone)[] = [];
    let bytes = 0;
    for (const [index, { held, grant }] of opened.entries()) {
      if (bytes > this.options.pageBytes) break;
      const tools = { limits: this.limits, principal, metrics: this.hub.metrics };
      const page = await readPage(held.hot, positions[index] as Position, { ...kind, redaction: grant.redaction }, { events: limit, bytes: this.options.pageBytes - bytes }, tools);
      pages.push(page);
      if (opened.length > 1) bytes += JSON.stringify(page).length;
    }
    return pages;
  }

  private enter(principal: Principal): () => void {
    try {
      return this.limits.enter(principal);
    } catch (error) {
      this.hub.metrics.refusedByLimit++;
      throw error;
    }
  }

  private principalOf(exchange: SyncExchange): Principal {
    return { user: this.options.identify(this.access.contextOf(exchange)), address: exchange.address };
  }

  private waitOf(seconds: number | undefined): number {
    if (seconds === undefined) return 0;
    if (seconds > 25) throw badRequest('wait');
    return Math.min(seconds * 1_000, this.options.maxWaitMs);
  }

  private refuseWhenClosed(): void {
    if (this.hub.isClosed) throw unavailable();
  }

  /** Whatever goes wrong, the client learns a status and a word. */
  private async answered(exchange: SyncExchange, run: () => Promise<void>): Promise<void> {
    try {
      await run();
    } catch (error) {
      const refusal = error instanceof Refusal ? error : unavailable();
      if (refusal !== error) this.warn(`Sync could not answer ${exchange.url.split('?', 1)[0]}: ${error instanceof Error ? error.message : String(error)}`);
      const { status, body, retryAfter } = refusal;
      if (!exchange.isGone) exchange.json(status, { ...noStore, ...(retryAfter === undefined ? {} : { 'Retry-After': String(retryAfter) }) }, body);
    }
  }
}

/** Waits for anything new in some documents, or for the end of the waiting. */
class News {
  isOver: boolean;
  private tell: () => void = () => undefined;
  private hasTold = false;
  private readonly stops: (() => void)[] = [];

  constructor(exchange: SyncExchange, hub: SyncHub, documents: readonly HeldDocument[]) {
    const told = (): void => {
      this.hasTold = true;
      this.tell();
    };
    const end = (): void => {
      this.isOver = true;
      told();
    };
    // what ended while the request was decided on does not say so again
    this.isOver = exchange.isGone || hub.isClosed;
    this.stops.push(exchange.onGone(end), hub.onEnding(end));
    for (const { hot } of documents) {
      hot.watchers.add(told);
      this.stops.push(() => hot.watchers.delete(told));
    }
  }

  async next(ms: number): Promise<void> {
    if (!this.hasTold && !this.isOver) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, Math.max(0, ms));
        this.tell = (): void => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    this.hasTold = false;
  }

  stop(): void {
    for (const stop of this.stops.splice(0)) stop();
  }
}

type FormKind = Omit<WireForm, 'redaction'>;
type PastPoint = { readonly version: number } | { readonly at: Date };

function kindOf(query: Query): FormKind {
  return { types: query.oneOf('types', types, 'extended'), format: query.oneOf('fmt', formats, 'diff') };
}

function formOf(given: string | undefined, format: WireForm['format'], { redaction }: Grant): WireForm {
  if (given !== undefined && given !== 'extended' && given !== 'plain') throw badRequest('types');
  return { types: given ?? 'extended', format, redaction };
}

function pointOf(query: Query): PastPoint | undefined {
  const version = query.number('v');
  const at = query.get('at');
  if (version !== undefined && at !== undefined) throw badRequest('at');
  if (version !== undefined) return { version };
  if (at === undefined) return undefined;
  const isIso = /^\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?(?:Z|[+-]\d\d:\d\d)$/.test(at);
  const time = isIso ? Date.parse(at) : Number.NaN;
  if (Number.isNaN(time)) throw badRequest('at');
  return { at: new Date(time) };
}

function limitOf(limit: number | undefined, most: number): number {
  if (limit === 0) throw badRequest('limit');
  return Math.min(limit ?? most, most);
}

function numberOf(value: unknown, field: string): number | undefined {
  return value === undefined ? undefined : wholeNumberOf(typeof value === 'number' ? String(value) : value, field);
}

function wordOf<W extends string>(value: unknown, words: readonly [W, ...W[]], field: string): W {
  if (value === undefined) return words[0];
  if ((words as readonly unknown[]).includes(value)) return value as W;
  throw badRequest(field);
}

function earliest(dates: readonly (Date | undefined)[]): Date | undefined {
  const times = dates.flatMap((date) => (date === undefined ? [] : [date.getTime()]));
  return times.length === 0 ? undefined : new Date(Math.min(...times));
}

function release(opened: readonly Opened[]): void {
  for (const { held } of opened) held.release();
}
