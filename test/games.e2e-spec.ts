import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { newId, type RunningApp, startApp } from './support/start-app.js';

const gameServer = { 'x-client-id': 'game-server' };
const adminPanel = { 'x-client-id': 'admin-panel' };
const isoDate = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);

const key = (value: string) => ({ ...adminPanel, 'Idempotency-Key': value });

interface RecordedEvent {
  readonly serverSeq: number;
  readonly operation: string;
  readonly operationId: string;
}

describe('The boss-raid sample over HTTP', () => {
  let running: RunningApp;

  beforeAll(async () => {
    running = await startApp('games', { snapshotEvery: 0 });
  });
  afterAll(() => running.close());

  const put = (id: string, headers: Record<string, string> = gameServer) =>
    running.http.put(`/games/${id}`).set(headers).send({ name: 'Raid on the Iron Keep', gold: 100, experience: 200 });
  const patch = (id: string, headers: Record<string, string> = adminPanel, body: object = { gold: 50, experience: 100 }) =>
    running.http.patch(`/games/${id}`).set(headers).send(body);
  const events = async (id: string, query = ''): Promise<RecordedEvent[]> => {
    const { body }: { body: RecordedEvent[] } = await running.http.get(`/games/${id}/events${query}`).expect(200);
    return body;
  };

  it('plays the walk-through of the original: created, changed, deleted, and a phone at version 1 asks what it missed', async () => {
    const id = newId();

    const created = await put(id).expect(201);
    expect(created.body).toEqual({ _id: id, name: 'Raid on the Iron Keep', gold: 100, experience: 200, lastUpdated: isoDate, version: 1 });

    const changed = await patch(id).expect(200);
    expect(changed.body).toEqual({ ...created.body, gold: 150, experience: 300, lastUpdated: isoDate, version: 2 });

    const deleted = await running.http.delete(`/games/${id}`).set(adminPanel).expect(200);
    expect(deleted.body).toEqual({ deleted: true, version: 3 });

    expect(await events(id, '?after=1')).toEqual([
      {
        documentId: id,
        serverSeq: 2,
        operation: 'update',
        clientId: 'admin-panel',
        timestamp: isoDate,
        operationId: expect.any(String),
        diff: { hasChanges: true, version: 2, set: { gold: 150, experience: 300, lastUpdated: changed.body.lastUpdated }, unset: [] },
      },
      {
        documentId: id,
        serverSeq: 3,
        operation: 'delete',
        clientId: 'admin-panel',
        timestamp: isoDate,
        operationId: expect.any(String),
        deletedDoc: changed.body,
      },
    ]);
  });

  it('shows a create event with the whole document', async () => {
    const id = newId();
    const { body } = await put(id);
    expect(await events(id)).toEqual([
      { documentId: id, serverSeq: 1, operation: 'create', clientId: 'game-server', timestamp: isoDate, operationId: expect.any(String), createdDoc: body },
    ]);
  });

  it('makes an id for a posted game and says where the game is', async () => {
    const { body, headers } = await running.http.post('/games').set(gameServer).send({ name: '  Night of the Hydra ' }).expect(201);
    expect(body).toEqual({ _id: expect.stringMatching(/^[0-9a-f]{24}$/), name: 'Night of the Hydra', gold: 0, experience: 0, lastUpdated: isoDate, version: 1 });
    const { _id: id }: { _id: string } = body;
    expect(headers).toMatchObject({ location: `/games/${id}`, etag: '"1"' });
    await running.http.get(`/games/${id}`).expect(200, body);
  });

  it('answers an existing game unchanged when it is put again, and records nothing', async () => {
    const id = newId();
    const { body } = await put(id).expect(201);
    await running.http.put(`/games/${id}`).set(adminPanel).send({ name: 'Another name', gold: 9 }).expect(200, body);
    expect(await events(id)).toHaveLength(1);
  });

  it('leaves no trace when nothing is added', async () => {
    const id = newId();
    const { body } = await put(id);
    await patch(id, adminPanel, { gold: 0 }).expect(200, body);
    await patch(id, adminPanel, {}).expect(200, body);
    expect(await events(id)).toHaveLength(1);
  });

  it('takes gold away when it is negative', async () => {
    const id = newId();
    await put(id);
    expect((await patch(id, adminPanel, { gold: -30.5 })).body).toMatchObject({ gold: 69.5, experience: 200 });
  });

  it('deletes what is not there without a trace', async () => {
    const id = newId();
    await running.http.delete(`/games/${id}`).set(adminPanel).expect(200, { deleted: false, version: 0 });
    expect(await events(id)).toEqual([]);
  });

  it('goes on with the next number when a deleted game is created again', async () => {
    const id = newId();
    await put(id);
    await running.http.delete(`/games/${id}`).set(adminPanel);
    await running.http.delete(`/games/${id}`).set(adminPanel).expect(200, { deleted: false, version: 2 });
    expect((await put(id).expect(201)).body).toMatchObject({ version: 3 });
    expect((await events(id)).map(({ serverSeq, operation }) => `${serverSeq} ${operation}`)).toEqual(['1 create', '2 delete', '3 create']);
  });

  it('travels in time, also into the life of a deleted game', async () => {
    const id = newId();
    const { body: first } = await put(id);
    const { body: second } = await patch(id);
    await running.http.delete(`/games/${id}`).set(adminPanel);
    const at = (version: number) => running.http.get(`/games/${id}/at/${version}`);
    expect((await at(1).expect(200)).headers['etag']).toBe('"1"');
    await at(1).expect(200, first);
    await at(2).expect(200, second);
    for (const version of [0, 3]) expect((await at(version).expect(404)).body).toMatchObject({ code: 'DOCUMENT_NOT_FOUND' });
    await running.http.get(`/games/${id}`).expect(404);
  });

  it('lists games page by page in the order of their ids', async () => {
    for (const _ of [1, 2, 3]) await put(newId());
    const { body: all }: { body: { _id: string }[] } = await running.http.get('/games').expect(200);
    const ids = all.map(({ _id: id }) => id);
    expect(ids.length).toBeGreaterThanOrEqual(3);
    expect(ids).toEqual(ids.toSorted());
    expect((await running.http.get('/games?limit=2&skip=1').expect(200)).body).toEqual(all.slice(1, 3));
  });

  it('hands out missed events in portions', async () => {
    const id = newId();
    await put(id);
    for (const _ of [1, 2, 3, 4]) await patch(id);
    const portion = async (query: string) => (await events(id, query)).map(({ serverSeq }) => serverSeq);
    expect(await portion('?limit=2')).toEqual([1, 2]);
    expect(await portion('?after=2&limit=2')).toEqual([3, 4]);
    expect(await portion('?after=4&limit=1000')).toEqual([5]);
    expect(await portion('?after=5')).toEqual([]);
  });

  it('numbers concurrent changes without gap, and loses none of them', async () => {
    const id = newId();
    await put(id);
    const answers = await Promise.all(Array.from({ length: 20 }, () => patch(id, adminPanel, { gold: 1 })));
    expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 20 }, () => 200));
    const versions: number[] = answers.map(({ body }) => Number(body.version));
    expect(versions.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, index) => index + 2));
    expect((await running.http.get(`/games/${id}`)).body).toMatchObject({ gold: 120, version: 21 });
    expect((await events(id)).map(({ serverSeq }) => serverSeq)).toEqual(Array.from({ length: 21 }, (_, index) => index + 1));
  });

  describe('ETag and If-Match', () => {
    it('tags every answer that is a game with its version', async () => {
      const id = newId();
      expect((await put(id)).headers['etag']).toBe('"1"');
      expect((await put(id)).headers['etag']).toBe('"1"');
      expect((await patch(id)).headers['etag']).toBe('"2"');
      expect((await running.http.get(`/games/${id}`)).headers['etag']).toBe('"2"');
      await running.http.get(`/games/${id}`).set('If-None-Match', '"2"').expect(304);
      await running.http.get(`/games/${id}`).set('If-None-Match', '"1"').expect(200);
    });

    it('tags nothing else', async () => {
      expect((await running.http.get('/games')).headers).not.toHaveProperty('etag');
      expect((await running.http.delete(`/games/${newId()}`).set(adminPanel)).headers).not.toHaveProperty('etag');
    });

    it('writes when the version is still the one the client knows', async () => {
      const id = newId();
      await put(id);
      await patch(id, { ...adminPanel, 'If-Match': '"1"' }).expect(200);
      await running.http.delete(`/games/${id}`).set({ ...adminPanel, 'If-Match': '"2"' }).expect(200, { deleted: true, version: 3 });
    });

    it('answers 412 and writes nothing when it is not', async () => {
      const id = newId();
      await put(id);
      await patch(id);
      const before = await running.dump();
      const refused = await patch(id, { ...adminPanel, 'If-Match': '"1"' }).expect(412);
      expect(refused.body).toEqual({ code: 'VERSION_CONFLICT', message: expect.any(String), expected: 1, found: 2 });
      await running.http.delete(`/games/${id}`).set({ ...adminPanel, 'If-Match': '"7"' }).expect(412);
      await running.http.delete(`/games/${newId()}`).set({ ...adminPanel, 'If-Match': '"1"' }).expect(412);
      expect(await running.dump()).toEqual(before);
    });
  });

  describe('Idempotency-Key', () => {
    it('adds once, however often the request is repeated', async () => {
      const id = newId();
      await put(id);
      const { body: first } = await patch(id, key('loot-1')).expect(200);
      await patch(id, key('loot-2')).expect(200);
      await patch(id, key('loot-1')).expect(200, first);
      expect((await running.http.get(`/games/${id}`)).body).toMatchObject({ gold: 200, version: 3 });
      expect((await events(id)).map(({ operationId }) => operationId).slice(1)).toEqual(['loot-1', 'loot-2']);
    });

    it('adds once when the repetitions arrive together', async () => {
      const id = newId();
      await put(id);
      const answers = await Promise.all(Array.from({ length: 5 }, () => patch(id, key('loot'))));
      for (const { status, body } of answers) expect({ status, body }).toMatchObject({ status: 200, body: { gold: 150, version: 2 } });
    });

    it('creates once and deletes once, with the first answer each time', async () => {
      const id = newId();
      const { body } = await put(id, key('open')).expect(201);
      await put(id, key('open')).expect(201, body);
      for (const _ of [1, 2]) await running.http.delete(`/games/${id}`).set(key('close')).expect(200, { deleted: true, version: 2 });
      expect(await events(id)).toHaveLength(2);
    });

    it('answers 409 when the key already names a write of another kind', async () => {
      const id = newId();
      await put(id, key('open'));
      const { body } = await patch(id, key('open')).expect(409);
      expect(body).toEqual({ code: 'OPERATION_ID_REUSED', message: expect.any(String), recorded: 'create', asked: 'update' });
    });
  });
});
