import net from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { databaseName, dropDatabase } from '../support/games.js';
import { foreignOrigins, noBodies, noCollections, noCursors, noEpochs, noIds } from '../support/hostile-inputs.js';
import { ask, SseClient } from '../support/sse.js';
import { newId } from '../support/start-app.js';
import { startSync, type SyncApp } from '../support/sync-app.js';
import { until } from '../support/until.js';

const database = databaseName('sync_hostile');
let app: SyncApp;
let id: string;
let before: unknown;

beforeAll(async () => {
  await dropDatabase(database);
  app = await startSync({ database, sync: { allowedOrigins: ['https://friend.example'] } });
  id = newId();
  await app.games.findOneAndUpsert({ _id: id as never, name: 'raid' }, 'creator');
  await app.games.findOneAndUpdate(id, (game) => void game.gold++, 'creator');
  before = await stored();
});
afterAll(async () => {
  await app.close();
  await dropDatabase(database);
});

async function stored(): Promise<unknown> {
  return [await app.raw('games').find().toArray(), await app.raw('games_events').find().toArray()];
}

/** Answered with that status, in a few words of ours, and nothing is left behind. */
async function expectRefusal(url: string, status: number, options: Parameters<typeof ask>[1] = {}): Promise<void> {
  const answer = await ask(url, options);
  expect([url.slice(0, 120), answer.status]).toEqual([url.slice(0, 120), status]);
  expect(answer.text.length).toBeLessThan(300);
  expect(answer.text).not.toMatch(/Mongo|at \w+ \(|\.ts:|\.js:|Error/);
  expect(answer.headers['cache-control']).toBe('private, no-store, no-transform');
}

describe('row 55: hostile input gets the designed answer', () => {
  it('cursors that are none', async () => {
    for (const cursor of noCursors) {
      const after = encodeURIComponent(cursor);
      await expectRefusal(`${app.url}/games/${id}/stream?after=${after}&epoch=a`, 400);
      await expectRefusal(`${app.url}/games/${id}/events?after=${after}&epoch=a`, 400);
      await expectRefusal(`${app.url}/games/${id}?v=${after}`, 400);
      await expectRefusal(`${app.url}/games/${id}?at=${after}`, 400);
      await expectRefusal(`${app.url}/games/${id}/events?after=0&limit=${cursor === 'Infinity' ? 'x' : after}`, 400);
      await expectRefusal(`${app.url}/games/${id}/events?after=0&wait=${after}`, 400);
    }
    await expectRefusal(`${app.url}/games/${id}/events?after=0&wait=26`, 400);
    await expectRefusal(`${app.url}/games/${id}/events?after=0&limit=0`, 400);
  });

  it('epochs that are none', async () => {
    for (const epoch of noEpochs) {
      await expectRefusal(`${app.url}/games/${id}/stream?after=1&epoch=${encodeURIComponent(epoch)}`, 400);
      await expectRefusal(`${app.url}/games/${id}/events?after=1&epoch=${encodeURIComponent(epoch)}`, 400);
    }
  });

  it('forged and huge positions reset, they never read past the history', async () => {
    const { body } = await ask(`${app.url}/games/${id}`);
    const epoch = body.epoch as string;
    expect((await ask(`${app.url}/games/${id}/events?after=9007199254740991&epoch=${epoch}`)).body).toMatchObject({ reason: 'ahead', snapshot: { v: 2 } });
    expect((await ask(`${app.url}/games/${id}/events?after=1&epoch=forged`)).body).toMatchObject({ reason: 'epoch', snapshot: { v: 2 } });
  });

  it('Last-Event-ID that is none', async () => {
    for (const cursor of noCursors) {
      const value = cursor.trim();
      if (/[^\u0020-\u007e]/.test(cursor) || value !== cursor) continue; // no header can hold it
      if (!value.includes('.')) await expectRefusal(`${app.url}/games/${id}/stream`, 400, { headers: { 'last-event-id': value } });
      await expectRefusal(`${app.url}/games/${id}/stream`, 400, { headers: { 'last-event-id': `epoch.${value}` } });
    }
  });

  it('keys twice, keys that are unknown, and operators in the query', async () => {
    for (const query of ['after=0&after=1', 'after[$gt]=0', 'after[]=0', '__proto__[x]=1', 'constructor=1', 'token=secret', 'snapshot=maybe', 'mode=all', 'fmt=xml', 'types=any', 'snapshot=never']) {
      await expectRefusal(`${app.url}/games/${id}/stream?${query}`, 400);
    }
  });

  it('ids that are none, and collections that are not there', async () => {
    for (const wrong of noIds) {
      if (['../games'].includes(wrong)) continue;
      await expectRefusal(`${app.url}/games/${encodeURIComponent(wrong)}`, 400);
      await expectRefusal(`${app.url}/games/${encodeURIComponent(wrong)}/stream`, 400);
    }
    for (const wrong of noCollections) {
      await expectRefusal(`${app.url}/${encodeURIComponent(wrong)}/${id}`, 404);
      await expectRefusal(`${app.url}/${encodeURIComponent(wrong)}/${id}/stream`, 404);
    }
  });

  it('bodies that are none', async () => {
    for (const body of noBodies) {
      if (typeof body !== 'object' || body === null) continue; // refused by the body parser of the application
      for (const route of ['stream', 'pull']) await expectRefusal(`${app.url}/${route}`, 400, { body });
    }
    for (const ref of ['unknown/665f1c2e9b1e8a0012345678', `games_events/${id}`, `games/${newId()}`]) {
      await expectRefusal(`${app.url}/pull`, 403, { body: { docs: { [`games/${id}`]: null, [ref]: null } } });
    }
  });

  it('bodies that are too large', async () => {
    const body = { docs: { [`games/${id}`]: null }, mode: 'x'.repeat(70_000) };
    await expectRefusal(`${app.url}/pull`, 413, { body });
  });

  it('foreign origins with cookies', async () => {
    const headers = { cookie: 'session=1' };
    for (const origin of foreignOrigins) {
      for (const suffix of ['', '/stream', '/events']) await expectRefusal(`${app.url}/games/${id}${suffix}`, 403, { headers: { ...headers, origin } });
      await expectRefusal(`${app.url}/pull`, 403, { headers: { ...headers, origin }, body: { docs: { [`games/${id}`]: null } } });
    }
    for (const origin of ['https://friend.example', `http://127.0.0.1:${app.port}`]) {
      expect((await ask(`${app.url}/games/${id}`, { headers: { ...headers, origin } })).status).toBe(200);
    }
    expect((await ask(`${app.url}/games/${id}`, { headers: { origin: 'https://evil.example' } })).status).toBe(200); // no cookie, no authority to borrow
  });

  it('line breaks in addresses and headers end up in no header and in no frame', async () => {
    for (const injected of ['%0d%0aSet-Cookie:%20x=1', '%0a%0aevent:%20ev']) {
      const answer = await ask(`${app.url}/games/${id}${injected}/stream`);
      expect(answer.status).toBe(400);
      expect(answer.headers).not.toHaveProperty('set-cookie');
    }
    const raw = await exchange(`GET /sync/games/${id}/stream HTTP/1.1\r\nHost: x\r\nLast-Event-ID: a.1\n\nevent: ev\r\nConnection: close\r\n\r\n`);
    expect(raw.split('\r\n')[0]).toMatch(/^HTTP\/1\.1 400/);
  });

  it('HEAD, other methods, and broken escapes open no stream', async () => {
    expect((await exchange(`HEAD /sync/games/${id}/stream HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`)).split('\r\n')[0]).toMatch(/200/);
    for (const method of ['PUT', 'DELETE', 'PATCH']) expect(await exchange(`${method} /sync/games/${id} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`)).toMatch(/^HTTP\/1\.1 404/);
    expect(await exchange(`GET /sync/games/%E0%A4%A/stream HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`)).toMatch(/^HTTP\/1\.1 400/);
    await until(() => app.sync.metrics.openStreams === 0, 'no stream');
  });

  it('leaves nothing behind: not in the database, not in prototypes, and streams go on', async () => {
    expect(await stored()).toEqual(before);
    expect(({} as { docs?: unknown }).docs).toBeUndefined();
    const client = await SseClient.open(`${app.url}/games/${id}/stream`);
    await client.next('live');
    client.close();
    await until(() => app.sync.metrics.openStreams === 0, 'no stream');
  });
});

/** What a server answers to these bytes until it ends the connection. */
function exchange(bytes: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = net.connect(app.port, '127.0.0.1', () => socket.write(bytes));
    let answer = '';
    socket.on('data', (chunk) => {
      answer += chunk.toString();
      if (answer.includes('event: live')) socket.destroy();
    });
    socket.on('close', () => resolve(answer));
    socket.on('error', reject);
  });
}
