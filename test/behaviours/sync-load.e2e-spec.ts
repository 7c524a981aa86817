import http from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { commandsDuring } from '../support/commands.js';
import { databaseName, dropDatabase } from '../support/games.js';
import { SseClient } from '../support/sse.js';
import { newId } from '../support/start-app.js';
import { startSync, type SyncApp } from '../support/sync-app.js';
import { until } from '../support/until.js';

/** 1,000 in `npm run proof`. */
const subscribers = Number(process.env['PROOF_SUBSCRIBERS'] ?? 200);
const changes = 40;
const database = databaseName('sync_load');
const agent = new http.Agent({ keepAlive: false, maxSockets: Infinity });
/** However slow the machine is, nothing here is read for a heartbeat, and nobody is sent away because a reader takes its time. */
const patient = { heartbeatMs: 600_000, slowMs: 600_000 } as const;
let app: SyncApp;
/** Another process: what it reads for its writes is not what serving costs. */
let writer: SyncApp;

beforeAll(async () => {
  await dropDatabase(database);
  writer = await startSync({ database });
  app = await startSync({ database, sync: patient, client: { monitorCommands: true } });
});
afterAll(async () => {
  await Promise.all([app.close(), writer.close()]);
  await dropDatabase(database);
});

async function newGame(): Promise<string> {
  const _id = newId();
  await writer.games.findOneAndUpsert({ _id: _id as never, name: 'hot' }, 'creator');
  return _id;
}

/** Everything at once, in waves that the backlog of a listening socket holds. */
async function connect(count: number, path: string): Promise<SseClient[]> {
  const clients: SseClient[] = [];
  for (let done = 0; done < count; done += 100) {
    clients.push(...(await Promise.all(Array.from({ length: Math.min(100, count - done) }, () => SseClient.open(`${app.url}${path}`, { agent })))));
  }
  return clients;
}

/** Reads of the documents, the histories and what belongs to them. */
function reads(commands: readonly { readonly name: string; readonly collection: string }[]): string[] {
  return commands.filter(({ name, collection }) => ['find', 'aggregate', 'getMore'].includes(name) && collection.startsWith('games')).map(({ name, collection }) => `${name} ${collection}`);
}

describe('a hot document', () => {
  it(`${subscribers} subscribers get every change in order, at one read a change at the most, whoever many there are`, async () => {
    const id = await newGame();
    const clients = await connect(subscribers, `/games/${id}/stream?after=now`);
    try {
      await Promise.all(clients.map((client) => client.next('live')));
      const commands = await commandsDuring(app.connection, async () => {
        for (let step = 0; step < changes; step++) await writer.games.findOneAndUpdate(id, (game) => void game.gold++, 'writer');
        await until(() => clients.every((client) => client.of('ev').length >= changes), 'every change at every subscriber');
      });
      const expected = Array.from({ length: changes }, (_, index) => index + 2);
      for (const client of clients) expect(client.of('ev').map(({ data }) => data.v as number)).toEqual(expected);
      const found = reads(commands);
      expect(found.filter((read) => read !== 'find games_events')).toEqual([]);
      expect(found.length).toBeLessThanOrEqual(changes);
    } finally {
      for (const client of clients) client.close();
      await until(() => app.sync.metrics.openStreams === 0, 'no stream');
    }
  });

  it(`a storm of ${subscribers} clients that come back, each with a position, costs at most 3 reads`, async () => {
    const id = await newGame();
    for (let step = 0; step < 60; step++) await writer.games.findOneAndUpdate(id, (game) => void game.gold++, 'writer');
    const restarted = await startSync({ database, sync: patient, client: { monitorCommands: true } });
    const { epoch } = (await (await fetch(`${app.url}/games/${id}`)).json()) as { epoch: string };
    const clients: SseClient[] = [];
    // a server that has just been told of its first client asks twice until its feed is open
    const firstComer = await SseClient.open(`${restarted.url}/games/${await newGame()}/stream`, { agent });
    try {
      await firstComer.next('live');
      const commands = await commandsDuring(restarted.connection, async () => {
        const storm = Array.from({ length: subscribers }, (_, index) => SseClient.open(`${restarted.url}/games/${id}/stream?after=${1 + (index % 60)}&epoch=${epoch}`, { agent }));
        clients.push(...(await Promise.all(storm)));
        await Promise.all(clients.map((client) => client.next('live')));
      });
      for (const [index, client] of clients.entries()) {
        const after = 1 + (index % 60);
        expect(client.of('ev').map(({ data }) => data.v as number)).toEqual(Array.from({ length: 61 - after }, (_, step) => after + 1 + step));
      }
      expect(reads(commands).length).toBeLessThanOrEqual(3);
    } finally {
      for (const client of [firstComer, ...clients]) client.close();
      await restarted.close();
    }
  });

  it('50 stuck readers hold nothing up, and nothing is kept for them', async () => {
    const id = await newGame();
    const stuck = await connect(50, `/games/${id}/stream?after=now`);
    for (const { response } of stuck) response.pause();
    const readers = await connect(20, `/games/${id}/stream?after=now`);
    try {
      await Promise.all(readers.map((client) => client.next('live')));
      const sent = 60;
      const before = app.sync.metrics.bytesSent;
      for (let step = 0; step < sent; step++) await writer.games.findOneAndUpdate(id, (game) => void (game.extra = `${step}`.padEnd(100_000, 'x')), 'writer');
      await until(() => readers.every((client) => client.of('ev').length === sent), 'every change at every reader');
      await until(() => app.sync.metrics.blockedStreams === 50, 'the stuck ones are blocked');
      // the readers' share and what the sockets of the stuck ones took: nothing is queued behind those
      expect(app.sync.metrics.bytesSent - before).toBeLessThan(20 * sent * 101_000 + 50 * 5_000_000);
      expect(app.sync.metrics.ringBytes).toBeLessThan(64 * 1_048_576);
    } finally {
      for (const client of [...stuck, ...readers]) client.close();
      await until(() => app.sync.metrics.openStreams === 0, 'no stream');
    }
  });
});
