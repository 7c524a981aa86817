import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually, newId, type RunningApp, startApp } from './support/start-app.js';

const page = { 'x-client-id': 'raid-page' };

describe('Raids over HTTP', () => {
  let running: RunningApp;

  beforeAll(async () => {
    running = await startApp('raids', { snapshotEvery: 0 });
  });
  afterAll(() => running.close());

  const open = async (hp = 100): Promise<string> => {
    const id = newId();
    const { body } = await running.http.put(`/games/${id}`).set(page).send({ name: 'Raid on Hydra', boss: { name: ' Hydra ', hp } }).expect(201);
    expect(body).toMatchObject({ boss: { name: 'Hydra', hp, maxHp: hp }, version: 1 });
    return id;
  };
  const hit = (id: string, body: object = { hero: 'Ada', damage: 10 }, headers: Record<string, string> = {}) =>
    running.http.post(`/games/${id}/hits`).set({ ...page, ...headers }).send(body);
  const revert = (id: string, body: object, headers: Record<string, string>) => running.http.post(`/games/${id}/revert`).set({ ...page, ...headers }).send(body);

  it('a strike changes the boss and its hero, and the event names both client and hero', async () => {
    const id = await open();
    await hit(id).expect(200);
    const { body, headers } = await hit(id, { hero: 'Bob', damage: 25 }).expect(200);
    expect(body).toMatchObject({
      boss: { hp: 65 },
      experience: 35,
      heroes: [
        { name: 'Ada', hits: 1, damage: 10, gold: 0 },
        { name: 'Bob', hits: 1, damage: 25, gold: 0 },
      ],
      version: 3,
    });
    expect(headers['etag']).toBe('"3"');
    const { body: events } = await running.http.get(`/games/${id}/events?after=2`).expect(200);
    expect(events).toEqual([expect.objectContaining({ clientId: 'raid-page', metadata: { by: 'Bob' } })]);
  });

  it('a strike that is repeated with its key counts once', async () => {
    const id = await open();
    const answers = await Promise.all(Array.from({ length: 4 }, () => hit(id, { hero: 'Ada', damage: 10 }, { 'Idempotency-Key': 'strike-1' })));
    for (const { status, body } of answers) expect({ status, body }).toMatchObject({ status: 200, body: { boss: { hp: 90 }, version: 2 } });
  });

  it('strikes of many at once are all counted, and the loot is shared out whole', async () => {
    const id = await open(100);
    const answers = await Promise.all(Array.from({ length: 30 }, (_, index) => hit(id, { hero: `Hero ${index % 3}`, damage: 7 })));
    const counted = answers.filter(({ status }) => status === 200).length;
    expect(counted).toBe(15); // 14 times 7, and a last blow for 2
    expect(answers.filter(({ status, body }) => status === 409 && body.code === 'BOSS_FALLEN')).toHaveLength(15);
    const { body } = await running.http.get(`/games/${id}`);
    const heroes: { damage: number; gold: number }[] = body.heroes;
    expect(body).toMatchObject({ boss: { hp: 0 }, gold: 200, experience: 100, version: 16 });
    expect(heroes.reduce((sum, { gold }) => sum + gold, 0)).toBe(200);
    expect(heroes.reduce((sum, { damage }) => sum + damage, 0)).toBe(100);
    await eventually(async () => {
      const { body: activities }: { body: { text: string }[] } = await running.http.get('/activity');
      expect(activities.filter(({ text }) => text.startsWith('The boss of "Raid on Hydra" is defeated'))).toHaveLength(1);
    });
  });

  it('a game without a boss, and one that is not there, cannot be struck', async () => {
    const id = newId();
    await running.http.put(`/games/${id}`).set(page).send({ name: 'Only gold' }).expect(201);
    expect((await hit(id).expect(409)).body).toEqual({ code: 'NO_BOSS', message: 'This game has no boss to strike.' });
    expect((await hit(newId()).expect(404)).body).toMatchObject({ code: 'DOCUMENT_NOT_FOUND' });
  });

  it('what makes no sense is refused and leaves no trace', async () => {
    const id = await open();
    const before = await running.dump();
    const strange = [{}, { hero: '' }, { hero: '  ' }, { hero: 'x'.repeat(61) }, { hero: 'a\u0000' }, { hero: 7 }, { hero: 'Ada', damage: 0 }, { hero: 'Ada', damage: 101 }, { hero: 'Ada', damage: 1.5 }, { hero: 'Ada', damage: '5' }, { hero: 'Ada', gold: 1 }];
    for (const body of strange) await hit(id, body).expect(400);
    for (const boss of [{}, { name: '' }, { name: 'B', hp: 0 }, { name: 'B', hp: 1e9 }, { name: 'B', maxHp: 9 }, 'B', []]) await running.http.put(`/games/${newId()}`).set(page).send({ name: 'R', boss }).expect(400);
    for (const body of [{ toVersion: 1 }, { toVersion: 0, reason: 'r' }, { toVersion: 1, reason: ' ' }, { toVersion: 1, reason: 'x'.repeat(1_001) }]) await revert(id, body, { 'If-Match': '"1"' }).expect(400);
    await running.http.post(`/games/${id}/hits`).send({ hero: 'Ada' }).expect(400);
    expect(await running.dump()).toEqual(before);
  });

  it('a revert brings the old state back as a new version, with its reason, and rewrites nothing', async () => {
    const id = await open();
    for (const damage of [10, 20, 30]) await hit(id, { hero: 'Ada', damage });
    const { body: before } = await running.http.get(`/games/${id}/events`);
    const { body: old } = await running.http.get(`/games/${id}/at/2`);
    const { body, headers } = await revert(id, { toVersion: 2, reason: 'Too strong', by: 'Judge' }, { 'If-Match': '"4"' }).expect(200);
    expect(body).toMatchObject({ boss: old.boss, heroes: old.heroes, experience: 10, version: 5 });
    expect(headers['etag']).toBe('"5"');
    const { body: after } = await running.http.get(`/games/${id}/events`);
    expect(after.slice(0, 4)).toEqual(before);
    expect((await running.http.get(`/games/${id}/history?limit=1`)).body).toEqual({
      entries: [{ version: 5, operation: 'update', at: expect.any(String), clientId: 'raid-page', by: 'Judge', reason: 'Too strong', revertOf: 2, paths: expect.arrayContaining(['boss.hp']) }],
      next: 5,
    });
  });

  it('a revert says which version it has seen: without one 428, with an old one 412, and nothing is written', async () => {
    const id = await open();
    await hit(id);
    await hit(id);
    const before = await running.dump();
    expect((await revert(id, { toVersion: 1, reason: 'r' }, {}).expect(428)).body).toMatchObject({ code: 'PRECONDITION_REQUIRED' });
    expect((await revert(id, { toVersion: 1, reason: 'r' }, { 'If-Match': '"2"' }).expect(412)).body).toMatchObject({ code: 'VERSION_CONFLICT', expected: 2, found: 3 });
    expect((await revert(id, { toVersion: 9, reason: 'r' }, { 'If-Match': '"3"' }).expect(410)).body).toMatchObject({ code: 'CLIENT_AHEAD' });
    expect(await running.dump()).toEqual(before);
  });

  it('a history is listed newest first, in pages, and goes on through a deletion', async () => {
    const id = await open();
    for (const damage of [1, 2, 3]) await hit(id, { hero: 'Ada', damage });
    await running.http.delete(`/games/${id}`).set('x-client-id', 'admin-panel').expect(200);
    const list = async (query: string): Promise<{ entries: { version: number; operation: string; paths: string[] }[]; next?: number }> =>
      (await running.http.get(`/games/${id}/history${query}`).expect(200)).body;
    const { entries, next } = await list('?limit=2');
    expect(entries.map(({ version, operation }) => [version, operation])).toEqual([[5, 'delete'], [4, 'update']]);
    expect(next).toBe(4);
    const rest = await list(`?limit=50&before=${next}`);
    expect(rest.entries.map(({ version }) => version)).toEqual([3, 2, 1]);
    expect(rest).not.toHaveProperty('next');
    expect(rest.entries[0]?.paths).toEqual(expect.arrayContaining(['boss.hp', 'heroes.0.damage']));
    expect((await running.http.get(`/games/${newId()}/history`).expect(200)).body).toEqual({ entries: [] });
    for (const query of ['?limit=0', '?limit=201', '?before=0', '?before=x', '?after=1']) await running.http.get(`/games/${id}/history${query}`).expect(400);
  });

  it('two versions are compared in either direction, also with before the first and with a deletion', async () => {
    const id = await open();
    await hit(id);
    await running.http.delete(`/games/${id}`).set(page).expect(200);
    const compare = async (from: number, to: number): Promise<{ path: string; kind: string }[]> => {
      const { body } = await running.http.get(`/games/${id}/diff/${from}/${to}`).expect(200);
      expect(body).toMatchObject({ from, to });
      return body.changes;
    };
    expect(await compare(1, 2)).toEqual(expect.arrayContaining([{ path: 'boss.hp', kind: 'changed', before: 100, after: 90 }, { path: 'heroes.0.name', kind: 'added', after: 'Ada' }]));
    expect(await compare(2, 1)).toEqual(expect.arrayContaining([{ path: 'boss.hp', kind: 'changed', before: 90, after: 100 }, { path: 'heroes.0.name', kind: 'removed', before: 'Ada' }]));
    expect(await compare(2, 2)).toEqual([]);
    expect(new Set((await compare(0, 1)).map(({ kind }) => kind))).toEqual(new Set(['added']));
    expect(new Set((await compare(2, 3)).map(({ kind }) => kind))).toEqual(new Set(['removed']));
    await running.http.get(`/games/${id}/diff/1/9`).expect(410);
    await running.http.get(`/games/${newId()}/diff/0/1`).expect(404);
    await running.http.get(`/games/${id}/diff/1/x`).expect(400);
  });
});
