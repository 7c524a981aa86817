import type { Server } from 'node:http';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { createReplica, createReplicaSet, type Fetch, memoryStorage, type ReplicaStorage, type ReplicaView, type SyncOptions } from 'nestjs-event-sourced-storage-client';
import { databaseName, dropDatabase, type Game } from '../support/games.js';
import { newId } from '../support/start-app.js';
import { startSync, type SyncApp } from '../support/sync-app.js';
import { until } from '../support/until.js';

const database = databaseName('replica');
const seeds = Number(process.env['PROOF_REPLICA_SEEDS'] ?? 12);
const first = Number(process.env['SEED'] ?? 1);

/** Numbers below 1 that depend on the seed only: an LCG is random enough here. */
function seededRandom(seed: number): () => number {
  let state = (seed * 2_654_435_761) >>> 0;
  return () => (state = (state * 1_664_525 + 1_013_904_223) >>> 0) / 4_294_967_296;
}

let app: SyncApp;
const start = (): Promise<SyncApp> => startSync({ database, sync: { heartbeatMs: 200, rotateMs: 1_500 } });

/** A request that was given up before it was sent leaves a connection which Node does not count as idle: it would hold up the end. */
async function stop(running: SyncApp): Promise<void> {
  const server: Server = running.app.getHttpServer();
  const closing = running.close();
  await until(() => !server.listening, 'the end of the streams');
  server.closeAllConnections();
  await closing;
}

beforeAll(async () => {
  await dropDatabase(database);
  app = await start();
});
afterAll(async () => {
  await stop(app);
  await dropDatabase(database);
});

/** The network of one client: leads to whatever application is up, and cuts streams at any byte. */
class Network {
  private readonly cuts = new Set<() => void>();

  constructor(private readonly letsStreamsThrough: boolean) {}

  readonly asked: string[] = [];

  readonly fetch: Fetch = async (url, init) => {
    this.asked.push(url);
    const address = url.replace(/^http:\/\/sync\.test\/sync/, app.url);
    const control = new AbortController();
    const cut = (): void => control.abort();
    this.cuts.add(cut);
    const response = await fetch(address, { ...init, signal: AbortSignal.any([init.signal, control.signal]) });
    const isStream = response.headers.get('content-type')?.startsWith('text/event-stream') === true;
    if (isStream && !this.letsStreamsThrough) cut();
    return response;
  };

  cut(): void {
    for (const cut of this.cuts) cut();
    this.cuts.clear();
  }
}

type Shown = Record<string, unknown>;

/** What a client was seen to show. */
interface Sight {
  readonly who: string;
  readonly ref: string;
  readonly v: number;
  readonly text: string | undefined;
}

/** A page that holds replicas; its storage outlives it. */
class Page {
  readonly network: Network;
  private readonly storage: ReplicaStorage = memoryStorage();
  private held: { readonly views: readonly ReplicaView<Shown>[]; connect(): void; close(): Promise<void> } | undefined;

  constructor(
    readonly kind: 'single' | 'set' | 'poll',
    private readonly refs: readonly string[],
    private readonly random: () => number,
    private readonly sights: Sight[],
  ) {
    this.network = new Network(kind !== 'poll');
  }

  get views(): readonly ReplicaView<Shown>[] {
    return this.held?.views ?? [];
  }

  open(): void {
    const options: SyncOptions = {
      url: 'http://sync.test/sync',
      fetch: this.network.fetch,
      storage: this.storage,
      random: () => this.random() * 0.1,
      onError: () => undefined,
    };
    if (this.kind === 'set') {
      const set = createReplicaSet<Shown>({ ...options, refs: this.refs });
      this.held = { views: Array.from(set.replicas.values()), connect: () => set.connect(), close: () => set.close() };
    } else {
      const replica = createReplica<Shown>({ ...options, ref: this.refs[0] ?? '' });
      this.held = { views: [replica], connect: () => replica.connect(), close: () => replica.close() };
    }
    for (const view of this.views) view.subscribe(() => this.look(view));
  }

  async reopen(): Promise<void> {
    await this.close();
    this.open();
  }

  connect(): void {
    this.held?.connect();
  }

  async close(): Promise<void> {
    await this.held?.close();
  }

  private look({ ref, version, confirmed }: ReplicaView<Shown>): void {
    this.sights.push({ who: this.kind, ref, v: version, text: textOf(confirmed) });
  }
}

function textOf(document: object | undefined): string | undefined {
  if (document === undefined) return undefined;
  const { version: _, ...fields } = JSON.parse(JSON.stringify(document)) as Shown;
  return JSON.stringify(Object.entries(fields).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

/** Documents that one writer changes, and what they were at every number. */
class Writer {
  readonly truth = new Map<string, string | undefined>();
  readonly heads = new Map<string, { v: number; isPurged: boolean }>();

  constructor(private readonly random: () => number) {}

  async act(id: string): Promise<void> {
    const ref = `games/${id}`;
    const dice = this.random();
    const isThere = this.truth.get(`${ref} ${this.heads.get(ref)?.v}`) !== undefined;
    if (!isThere) await this.create(id);
    else if (dice < 0.08) this.note(ref, (await app.games.deleteOne(id, 'writer')).version, undefined);
    else if (dice < 0.16) await app.games.compact(id, { keepLast: 1 + Math.floor(this.random() * 3) });
    else if (dice < 0.21) this.note(ref, (await app.games.purge(id, 'writer')).version, undefined, true);
    else await this.update(id);
  }

  async create(id: string): Promise<void> {
    const { document } = await app.games.findOneAndUpsert({ _id: id as never, name: 'raid', gold: 1, extra: { boss: { hp: 100 } } }, 'writer');
    this.note(`games/${id}`, document.version, document);
  }

  private async update(id: string): Promise<void> {
    const [amount, kind] = [Math.floor(this.random() * 1000), this.random()];
    const edit = (game: Game): void => {
      game.gold++;
      if (kind < 0.3) game.extra = { boss: { hp: amount } };
      else if (kind < 0.5) game.tags = Array.from({ length: amount % 4 }, (_, index) => `tag${index}`);
      else if (kind < 0.7) game.lastUpdated = new Date(amount);
      else game.experience = amount;
    };
    const { document } = await app.games.findOneAndUpdate(id, edit, 'writer');
    this.note(`games/${id}`, document.version, document);
  }

  private note(ref: string, v: number, document: Game | undefined, isPurged = false): void {
    this.truth.set(`${ref} ${v}`, textOf(document));
    this.heads.set(ref, { v, isPurged });
  }
}

describe('Replicas of a real server', () => {
  let pages: Page[] = [];
  beforeEach(() => {
    pages = [];
  });
  afterEach(async () => {
    await Promise.all(pages.map((page) => page.close()));
  });

  it('row 56: show nothing but states that the document had, and have the last one in the end, through cuts, compaction, erasure and restarts', async () => {
    let seen = 0;
    for (let seed = first; seed < first + seeds; seed++) {
      const random = seededRandom(seed);
      const writer = new Writer(random);
      const sights: Sight[] = [];
      const ids = [newId(), newId()];
      const refs = ids.map((id) => `games/${id}`);
      for (const id of ids) await writer.create(id);
      pages = [new Page('single', refs, random, sights), new Page('set', refs, random, sights), new Page('poll', refs.slice(1), random, sights)];
      for (const page of pages) page.open();
      for (let step = 0; step < 25; step++) {
        await writer.act(ids[Math.floor(random() * 2)] ?? '');
        const page = pages[Math.floor(random() * pages.length)];
        const dice = random();
        if (dice < 0.15) page?.network.cut();
        else if (dice < 0.2) await page?.reopen();
        else if (dice < 0.3) page?.connect();
        else if (dice < 0.6) await new Promise((resume) => setTimeout(resume, random() * 20));
      }
      if (seed % 6 === 0) {
        await stop(app);
        app = await start();
        for (const id of ids) await writer.act(id);
      }
      for (const page of pages) await until(() => hasAll(page, writer), `SEED=${seed} ${page.kind}: ${JSON.stringify(page.views.map(({ ref, version, status }) => ({ ref, version, status })))}`);
      const wrong = sights.filter(({ ref, v, text }) => (v === 0 ? text !== undefined : !writer.truth.has(`${ref} ${v}`) || writer.truth.get(`${ref} ${v}`) !== text));
      expect({ seed, wrong: wrong.slice(0, 2) }).toEqual({ seed, wrong: [] });
      seen += sights.length;
      await Promise.all(pages.map((page) => page.close()));
    }
    expect(seen).toBeGreaterThan(seeds * 20);
  }, 600_000);

  it('row 55: a page that comes back goes on from what it had stored, and takes only what it missed', async () => {
    const id = newId();
    const writer = new Writer(Math.random);
    await writer.create(id);
    const page = new Page('single', [`games/${id}`], Math.random, []);
    pages = [page];
    page.open();
    await until(() => page.views[0]?.status === 'live', 'live');
    await page.close();
    await app.games.findOneAndUpdate(id, (game) => void game.gold++, 'writer');
    page.network.asked.length = 0;
    page.open();
    const [view] = page.views;
    await until(() => view?.version === 2 && view.status === 'live', 'caught up');
    // a stream may end and be asked for again; what it asks for first is what was missed
    expect(page.network.asked[0]).toMatch(/stream\?after=1&epoch=[\w-]+&types=plain$/);
    expect(page.network.asked.filter((url) => !/stream\?after=[12]&/.test(url))).toEqual([]);
    expect(view?.value).toMatchObject({ _id: id, gold: 2 });
  });

  it('row 57: a client that lost its state starts from a snapshot', async () => {
    const id = newId();
    await new Writer(Math.random).create(id);
    for (let step = 0; step < 3; step++) await app.games.findOneAndUpdate(id, (game) => void game.gold++, 'writer');
    await app.games.compact(id, { keepLast: 1 });
    const replica = createReplica<Shown>({ url: app.url, ref: `games/${id}`, types: 'ejson' });
    await replica.ready;
    expect([replica.version, replica.value]).toEqual([4, expect.objectContaining({ _id: { $oid: id }, gold: 4 })]);
    await replica.close();
  });

  it('an optimistic change is shown at once and gives way to its event', async () => {
    const id = newId();
    await new Writer(Math.random).create(id);
    const replica = createReplica<Game>({ url: app.url, ref: `games/${id}`, clientId: 'me' });
    await replica.ready;
    const shown: (readonly [number | undefined, number | undefined])[] = [];
    replica.subscribe(() => {
      const now = [replica.value?.gold, replica.confirmed?.gold] as const;
      if (String(now) !== String(shown.at(-1))) shown.push(now); // also told when a connection comes or goes
    });
    replica.optimistic('strike-1-of-me', (game) => void (game.gold += 10));
    await app.games.findOneAndUpdate(id, (game) => void (game.gold += 10), 'me', { operationId: 'strike-1-of-me' });
    await until(() => replica.version === 2, 'the event');
    expect(shown).toEqual([[11, 1], [11, 11]]);
    expect(replica.value).toBe(replica.confirmed);
    await replica.close();
  });
});

function hasAll(page: Page, { heads, truth }: Writer): boolean {
  const isThere = page.views.every(({ ref, version, value, deleted }) => {
    const { v, isPurged } = heads.get(ref) ?? { v: -1, isPurged: false };
    return isPurged ? value === undefined && deleted : version === v && textOf(value) === truth.get(`${ref} ${v}`);
  });
  const isAllPurged = page.views.every(({ ref }) => heads.get(ref)?.isPurged === true);
  if (!isThere && !isAllPurged && page.views.some(({ status }) => status === 'error')) page.connect();
  return isThere;
}
