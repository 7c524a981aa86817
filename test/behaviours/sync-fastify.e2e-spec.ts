import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { CqrsModule } from '@nestjs/cqrs';
import { MongooseModule } from '@nestjs/mongoose';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import { EventSourcedStorageModule, type EventSourcedStorageService, EventSourcedSyncModule, getEventSourcedStorageToken } from 'nestjs-event-sourced-storage';
import { databaseName, dropDatabase, Game, GameSchema } from '../support/games.js';
import { ask, SseClient } from '../support/sse.js';
import { newId } from '../support/start-app.js';
import { clientOptions, started, testUri } from '../support/storage-app.js';

const database = databaseName('sync_fastify');
let app: NestFastifyApplication;
let games: EventSourcedStorageService<Game>;
let url: string;

beforeAll(async () => {
  await dropDatabase(database);
  app = await started(async () => {
    const compiled = await Test.createTestingModule({
      imports: [
        MongooseModule.forRoot(testUri(), { dbName: database, retryAttempts: 0, ...clientOptions }),
        CqrsModule.forRoot(),
        EventSourcedStorageModule.forRoot(),
        EventSourcedStorageModule.forFeature([{ name: Game.name, schema: GameSchema }]),
        EventSourcedSyncModule.forRoot({ authorizeStream: (_context, { id }) => ({ allow: !id.startsWith('a') }) }),
      ],
    }).compile();
    const application = compiled.createNestApplication<NestFastifyApplication>(new FastifyAdapter(), { logger: false });
    // what hooks set has to survive the raw answer
    application.getHttpAdapter().getInstance().addHook('onRequest', (_request, reply, done) => {
      void reply.header('x-frame-options', 'DENY');
      done();
    });
    await application.listen(0, '127.0.0.1');
    return application;
  });
  games = app.get<EventSourcedStorageService<Game>>(getEventSourcedStorageToken(Game.name));
  url = `${await app.getUrl()}/sync`;
});
afterAll(async () => {
  await app.close();
  await dropDatabase(database);
});

async function newGame(): Promise<string> {
  const _id = `b${newId().slice(1)}`;
  await games.findOneAndUpsert({ _id: _id as never, name: 'raid' }, 'creator');
  return _id;
}

describe('on Fastify', () => {
  it('serves a stream, with the headers that hooks have set', async () => {
    const id = await newGame();
    const client = await SseClient.open(`${url}/games/${id}/stream`);
    await client.next('live');
    expect(client.response.headers).toMatchObject({ 'content-type': 'text/event-stream', 'x-frame-options': 'DENY' });
    await games.findOneAndUpdate(id, (game) => void game.gold++, 'writer');
    expect((await client.next('ev')).data).toMatchObject({ v: 2, set: { gold: 1 } });
    client.close();
  });

  it('serves states, pages and many documents, and refuses as elsewhere', async () => {
    const [id, other] = [await newGame(), await newGame()];
    expect(await ask(`${url}/games/${id}`)).toMatchObject({ status: 200, body: { v: 1 }, headers: { 'x-frame-options': 'DENY' } });
    expect((await ask(`${url}/games/${id}/events?after=0`)).body).toMatchObject({ next: 1, live: true });
    expect((await ask(`${url}/pull`, { body: { docs: { [`games/${id}`]: null, [`games/${other}`]: null } } })).body.docs).toMatchObject({ [`games/${other}`]: { snapshot: { v: 1 } } });
    const client = await SseClient.open(`${url}/stream`, { body: { docs: { [`games/${id}`]: null, [`games/${other}`]: null } } });
    await client.next('live', 2);
    client.close();
    expect((await ask(`${url}/games/a${id.slice(1)}`)).text).toBe('{"error":"not-found"}');
    expect((await ask(`${url}/games/x/stream`)).status).toBe(400);
    expect((await ask(`${url}/games/${id}/stream?after=-1`)).status).toBe(400);
  });

  it('closes while streams are open', async () => {
    const client = await SseClient.open(`${url}/games/${await newGame()}/stream`);
    await client.next('live');
    await app.close();
    await client.ended();
    expect(client.frames.at(-1)).toMatchObject({ event: 'bye', data: { reason: 'shutdown' } });
  });
});
