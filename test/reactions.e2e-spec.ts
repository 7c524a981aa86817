import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import mongoose from 'mongoose';
import { bootstrap } from '../src/bootstrap.js';
import { DurableHandlers, type EventSourcedStorageService, getEventSourcedStorageToken } from 'nestjs-event-sourced-storage';
import { clientOf, eventually, newId, type RunningApp, startApp, testDatabase } from './support/start-app.js';

const client = { 'x-client-id': 'game-server' };

describe('Reactions to document events', () => {
  let running: RunningApp;

  beforeAll(async () => {
    running = await startApp('reactions', { snapshotEvery: 4 });
  });
  afterAll(() => running.close());

  const create = async (name: string, gold = 0): Promise<string> => {
    const id = newId();
    await running.http.put(`/games/${id}`).set(client).send({ name, gold }).expect(201);
    return id;
  };
  const add = (id: string, loot: object) => running.http.patch(`/games/${id}`).set(client).send(loot).expect(200);
  const snapshots = (id: string) => running.connection.collection('games_snapshots').find({ documentId: new mongoose.Types.ObjectId(id) }).toArray();
  const activities = async (): Promise<string[]> => {
    const { body }: { body: { text: string }[] } = await running.http.get('/activity').expect(200);
    return body.map(({ text }) => text);
  };

  it('the leaderboard follows creations, changes and deletions', async () => {
    const poor = await create('Poor', 1_000);
    const rich = await create('Rich', 2_000);
    const board = async (): Promise<unknown> => (await running.http.get('/leaderboard').expect(200)).body;
    await eventually(async () =>
      expect(await board()).toEqual([
        { id: rich, name: 'Rich', gold: 2_000 },
        { id: poor, name: 'Poor', gold: 1_000 },
      ]),
    );
    await add(poor, { gold: 5_000 });
    await running.http.delete(`/games/${rich}`).set(client).expect(200);
    await eventually(async () => expect(await board()).toEqual([{ id: poor, name: 'Poor', gold: 6_000 }]));
  });

  it('the activity log tells what happened, by whom, newest first', async () => {
    const id = await create('Watched');
    await add(id, { gold: 1 });
    await running.http.delete(`/games/${id}`).set('x-client-id', 'admin-panel').expect(200);
    await eventually(async () =>
      expect((await activities()).slice(0, 3)).toEqual([`Game ${id}@3: delete by admin-panel`, `Game ${id}@2: update by game-server`, `Game ${id}@1: create by game-server`]),
    );
  });

  it('the boss is defeated once, by the change that reaches 1,000 experience', async () => {
    const id = await create('Dragon');
    await add(id, { experience: 999 });
    await add(id, { experience: 1 });
    await add(id, { experience: 500 });
    const other = await create('Afterwards');
    await eventually(async () => expect((await activities())[0]).toContain(other));
    await eventually(async () =>
      expect((await activities()).filter((text) => text.includes('"Dragon"'))).toEqual(['The boss of "Dragon" is defeated, the last blow came from game-server']),
    );
  });

  it('the scheduler snapshots a game once its history has grown enough, and reading goes on from there', async () => {
    const games = running.app.get<EventSourcedStorageService>(getEventSourcedStorageToken('Game'), { strict: false });
    const id = await create('Busy');
    await add(id, { gold: 1 });
    await add(id, { gold: 1 });
    await games.runSnapshots();
    expect(await snapshots(id)).toEqual([]);

    await add(id, { gold: 1 });
    await games.runSnapshots();
    expect(await snapshots(id)).toHaveLength(1);
    await add(id, { gold: 1 });
    await games.runSnapshots();
    expect(await snapshots(id)).toHaveLength(1);
    expect((await running.http.get('/snapshots').expect(200)).body).toMatchObject({ isHolder: true, failed: 0, lastErrorAt: null });
    expect((await running.http.get(`/games/${id}/at/5`).expect(200)).body).toMatchObject({ gold: 4, version: 5 });
    expect((await running.http.get(`/games/${id}/at/4`).expect(200)).body).toMatchObject({ gold: 3, version: 4 });
  });

  it('what happens while nobody keeps the leaderboard is there after a restart, each change once', async () => {
    const handlers = running.app.get(DurableHandlers, { strict: false });
    const kept = await create('Survivor', 1_000_000);
    const gone = await create('Fallen', 3_000_000);
    const board = async (app: typeof running.app): Promise<unknown> => ((await clientOf(app).get('/leaderboard').expect(200)).body as unknown[]).slice(0, 2);
    await eventually(async () => expect(await board(running.app)).toEqual([expect.objectContaining({ id: gone }), expect.objectContaining({ id: kept })]));
    await handlers.pause('leaderboard');
    await eventually(async () => expect((await handlers.status('leaderboard')).ownPartitions).toEqual([]));
    const young = await create('Youngster', 1);
    await add(young, { gold: 1_999_999 });
    await add(kept, { gold: 500_000 });
    await running.http.delete(`/games/${gone}`).set(client).expect(200);
    expect(await board(running.app)).toEqual([expect.objectContaining({ id: gone }), expect.objectContaining({ id: kept, gold: 1_000_000 })]);

    const second = await bootstrap({ mongoUri: testDatabase('reactions'), port: 0, logger: false });
    try {
      await second.get(DurableHandlers, { strict: false }).resume('leaderboard');
      await eventually(async () =>
        expect(await board(second)).toEqual([
          { id: young, name: 'Youngster', gold: 2_000_000 },
          { id: kept, name: 'Survivor', gold: 1_500_000 },
        ]),
      );
    } finally {
      await second.close();
    }
  });
});
