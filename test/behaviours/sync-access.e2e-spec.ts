import http from 'node:http';
import net from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { type CanActivate, ForbiddenException, UnauthorizedException } from '@nestjs/common';
import type { SyncContext } from 'nestjs-event-sourced-storage';
import { databaseName, dropDatabase } from '../support/games.js';
import { ask, SseClient } from '../support/sse.js';
import { newId } from '../support/start-app.js';
import { startSync, type SyncApp, type SyncAppOptions } from '../support/sync-app.js';
import { gate, until } from '../support/until.js';

const database = databaseName('sync_access');
const canary = 'canary-5f2a';
let apps: SyncApp[] = [];
let clients: SseClient[] = [];

beforeAll(() => dropDatabase(database));
afterEach(async () => {
  for (const client of clients) client.close();
  await Promise.all(apps.map((app) => app.close()));
  apps = [];
  clients = [];
});
afterAll(() => dropDatabase(database));

async function start(sync: SyncAppOptions['sync'] = {}, options: Partial<SyncAppOptions> = {}): Promise<SyncApp> {
  const app = await startSync({ database, sync, ...options });
  apps.push(app);
  return app;
}

async function open(app: SyncApp, path: string, options: Parameters<typeof SseClient.open>[1] = {}): Promise<SseClient> {
  const client = await SseClient.open(`${app.url}${path}`, options);
  clients.push(client);
  return client;
}

async function newGame(app: SyncApp, extra?: unknown): Promise<string> {
  const _id = newId();
  await app.games.findOneAndUpsert({ _id: _id as never, name: 'raid', extra }, 'creator');
  return _id;
}

describe('who may follow what', () => {
  it('without authorizeStream there are no routes', async () => {
    const app = await start({ authorizeStream: undefined as never });
    const id = await newGame(app);
    for (const path of [`/games/${id}`, `/games/${id}/stream`, `/games/${id}/events`]) {
      expect(await ask(`${app.url}${path}`)).toMatchObject({ status: 404, body: { message: expect.stringContaining('Cannot GET') } });
    }
    expect((await ask(`${app.url}/pull`, { body: { docs: { [`games/${id}`]: null } } })).status).toBe(404);
    expect(() => app.sync).toThrow('EventSourcedSync');
  });

  it('what is forbidden is answered like what is not there, byte for byte', async () => {
    const app = await start({ authorizeStream: (_context, { id }) => ({ allow: !id.startsWith('a') }) });
    const forbidden = `a${newId().slice(1)}`;
    await app.games.findOneAndUpsert({ _id: forbidden as never, name: 'secret' }, 'creator');
    const absent = `b${newId().slice(1)}`;
    for (const suffix of ['', '/events', '/stream', '?v=1', '/events?after=now&wait=1']) {
      const answers = await Promise.all([forbidden, absent].map((id) => ask(`${app.url}/games/${id}${suffix}`)));
      const comparable = answers.map(({ status, text, headers: { date: _date, ...headers } }) => ({ status, text, headers }));
      expect(comparable[0]).toEqual(comparable[1]);
      expect(comparable[0]).toMatchObject({ status: 404, text: '{"error":"not-found"}' });
    }
    const mine = await newGame(app).then((id) => `games/${id}`);
    const many = await Promise.all([forbidden, absent].map((id) => ask(`${app.url}/pull`, { body: { docs: { [mine]: null, [`games/${id}`]: null } } })));
    for (const { status, text } of many) expect({ status, text }).toEqual({ status: 403, text: '{"error":"forbidden"}' });
  });

  it('nothing of a document is read before the decision', async () => {
    const app = await start({ authorizeStream: () => ({ allow: false }) });
    const events: string[] = [];
    const decided = await start({
      authorizeStream: () => {
        events.push('decided');
        return { allow: true };
      },
    }, { client: { monitorCommands: true }, root: { watchEnabled: false } }); // a feed reads by itself
    const id = await newGame(decided);
    decided.connection.getClient().on('commandStarted', ({ commandName, command }: { commandName: string; command: Record<string, unknown> }) => {
      if (commandName === 'find' && String(command['find']).startsWith('games')) events.push('read');
    });
    await ask(`${decided.url}/games/${id}`);
    expect(events[0]).toBe('decided');
    expect(events).toContain('read');
    expect((await ask(`${app.url}/games/${id}`)).status).toBe(404);
  });

  it.each([
    ['a 401', new UnauthorizedException(canary), 401, '{"error":"unauthorized"}'],
    ['a 403', new ForbiddenException(canary), 404, '{"error":"not-found"}'],
    ['anything else', new Error(canary), 503, '{"error":"unavailable"}'],
  ])('an authorizer that throws %s refuses, and nothing of it is told', async (_what, error, status, text) => {
    const app = await start({ authorizeStream: () => Promise.reject(error) });
    const id = await newGame(app);
    const answer = await ask(`${app.url}/games/${id}/stream`);
    expect({ status: answer.status, text: answer.text }).toEqual({ status, text });
  });

  it.each([undefined, null, true, {}, { allow: 'yes' }, { allow: true, redact: 'unknown' }])('a decision %j is no permission', async (decision) => {
    const app = await start({ authorizeStream: () => decision as never });
    const id = await newGame(app);
    expect((await ask(`${app.url}/games/${id}`)).status).toBe(404);
  });

  it('a permission that is over already is 401', async () => {
    const app = await start({ authorizeStream: () => ({ allow: true, until: new Date(Date.now() - 1) }) });
    expect((await ask(`${app.url}/games/${await newGame(app)}/stream`)).status).toBe(401);
  });

  it("the application's guards and its authorizer see the same request", async () => {
    const guard: CanActivate = {
      canActivate: (context) => {
        const request = context.switchToHttp().getRequest<{ headers: Record<string, string>; user?: string }>();
        request.user = request.headers['x-user'] ?? '';
        return request.user !== '';
      },
    };
    const app = await start({ authorizeStream: ({ request }) => ({ allow: (request as { user?: string }).user === 'ann' }) }, { setUp: (nest) => nest.useGlobalGuards(guard) });
    const id = await newGame(app);
    expect((await ask(`${app.url}/games/${id}`)).status).toBe(403);
    expect((await ask(`${app.url}/games/${id}`, { headers: { 'x-user': 'ben' } })).status).toBe(404);
    expect((await ask(`${app.url}/games/${id}`, { headers: { 'x-user': 'ann' } })).status).toBe(200);
  });

  it('another path, a global prefix, and the name of the model in place of the collection', async () => {
    const app = await start({ path: 'live/v1', maxFrameBytes: 50 }, { setUp: (nest) => void nest.setGlobalPrefix('api') });
    const id = await newGame(app);
    const client = await SseClient.open(`http://127.0.0.1:${app.port}/api/live/v1/Game/${id}/stream`);
    clients.push(client);
    const { data } = await client.next('snapshot');
    expect(data).toMatchObject({ ref: `games/${id}`, url: expect.stringContaining(`/api/live/v1/games/${id}?v=1&epoch=`) });
    expect((await ask(`http://127.0.0.1:${app.port}${data.url as string}`)).body).toMatchObject({ v: 1 });
  });
});

describe('what is hidden', () => {
  const redactions = { public: ['extra.secret', 'extra.players.token', '@clientId', '@by'] };
  const hides = { redactions, authorizeStream: (({ headers }) => ({ allow: true, ...(headers['x-all'] === undefined ? { redact: 'public' } : {}) })) as NonNullable<SyncAppOptions['sync']>['authorizeStream'] };

  it('is in no frame and in no answer: not in snapshots, diffs, replaced parents, arrays or metadata', async () => {
    const app = await start(hides as never);
    const id = newId();
    const player = (name: string): object => ({ name, token: canary });
    await app.games.findOneAndUpsert({ _id: id as never, name: 'raid', extra: { secret: canary, seen: 1, players: [player('ann')] } }, canary, { metadata: { by: canary } });
    // oxlint-disable-next-line typescript/no-explicit-any -- the field is Mixed
    const edits: ((extra: any) => void)[] = [
      (extra) => void (extra.secret = `${canary}2`),
      (extra) => void (extra.players[0].token = `${canary}3`),
      (extra) => void extra.players.push(player('ben')),
      (extra) => void (extra.players = { 7: player('cid') }),
      (extra) => void (extra.seen = 2),
      (extra) => void delete extra.secret,
    ];
    const watching = await open(app, `/games/${id}/stream`);
    await watching.next('live');
    for (const edit of edits) await app.games.findOneAndUpdate(id, (game) => edit(game.extra), canary, { metadata: { by: canary } });
    await app.games.findOneAndUpdate(id, (game) => void (game.extra = { secret: canary, whole: true }), canary);
    await app.games.deleteOne(id, canary);
    await watching.next('ev', edits.length + 2);
    const replay = await open(app, `/games/${id}/stream?after=0`);
    await replay.next('live');
    const texts = [...watching.frames, ...replay.frames].map(({ raw }) => raw);
    for (const suffix of ['', '?v=3', '/events?after=0', '/events?after=0&fmt=rfc6902', '/events?after=0&types=plain', '/events?after=1&epoch=x']) texts.push((await ask(`${app.url}/games/${id}${suffix}`)).text);
    texts.push((await ask(`${app.url}/pull`, { body: { docs: { [`games/${id}`]: null } } })).text);
    expect(texts.filter((text) => text.includes(canary))).toEqual([]);
    expect(replay.of('ev').map(({ data }) => data.v as number)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(watching.of('ev')[0]?.data).toMatchObject({ v: 2, op: 'update' });
    expect(watching.of('ev')[0]?.data).not.toHaveProperty('set');
    const trusted = await ask(`${app.url}/games/${id}/events?after=0`, { headers: { 'x-all': '1' } });
    expect(trusted.text).toContain(canary);
  });

  it('one client of each view at the same time get each their own', async () => {
    const app = await start(hides as never);
    const id = await newGame(app, { secret: canary });
    const [some, all] = [await open(app, `/games/${id}/stream`), await open(app, `/games/${id}/stream`, { headers: { 'x-all': '1' } })];
    await Promise.all([some.next('live'), all.next('live')]);
    await app.games.findOneAndUpdate(id, (game) => void ((game.extra as { secret: string }).secret = `${canary}9`), 'writer');
    await Promise.all([some.next('ev'), all.next('ev')]);
    expect(some.frames.map(({ raw }) => raw).join('')).not.toContain(canary);
    expect(all.of('ev')[0]?.data).toMatchObject({ set: { 'extra.secret': `${canary}9` }, c: 'writer' });
  });
});

describe('how a stream ends', () => {
  it('with bye token when the permission is over', async () => {
    const app = await start({ authorizeStream: () => ({ allow: true, until: new Date(Date.now() + 2_000) }) });
    const client = await open(app, `/games/${await newGame(app)}/stream`);
    await client.ended();
    expect(client.frames.at(-1)).toMatchObject({ event: 'bye', id: undefined, data: { reason: 'token', retryAfter: 0 } });
  });

  it('with bye token when it is kicked, and only then', async () => {
    const app = await start({ identify: ({ headers }) => String(headers['x-user']) });
    const id = await newGame(app);
    const [ann, ben] = [await open(app, `/games/${id}/stream`, { headers: { 'x-user': 'ann' } }), await open(app, `/games/${id}/stream`, { headers: { 'x-user': 'ben' } })];
    await Promise.all([ann.next('live'), ben.next('live')]);
    expect(app.sync.kick(({ user }) => user === 'ann')).toBe(1);
    await ann.ended();
    expect(ann.frames.at(-1)).toMatchObject({ event: 'bye', data: { reason: 'token' } });
    await app.games.findOneAndUpdate(id, (game) => void game.gold++, 'writer');
    await ben.next('ev');
    expect(ben.isEnded).toBe(false);
  });

  it('a stream whose permission was asked for before the kick is authorised anew', async () => {
    let isAllowed = true;
    const app: SyncApp = await start({
      authorizeStream: () => {
        const decision = { allow: isAllowed };
        if (isAllowed) app.sync.kick(() => true);
        isAllowed = false;
        return decision;
      },
    });
    const id = await newGame(app);
    expect((await ask(`${app.url}/games/${id}/stream`)).status).toBe(404);
    expect(app.sync.metrics.openStreams).toBe(0);
    isAllowed = true;
    expect((await ask(`${app.url}/stream`, { body: { docs: { [`games/${id}`]: null } } })).status).toBe(403);
  });

  it('a long-poll that was let in before the kick is authorised anew before it answers', async () => {
    let isAllowed = true;
    const app = await start({ authorizeStream: () => ({ allow: isAllowed }) });
    const id = await newGame(app);
    const ref = `games/${id}`;
    const { epoch } = (await ask(`${app.url}/pull`, { body: { docs: { [ref]: null } } })).body.docs[ref] as { readonly epoch: string };
    const polls = [ask(`${app.url}/${ref}/events?after=now&wait=25`), ask(`${app.url}/pull`, { body: { docs: { [ref]: { v: 1, epoch } }, wait: 25 } })];
    await until(() => app.sync.metrics.waitingPolls === 2, 'both wait');
    isAllowed = false;
    app.sync.kick(() => true);
    await app.games.findOneAndUpdate(id, (game) => void game.gold++, 'writer');
    expect((await Promise.all(polls)).map(({ status, text }) => [status, text.includes('gold')])).toEqual([[404, false], [403, false]]);
  });

  it('a long-poll that is still allowed after a kick misses nothing', async () => {
    const app = await start();
    const id = await newGame(app);
    const poll = ask(`${app.url}/games/${id}/events?after=now&wait=25`);
    await until(() => app.sync.metrics.waitingPolls === 1, 'it waits');
    app.sync.kick(() => true);
    await app.games.findOneAndUpdate(id, (game) => void game.gold++, 'writer');
    expect((await poll).body).toMatchObject({ events: [{ v: 2 }] });
  });

  it('with bye rotate after its time', async () => {
    const app = await start({ rotateMs: 200 });
    const client = await open(app, `/games/${await newGame(app)}/stream`);
    await client.ended();
    expect(client.frames.at(-1)).toMatchObject({ event: 'bye', data: { reason: 'rotate', retryAfter: 0 } });
  });

  it('with bye shutdown when the application closes, which then does not hang; a poll is answered', async () => {
    const app = await start();
    const id = await newGame(app);
    const client = await open(app, `/games/${id}/stream`);
    await client.next('live');
    const poll = ask(`${app.url}/games/${id}/events?after=now&wait=25`);
    const closing = app.close();
    await client.ended();
    expect(client.frames.at(-1)).toMatchObject({ event: 'bye', data: { reason: 'shutdown', retryAfter: expect.any(Number) } });
    const answered = await poll.catch(() => undefined);
    if (answered !== undefined) expect([200, 503]).toContain(answered.status);
    await closing;
    apps = [];
  });

  it('a poll that is still being decided on when the server closes is refused, and holds nothing up', async () => {
    const decision = gate();
    let isAsked = false;
    const app = await start({
      authorizeStream: async () => {
        isAsked = true;
        await decision.passed;
        return { allow: true };
      },
    });
    const id = await newGame(app);
    const poll = ask(`${app.url}/games/${id}/events?after=now&wait=25`);
    await until(() => isAsked, 'the decision');
    await app.sync.beforeApplicationShutdown();
    decision.open();
    expect((await poll).status).toBe(503);
  });

  it('when its client does not read: it is destroyed after its time, nothing is queued, and others are not slower', async () => {
    const app = await start({ slowMs: 2_000, heartbeatMs: 100 }); // time enough for a reader on a slow machine
    const id = await newGame(app);
    const stuck = net.connect(app.port, '127.0.0.1');
    stuck.pause();
    stuck.on('error', () => undefined);
    stuck.write(`GET /sync/games/${id}/stream HTTP/1.1\r\nHost: x\r\n\r\n`);
    await until(() => app.sync.metrics.openStreams === 1, 'the stuck stream');
    const reader = await open(app, `/games/${id}/stream`);
    await reader.next('live');
    let wasBlocked = false;
    for (let step = 0; app.sync.metrics.slowStreams === 0; step++) {
      // much, until no more fits between the server and the stuck client; then little, while its time runs
      const size = app.sync.metrics.blockedStreams === 0 ? 200_000 : 10;
      await app.games.findOneAndUpdate(id, (game) => void (game.extra = `${step}`.padEnd(size, 'x')), 'writer');
      await reader.next('ev', step + 1);
      wasBlocked ||= app.sync.metrics.blockedStreams === 1;
      if (step > 10_000) throw new Error('it was never destroyed');
    }
    expect(wasBlocked).toBe(true);
    await until(() => app.sync.metrics.openStreams === 1, 'the end of the stuck stream');
    await until(() => app.sync.metrics.blockedStreams === 0, 'nobody who is blocked');
    expect(app.sync.metrics.slowStreams).toBe(1);
    stuck.destroy();
  });

  it('when its client goes: nothing of it is left', async () => {
    const app = await start();
    const id = await newGame(app);
    const several = await Promise.all(Array.from({ length: 10 }, () => open(app, `/games/${id}/stream`)));
    expect(app.sync.metrics.openStreams).toBe(10);
    for (const client of several) client.close();
    await until(() => app.sync.metrics.openStreams === 0, 'no stream');
  });
});

describe('limits', () => {
  async function expectTooMany(url: string, limit: string, headers: Record<string, string> = {}): Promise<void> {
    const answer = await ask(url, { headers });
    expect(answer.status).toBe(429);
    expect(answer.body).toEqual({ error: 'too-many', limit });
    expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
  }

  it('of streams in total, of a user, of an address; a place is free again when its stream is over', async () => {
    const byUser = { identify: ({ headers }: SyncContext): string => String(headers['x-user']) };
    const [total, user, address] = [await start({ maxStreams: 2 }), await start({ maxStreamsPerUser: 1, ...byUser }), await start({ maxStreamsPerAddress: 1 })];
    const id = await newGame(total);
    const path = `/games/${id}/stream`;
    const [first] = [await open(total, path), await open(total, path)];
    await expectTooMany(`${total.url}${path}`, 'streams');
    first.close();
    await until(() => total.sync.metrics.openStreams === 1, 'one stream');
    await open(total, path);
    await open(user, path, { headers: { 'x-user': 'ann' } });
    await open(user, path, { headers: { 'x-user': 'ben' } });
    await expectTooMany(`${user.url}${path}`, 'streams-per-user', { 'x-user': 'ann' });
    await open(address, path);
    await expectTooMany(`${address.url}${path}`, 'streams-per-address');
    await expectTooMany(`${address.url}/games/${id}/events?after=now&wait=5`, 'streams-per-address');
    expect(address.sync.metrics.refusedByLimit).toBe(2);
  });

  it('a poll whose client went while it was decided on gives its place back', async () => {
    const decision = gate();
    let first: http.IncomingMessage | undefined;
    let isEntering = false;
    const app = await start({
      maxStreamsPerAddress: 1,
      authorizeStream: async ({ request }) => {
        if (first === undefined) {
          first = request as http.IncomingMessage;
          await decision.passed;
        }
        return { allow: true };
      },
      identify: () => {
        isEntering = true;
        return undefined;
      },
    });
    const path = `${app.url}/games/${await newGame(app)}/events?after=now&wait=`;
    const leaving = http.get(`${path}25`, { agent: false });
    leaving.on('error', () => undefined);
    await until(() => first !== undefined, 'the decision');
    leaving.destroy();
    await until(() => first?.socket.destroyed === true, 'the end of the connection');
    decision.open();
    await until(() => isEntering, 'the poll that has nobody');
    await until(async () => (await ask(`${path}1`)).status === 200, 'its place');
  });

  it('of replayed bytes: a stream goes on with a snapshot, a page is refused', async () => {
    const app = await start({ maxReplayBytes: 1_000, ringLength: 2 });
    const id = await newGame(app);
    for (let step = 0; step < 20; step++) await app.games.findOneAndUpdate(id, (game) => void game.gold++, 'writer');
    // the limit is one of each minute of the server's life: what follows has to happen within one
    await until(() => performance.now() % 60_000 < 45_000, 'a minute that is not over yet');
    const first = await open(app, `/games/${id}/stream?after=0`);
    await first.next('live');
    expect(first.of('ev')).toHaveLength(21);
    const second = await open(app, `/games/${id}/stream?after=0`);
    await second.next('live');
    expect(second.frames.map(({ event }) => event)).toEqual(['hello', 'snapshot', 'live']);
    await expectTooMany(`${app.url}/games/${id}/events?after=0`, 'replay');
  });
});
