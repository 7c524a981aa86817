import net from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { databaseName, dropDatabase } from '../support/games.js';
import { newId } from '../support/start-app.js';
import { ask, SseClient } from '../support/sse.js';
import { startSync, type SyncApp } from '../support/sync-app.js';
import { until } from '../support/until.js';

const database = databaseName('sync');
let app: SyncApp;
/** The same with heartbeats; the other has none within a test, so that frames can be compared as a list. */
let beating: SyncApp;
let clients: SseClient[] = [];

beforeAll(async () => {
  await dropDatabase(database);
  [app, beating] = [await startSync({ database }), await startSync({ database, sync: { heartbeatMs: 200 } })];
});
afterEach(() => {
  for (const client of clients) client.close();
  clients = [];
});
afterAll(async () => {
  await Promise.all([app.close(), beating.close()]);
  await dropDatabase(database);
});

async function open(path: string, options: Parameters<typeof SseClient.open>[1] = {}, at: SyncApp = app): Promise<SseClient> {
  const client = await SseClient.open(`${at.url}${path}`, options);
  clients.push(client);
  return client;
}

async function newGame(gold = 0): Promise<string> {
  const _id = newId();
  await app.games.findOneAndUpsert({ _id: _id as never, name: 'raid', gold }, 'creator');
  return _id;
}

async function addGold(id: string, times: number): Promise<void> {
  for (let step = 0; step < times; step++) await app.games.findOneAndUpdate(id, (game) => void game.gold++, 'writer');
}

describe('one document over a stream', () => {
  it('row 55: a client that has nothing gets hello, the snapshot and live, and then every change', async () => {
    const id = await newGame(7);
    const client = await open(`/games/${id}/stream`);
    await client.next('live');
    expect(client.frames.map(({ event }) => event)).toEqual(['hello', 'snapshot', 'live']);
    const [hello, snapshot, live] = client.frames;
    expect(hello?.data).toEqual({ proto: 1, head: 1, floor: 0, epoch: expect.stringMatching(/^[\w-]{1,16}$/), hb: 15_000 });
    const epoch = hello?.data.epoch as string;
    expect(snapshot).toMatchObject({ id: `${epoch}.1`, data: { ref: `games/${id}`, v: 1, epoch, deleted: false, doc: { _id: { $oid: id }, name: 'raid', gold: 7 } } });
    expect(snapshot?.data.doc).not.toHaveProperty('version');
    expect(live?.data).toEqual({ v: 1 });
    await addGold(id, 2);
    await client.next('ev', 2);
    expect(client.of('ev').map(({ id: cursor, data }) => [cursor, data.v, data.op, data.set])).toEqual([
      [`${epoch}.2`, 2, 'update', { gold: 8 }],
      [`${epoch}.3`, 3, 'update', { gold: 9 }],
    ]);
    expect(client.of('live')).toHaveLength(1);
  });

  it('newest state as JSON', async () => {
    const id = await newGame(7);
    const { status, body, headers } = await ask(`${app.url}/games/${id}`);
    expect(status).toBe(200);
    expect(headers.etag).toBe(`"${body.epoch}.1"`);
    expect(body).toMatchObject({ ref: `games/${id}`, v: 1, floor: 0, deleted: false });
  });
});

/** The epoch of a game, as its newest state tells. */
async function epochOf(id: string): Promise<string> {
  return (await ask(`${app.url}/games/${id}`)).body.epoch as string;
}

function numbers(client: SseClient): number[] {
  return client.of('ev').map(({ data }) => data.v as number);
}

describe('the decision table, as a stream and as a page', () => {
  it('row 55: after=0 gives the whole history, and no snapshot', async () => {
    const id = await newGame();
    await addGold(id, 3);
    const client = await open(`/games/${id}/stream?after=0`);
    await client.next('live');
    expect(client.frames.map(({ event }) => event)).toEqual(['hello', 'ev', 'ev', 'ev', 'ev', 'live']);
    expect(client.of('ev')[0]?.data).toMatchObject({ v: 1, op: 'create', doc: { name: 'raid', gold: 0 }, c: 'creator' });
    const { status, body } = await ask(`${app.url}/games/${id}/events?after=0`);
    expect(status).toBe(200);
    expect(body).toEqual({ ref: `games/${id}`, epoch: await epochOf(id), floor: 0, head: 4, events: client.of('ev').map(({ data }) => data as unknown), next: 4, live: true });
  });

  it('row 55: a client that comes back with its position gets what it missed, and nothing else', async () => {
    const id = await newGame();
    await addGold(id, 5);
    const epoch = await epochOf(id);
    const client = await open(`/games/${id}/stream?after=4&epoch=${epoch}`);
    await client.next('live');
    expect(numbers(client)).toEqual([5, 6]);
    expect(client.of('snapshot')).toEqual([]);
    expect((await ask(`${app.url}/games/${id}/events?after=4&epoch=${epoch}`)).body).toMatchObject({ next: 6, live: true, events: [{ v: 5 }, { v: 6 }] });
  });

  it('row 55: Last-Event-ID wins over the query', async () => {
    const id = await newGame();
    await addGold(id, 5);
    const client = await open(`/games/${id}/stream?after=0`, { headers: { 'last-event-id': `${await epochOf(id)}.5` } });
    await client.next('live');
    expect(numbers(client)).toEqual([6]);
  });

  it('after=now gives hello with the head, live, and only what comes then', async () => {
    const id = await newGame();
    await addGold(id, 2);
    const client = await open(`/games/${id}/stream?after=now&snapshot=never`);
    expect((await client.next('live')).data).toEqual({ v: 3 });
    await addGold(id, 1);
    await client.next('ev');
    expect(numbers(client)).toEqual([4]);
    expect((await ask(`${app.url}/games/${id}/events?after=now`)).body).toMatchObject({ events: [], next: 4, live: true });
  });

  it('a client at the head is live at once', async () => {
    const id = await newGame();
    const client = await open(`/games/${id}/stream?after=1&epoch=${await epochOf(id)}`);
    await client.next('live');
    expect(client.frames.map(({ event }) => event)).toEqual(['hello', 'live']);
  });

  it.each([
    ['epoch', (_epoch: string) => 'after=1&epoch=zzzzzz'],
    ['ahead', (epoch: string) => `after=9000&epoch=${epoch}`],
  ])('a client with another %s gets reset and snapshot; a page is 410 with the same snapshot', async (reason, query) => {
    const id = await newGame(3);
    await addGold(id, 1);
    const path = `${app.url}/games/${id}`;
    const epoch = await epochOf(id);
    const client = await open(`/games/${id}/stream?${query(epoch)}`);
    await client.next('live');
    expect(client.frames.map(({ event }) => event)).toEqual(['hello', 'reset', 'snapshot', 'live']);
    expect(client.of('reset')[0]?.data).toEqual({ ref: `games/${id}`, reason, floor: 0, head: 2 });
    expect(client.of('snapshot')[0]?.data).toMatchObject({ v: 2, epoch, doc: { gold: 4 } });
    const { status, body } = await ask(`${path}/events?${query(epoch)}`);
    expect(status).toBe(410);
    expect(body).toMatchObject({ error: 'history-gone', reason, floor: 0, head: 2, epoch, snapshot: { v: 2, doc: { gold: 4 } } });
  });

  it('row 55: a client below the floor gets reset "compacted" and a snapshot', async () => {
    const id = await newGame();
    await addGold(id, 9);
    const epoch = await epochOf(id);
    const { floor } = await app.games.compact(id, { keepLast: 3 });
    expect(floor).toBeGreaterThan(2);
    const client = await open(`/games/${id}/stream?after=2&epoch=${epoch}`);
    await client.next('live');
    expect(client.frames.map(({ event }) => event)).toEqual(['hello', 'reset', 'snapshot', 'live']);
    expect(client.of('reset')[0]?.data).toEqual({ ref: `games/${id}`, reason: 'compacted', floor, head: 10 });
    const still = await open(`/games/${id}/stream?after=${floor}&epoch=${epoch}`);
    await still.next('live');
    expect(numbers(still)).toEqual(Array.from({ length: 10 - floor }, (_, index) => floor + 1 + index));
    expect((await ask(`${app.url}/games/${id}/events?after=2&epoch=${epoch}`)).body).toMatchObject({ reason: 'compacted', snapshot: { v: 10 } });
  });

  it('with snapshot=never a reset ends the stream', async () => {
    const id = await newGame();
    const client = await open(`/games/${id}/stream?after=3&epoch=other&snapshot=never`);
    await client.ended();
    expect(client.frames.map(({ event }) => event)).toEqual(['hello', 'reset', 'bye']);
    expect(client.of('bye')[0]?.data).toEqual({ reason: 'limit', retryAfter: expect.any(Number) });
  });

  it('a delete is an event, a deleted document a snapshot of nothing, and the stream goes on when it is created again', async () => {
    const id = await newGame();
    const watching = await open(`/games/${id}/stream`);
    await watching.next('live');
    await app.games.deleteOne(id, 'closer');
    await watching.next('ev');
    expect(watching.of('ev')[0]?.data).toEqual({ ref: `games/${id}`, v: 2, op: 'delete', at: expect.any(String), c: 'closer', cmd: expect.any(String) });
    const late = await open(`/games/${id}/stream`);
    await late.next('live');
    expect(late.of('snapshot')[0]?.data).toMatchObject({ v: 2, deleted: true, doc: null });
    expect((await ask(`${app.url}/games/${id}`)).body).toMatchObject({ v: 2, deleted: true, doc: null });
    await app.games.findOneAndUpsert({ _id: id as never, name: 'again' }, 'creator');
    expect((await late.next('ev')).data).toMatchObject({ v: 3, op: 'create', doc: { name: 'again' } });
    expect((await watching.next('ev', 2)).data).toMatchObject({ v: 3, op: 'create' });
    expect(late.of('reset')).toEqual([]);
  });

  it('a purge tells whoever watches to erase, and says goodbye; whoever comes later is told the same', async () => {
    const id = await newGame();
    await addGold(id, 2);
    const epoch = await epochOf(id);
    const watching = await open(`/games/${id}/stream`);
    await watching.next('live');
    await app.games.purge(id);
    await watching.ended();
    expect(watching.frames.map(({ event }) => event)).toEqual(['hello', 'snapshot', 'live', 'reset', 'bye']);
    expect(watching.of('reset')[0]?.data).toMatchObject({ reason: 'purged' });
    expect(watching.of('bye')[0]?.data).toMatchObject({ reason: 'purged' });
    const late = await open(`/games/${id}/stream?after=3&epoch=${epoch}`);
    await late.ended();
    expect(late.frames.map(({ event }) => event)).toEqual(['hello', 'reset', 'bye']);
    const page = await ask(`${app.url}/games/${id}/events?after=3&epoch=${epoch}`);
    expect(page.status).toBe(410);
    expect(page.body).toMatchObject({ error: 'history-gone', reason: 'purged' });
    expect(page.body).not.toHaveProperty('snapshot');
    expect((await ask(`${app.url}/games/${id}`)).status).toBe(410);
  });

  it('a document that was purged and created again resets the clients of its former life', async () => {
    const id = await newGame(1);
    await addGold(id, 2);
    const epoch = await epochOf(id);
    await app.games.purge(id);
    await app.games.findOneAndUpsert({ _id: id as never, name: 'new life', gold: 50 }, 'creator');
    const client = await open(`/games/${id}/stream?after=3&epoch=${epoch}`);
    await client.next('live');
    expect(client.frames.map(({ event }) => event)).toEqual(['hello', 'reset', 'snapshot', 'live']);
    expect(client.of('reset')[0]?.data.reason).toBe('purged');
    expect(client.of('snapshot')[0]?.data).toMatchObject({ doc: { name: 'new life', gold: 50 } });
    expect(client.of('snapshot')[0]?.data.epoch).not.toBe(epoch);
  });

  it('a history longer than a page comes complete and in order', async () => {
    const small = await startSync({ database, sync: { pageEvents: 7, ringLength: 4 } });
    try {
      const id = await newGame();
      await addGold(id, 40);
      const client = await SseClient.open(`${small.url}/games/${id}/stream?after=0`);
      clients.push(client);
      await client.next('live');
      expect(numbers(client)).toEqual(Array.from({ length: 41 }, (_, index) => index + 1));
      const page = await ask(`${small.url}/games/${id}/events?after=0&limit=5`);
      expect(page.body).toMatchObject({ next: 5, live: false, head: 41 });
    } finally {
      await small.close();
    }
  });
});

describe('the bytes of a stream', () => {
  it('has the headers that keep proxies and caches away, and frames of one data line each', async () => {
    const id = await newGame();
    const client = await open(`/games/${id}/stream`, {}, beating);
    await client.next('live');
    await app.games.findOneAndUpdate(id, (game) => void (game.extra = 'two\nlines\r\n\ndata: {}\nid: 9'), 'writer');
    await client.next('ev');
    await client.next('hb');
    expect(client.response.headers).toMatchObject({
      'content-type': 'text/event-stream',
      'cache-control': 'private, no-store, no-transform',
      'x-accel-buffering': 'no',
    });
    for (const { raw, event } of client.frames) {
      const lines = raw.trimEnd().split('\n');
      const withId = ['snapshot', 'ev'].includes(event);
      expect(lines.map((line) => line.slice(0, line.indexOf(':')))).toEqual([...(event === 'hello' ? ['retry'] : []), ...(withId ? ['id'] : []), 'event', 'data']);
    }
    expect(client.of('ev')[0]?.data.set).toEqual({ extra: 'two\nlines\r\n\ndata: {}\nid: 9' });
  });

  it('a heartbeat comes after what was pending, and names the head', async () => {
    const id = await newGame();
    const client = await open(`/games/${id}/stream?after=now`, {}, beating);
    await client.next('live');
    await addGold(id, 5);
    await client.next('ev', 5);
    await client.next('hb', client.of('hb').length + 1);
    let seen = 1;
    for (const { event, data } of client.frames) {
      if (event === 'ev') seen = data.v as number;
      if (event === 'hb') expect(data).toEqual({ v: seen });
    }
    expect(seen).toBe(6);
  });

  it('an event over the bytes of a frame becomes a snapshot with an address that answers with that very state', async () => {
    const small = await startSync({ database, sync: { maxFrameBytes: 2_000 } });
    try {
      const id = await newGame();
      const client = await SseClient.open(`${small.url}/games/${id}/stream`);
      clients.push(client);
      await client.next('live');
      await small.games.findOneAndUpdate(id, (game) => void (game.extra = 'x'.repeat(5_000)), 'writer');
      await small.games.findOneAndUpdate(id, (game) => void (game.gold = 4), 'writer');
      const { data, id: cursor } = await client.next('snapshot', 2);
      expect(data).toEqual({ ref: `games/${id}`, v: 2, epoch: expect.any(String), url: expect.any(String), deleted: false, at: expect.any(String) });
      expect(cursor).toBe(`${data.epoch}.2`);
      const { body, headers } = await ask(`http://127.0.0.1:${small.port}${data.url as string}`);
      expect(body).toMatchObject({ v: 2, doc: { extra: 'x'.repeat(5_000), gold: 0 } });
      expect(headers['cache-control']).toBe('private, max-age=3600, immutable');
      expect(headers.vary).toContain('Authorization, Cookie');
      expect((await client.next('ev')).data).toMatchObject({ v: 3, set: { gold: 4 } });
      const late = await SseClient.open(`${small.url}/games/${id}/stream`);
      clients.push(late);
      expect((await late.next('snapshot')).data).toMatchObject({ v: 3, url: expect.stringContaining('v=3') });
    } finally {
      await small.close();
    }
  });

  it('an address names this server, whatever the target of a request says', async () => {
    const small = await startSync({ database, sync: { maxFrameBytes: 50 } });
    try {
      const id = await newGame();
      const socket = net.connect(small.port, '127.0.0.1');
      let received = '';
      socket.on('data', (chunk) => (received += String(chunk)));
      socket.write(`GET http://evil.example/sync/games/${id}/stream HTTP/1.1\r\nHost: x\r\n\r\n`);
      await until(() => received.includes('event: live'), 'the stream');
      socket.destroy();
      expect(received).toContain(`"url":"/sync/games/${id}?v=1`);
      expect(received).not.toContain('evil');
      const client = await SseClient.open(`${small.url}/games/${id}/stream`);
      clients.push(client);
      expect((await client.next('snapshot')).data.url).toMatch(/^\/sync\/games\//);
    } finally {
      await small.close();
    }
  });

  it('plain types and JSON Patch on request, each beside the usual form', async () => {
    const id = await newGame();
    await app.games.findOneAndUpdate(id, (game) => void (game.lastUpdated = new Date(0)), 'writer');
    const [usual, plain, patch] = await Promise.all([open(`/games/${id}/stream?after=0`), open(`/games/${id}/stream?after=0&types=plain`), open(`/games/${id}/stream?after=0&fmt=rfc6902`)]);
    for (const client of [usual, plain, patch]) await client.next('live');
    expect(usual.of('ev')[1]?.data.set).toEqual({ lastUpdated: { $date: '1970-01-01T00:00:00.000Z' } });
    expect(plain.of('ev')[1]?.data.set).toEqual({ lastUpdated: '1970-01-01T00:00:00.000Z' });
    expect(plain.of('ev')[0]?.data.doc._id).toBe(id);
    expect(patch.of('ev')[1]?.data).toMatchObject({ ops: [{ op: 'add', path: '/lastUpdated', value: { $date: '1970-01-01T00:00:00.000Z' } }] });
  });

  it('mode=latest sends the newest state in place of many events', async () => {
    const lazy = await startSync({ database, sync: { latestAfter: 3 } });
    try {
      const id = await newGame();
      await addGold(id, 6);
      const epoch = await epochOf(id);
      const client = await SseClient.open(`${lazy.url}/games/${id}/stream?after=1&epoch=${epoch}&mode=latest`);
      clients.push(client);
      await client.next('live');
      expect(client.frames.map(({ event }) => event)).toEqual(['hello', 'snapshot', 'live']);
      const near = await SseClient.open(`${lazy.url}/games/${id}/stream?after=4&epoch=${epoch}&mode=latest`);
      clients.push(near);
      await near.next('live');
      expect(numbers(near)).toEqual([5, 6, 7]);
      const whole = await SseClient.open(`${lazy.url}/games/${id}/stream?after=1&epoch=${epoch}&mode=latest&snapshot=never`);
      clients.push(whole);
      await whole.next('live');
      expect(whole.of('snapshot')).toEqual([]);
      expect(numbers(whole)).toEqual([2, 3, 4, 5, 6, 7]);
    } finally {
      await lazy.close();
    }
  });
});

/** This moment, once it is over: whatever is written next is later. */
async function clockPast(): Promise<string> {
  const moment = new Date();
  await until(() => Date.now() > moment.getTime(), 'the next millisecond');
  return moment.toISOString();
}

describe('time travel and caches', () => {
  it('answers a version, a time, and 304 for what the client has', async () => {
    const id = await newGame(1);
    await addGold(id, 2);
    const path = `${app.url}/games/${id}`;
    const { body, headers } = await ask(path);
    expect((await ask(path, { headers: { 'if-none-match': String(headers.etag) } })).status).toBe(304);
    expect((await ask(`${path}?v=2`)).body).toMatchObject({ v: 2, doc: { gold: 2 } });
    expect((await ask(`${path}?v=2`)).headers['cache-control']).toBe('private, no-store, no-transform');
    expect((await ask(`${path}?at=${new Date(Date.now() + 1_000).toISOString()}`)).body).toMatchObject({ v: 3, doc: { gold: 3 } });
    expect((await ask(`${path}?at=2001-01-01T00:00:00Z`)).body).toMatchObject({ v: 0, deleted: true, doc: null });
    expect((await ask(`${path}?v=7&epoch=${body.epoch as string}`)).body).toMatchObject({ error: 'history-gone', reason: 'ahead' });
    expect((await ask(`${path}?v=2&epoch=other`)).body).toMatchObject({ error: 'history-gone', reason: 'epoch' });
  });

  it('a time whose events are compacted away is gone: no other state is told in its place', async () => {
    const id = await newGame(1);
    await addGold(id, 2);
    const early = await clockPast();
    await addGold(id, 5);
    const late = await clockPast();
    await addGold(id, 2);
    const path = `${app.url}/games/${id}?at=`;
    expect((await ask(path + early)).body).toMatchObject({ v: 3, doc: { gold: 3 } });
    expect(await app.games.compact(id, { upTo: 8 })).toMatchObject({ floor: 8 });
    expect(await ask(path + early)).toMatchObject({ status: 410, body: { error: 'history-gone', reason: 'compacted', head: 10 } });
    expect((await ask(path + late)).body).toMatchObject({ v: 8, doc: { gold: 8 } });
    expect((await ask(path + (await clockPast()))).body).toMatchObject({ v: 10 });
  });
});

describe('long-polls', () => {
  it('wait for a change, and answer with it', async () => {
    const id = await newGame();
    const waiting = ask(`${app.url}/games/${id}/events?after=1&epoch=${await epochOf(id)}&wait=25`);
    await addGold(id, 1);
    expect((await waiting).body).toMatchObject({ events: [{ v: 2 }], next: 2, live: true });
  });

  it('answer with nothing when the time is over', async () => {
    const id = await newGame();
    expect((await ask(`${app.url}/games/${id}/events?after=now&wait=1`)).body).toMatchObject({ events: [], next: 1, live: true });
  });
});

describe('many documents', () => {
  it('row 55: one stream serves what each of them needs, and sync says where they are', async () => {
    const [fresh, behind, erased] = [await newGame(1), await newGame(2), await newGame(3)];
    await addGold(behind, 3);
    const epoch = await epochOf(behind);
    const erasedEpoch = await epochOf(erased);
    await app.games.purge(erased);
    const client = await open('/stream', { body: { docs: { [`games/${fresh}`]: null, [`games/${behind}`]: { v: 2, epoch }, [`games/${erased}`]: { v: 1, epoch: erasedEpoch } } } }, beating);
    await Promise.all([client.next('live', 2), client.next('reset')]);
    expect(client.frames[0]).toMatchObject({ event: 'hello', id: undefined, data: { proto: 1, hb: 200 } });
    expect(client.of('snapshot').map(({ data, id }) => [data.ref, data.v, id])).toEqual([[`games/${fresh}`, 1, undefined]]);
    expect(client.of('ev').map(({ data, id }) => [data.ref, data.v, id])).toEqual([[`games/${behind}`, 3, undefined], [`games/${behind}`, 4, undefined]]);
    expect(client.of('reset').map(({ data }) => data as unknown)).toEqual([{ ref: `games/${erased}`, reason: 'purged', floor: expect.any(Number), head: expect.any(Number) }]);
    expect(client.of('live').map(({ data }) => data as unknown)).toEqual(expect.arrayContaining([{ ref: `games/${fresh}`, v: 1 }, { ref: `games/${behind}`, v: 4 }]));
    await addGold(fresh, 1);
    await client.next('ev', 3);
    const sync = await client.next('sync', client.of('sync').length + 1);
    expect(sync.data).toEqual({ docs: { [`games/${fresh}`]: { v: 2, epoch: expect.any(String) }, [`games/${behind}`]: { v: 4, epoch } } });
    expect(sync.id).toMatch(/^[\w-]+$/);
    expect(client.of('hb')).toEqual([]);
  });

  it('a pull answers each with a page or with why it is gone', async () => {
    const [fresh, behind, ahead] = [await newGame(1), await newGame(2), await newGame(3)];
    await addGold(behind, 3);
    const epoch = await epochOf(behind);
    const { status, body } = await ask(`${app.url}/pull`, { body: { docs: { [`games/${fresh}`]: null, [`games/${behind}`]: { v: 1, epoch }, [`games/${ahead}`]: { v: 99, epoch } }, limit: 2 } });
    expect(status).toBe(200);
    expect(body.docs[`games/${fresh}`]).toMatchObject({ snapshot: { v: 1, doc: { gold: 1 } }, events: [], next: 1, live: true });
    expect(body.docs[`games/${behind}`]).toMatchObject({ events: [{ v: 2 }, { v: 3 }], next: 3, live: false });
    expect(body.docs[`games/${ahead}`]).toMatchObject({ error: 'history-gone', reason: 'ahead', snapshot: { v: 1 } });
  });

  it('a pull that waits answers when one of them changes', async () => {
    const [one, other] = [await newGame(), await newGame()];
    const epoch = await epochOf(one);
    const waiting = ask(`${app.url}/pull`, { body: { docs: { [`games/${one}`]: { v: 1, epoch }, [`games/${other}`]: { v: 1, epoch } }, wait: 25 } });
    await addGold(other, 1);
    expect((await waiting).body.docs[`games/${other}`].events).toMatchObject([{ v: 2 }]);
  });

  it('one hot document does not starve the others', async () => {
    const [hot, quiet] = [await newGame(), await newGame()];
    await addGold(hot, 300);
    await addGold(quiet, 1);
    const epoch = await epochOf(hot);
    const client = await open('/stream', { body: { docs: { [`games/${hot}`]: { v: 1, epoch }, [`games/${quiet}`]: { v: 1, epoch } } } });
    await client.next('live', 2);
    const order = client.of('ev').map(({ data }) => data.ref as string);
    expect(order.indexOf(`games/${quiet}`)).toBeLessThan(200);
    expect(order).toHaveLength(301);
  });
});

describe('row 54: several instances serve clients from one log', () => {
  it('row 54: a client of one instance sees what another one writes, and can go on at any', async () => {
    const other = await startSync({ database });
    try {
      const id = await newGame();
      const client = await open(`/games/${id}/stream`);
      await client.next('live');
      for (let step = 0; step < 5; step++) await other.games.findOneAndUpdate(id, (game) => void game.gold++, 'other');
      await client.next('ev', 5);
      const moved = await SseClient.open(`${other.url}/games/${id}/stream`, { headers: { 'last-event-id': client.of('ev')[2]?.id ?? '' } });
      clients.push(moved);
      await moved.next('live');
      expect(numbers(moved)).toEqual([5, 6]);
    } finally {
      await other.close();
    }
  });

  it('row 54: what an instance that does not watch answers is as new as the request', async () => {
    const blind = await startSync({ database, root: { watchEnabled: false }, sync: { pollMs: 50 } });
    try {
      const id = await newGame();
      const epoch = await epochOf(id);
      for (let v = 1; v <= 3; v++) {
        const path = `${blind.url}/games/${id}/events?after=${v}&epoch=${epoch}`;
        expect((await ask(path)).body).toMatchObject({ events: [], head: v, live: true });
        await addGold(id, 1);
        expect((await ask(path)).body).toMatchObject({ events: [{ v: v + 1 }], head: v + 1, live: true });
      }
      const { headers } = await ask(`${blind.url}/games/${id}`);
      await addGold(id, 1);
      expect(await ask(`${blind.url}/games/${id}`, { headers: { 'if-none-match': String(headers.etag) } })).toMatchObject({ status: 200, body: { v: 5 } });
    } finally {
      await blind.close();
    }
  });

  it('row 54: an instance that does not watch finds the changes of others by asking', async () => {
    const blind = await startSync({ database, root: { watchEnabled: false }, sync: { pollMs: 50 } });
    try {
      const id = await newGame();
      const client = await SseClient.open(`${blind.url}/games/${id}/stream`);
      clients.push(client);
      await client.next('live');
      await addGold(id, 3);
      await client.next('ev', 3);
      expect(numbers(client)).toEqual([2, 3, 4]);
    } finally {
      await blind.close();
    }
  });
});

describe('row 56: what a listening client sees of two writers', () => {
  it('row 56: every number once, in order, while two processes write', async () => {
    const other = await startSync({ database });
    try {
      const id = await newGame();
      const client = await open(`/games/${id}/stream`);
      await client.next('live');
      const write = async ({ games }: SyncApp): Promise<void> => {
        for (let step = 0; step < 30; step++) await games.findOneAndUpdate(id, (game) => void game.gold++, 'writer');
      };
      await Promise.all([write(app), write(other)]);
      await client.next('ev', 60);
      expect(numbers(client)).toEqual(Array.from({ length: 60 }, (_, index) => index + 2));
      expect(client.of('reset')).toEqual([]);
    } finally {
      await other.close();
    }
  });
});

describe('row 57: positions', () => {
  it('row 57: no position is the newest state, position 0 is everything, and a position only ever moves up', async () => {
    const id = await newGame();
    await addGold(id, 4);
    const lost = await open(`/games/${id}/stream`);
    const whole = await open(`/games/${id}/stream?after=0`);
    await Promise.all([lost.next('live'), whole.next('live')]);
    expect(lost.of('snapshot')[0]?.data.v).toBe(5);
    expect(numbers(whole)).toEqual([1, 2, 3, 4, 5]);
    const ids = [...whole.frames, ...lost.frames].flatMap(({ id: cursor }) => (cursor === undefined ? [] : [Number(cursor.split('.')[1])]));
    expect(ids).toEqual([1, 2, 3, 4, 5, 5]);
  });
});
