import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import mongoose from 'mongoose';
import { type EmbeddedMongod, startEmbedded } from '../../tools/start-embedded.mjs';
import { commandsDuring } from '../support/commands.js';
import { consistent } from '../support/consistent.js';
import { type CommandFailure, FailPoints } from '../support/fail-points.js';
import { type Game, type GamesApp, startGames } from '../support/games.js';
import { Log } from '../support/log.js';
import { type Loss, type LossyProxy, startLossyProxy } from '../support/lossy-proxy.js';
import { SharedCache } from '../support/shared-cache.js';
import { everythingStored } from '../support/traces.js';
import { gate, until } from '../support/until.js';

const { ObjectId } = mongoose.Types;
const database = 'faults';
const appName = 'behind-the-proxy';
const documents = `${database}.games`;
const events = `${database}.games_events`;

type Write = (games: GamesApp['games'], id: mongoose.Types.ObjectId) => Promise<unknown>;

describe('faults between the storage and its database', () => {
  let mongod: EmbeddedMongod;
  let proxy: LossyProxy;
  let points: FailPoints;
  let witness: GamesApp;
  let app: GamesApp;
  const log = new Log();

  beforeAll(async () => {
    // a server of our own: fail points are one per server, and nobody else shall stumble over them
    mongod = await startEmbedded({ args: ['--setParameter', 'enableTestCommands=1', '--setParameter', 'diagnosticDataCollectionEnabled=false'] });
    [proxy, points, witness] = await Promise.all([startLossyProxy(mongod.port), FailPoints.on(mongod.uri), startGames({ database, uri: mongod.uri })]);
    app = await startGames({ database, uri: proxy.uri, client: { appName, monitorCommands: true }, logger: log });
  });
  afterEach(async () => {
    proxy?.lose('reply', 'none', 0);
    await points?.end();
  });
  afterAll(async () => {
    await app?.close();
    await witness?.close();
    await points?.close();
    await proxy?.close();
    await mongod?.stop();
  });

  const addGold = (game: Game): void => void (game.gold += 1);
  const create = async (data: Partial<Game> = {}): Promise<Game> => {
    const { document } = await witness.games.findOneAndUpsert({ name: 'raid', ...data }, 'creator');
    return document;
  };
  const writes: Record<string, { readonly write: Write; readonly numbers: readonly number[]; readonly answer: object }> = {
    create: { write: (games, _id) => games.findOneAndUpsert({ _id, name: 'new', gold: 7 }, 'writer'), numbers: [1], answer: { created: true, document: { gold: 7, version: 1 } } },
    update: { write: (games, id) => games.findOneAndUpdate(id, addGold, 'writer'), numbers: [1, 2], answer: { document: { gold: 1, version: 2 }, diff: { hasChanges: true, version: 2 } } },
    delete: { write: (games, id) => games.deleteOne(id, 'writer'), numbers: [1, 2], answer: { deleted: true, version: 2 } },
  };

  // The driver sends a commit a second time by itself: what is lost once tests the driver, what is lost more often tests the storage.
  const losses = Object.keys(writes).flatMap((kind) => (['reply', 'request'] as const).flatMap((loss) => [1, 2, 3].map((times) => ({ kind, loss, times }))));

  it.each(losses)('row 15: a $kind whose commit has lost its $loss $times time(s) is applied once, and answered as if nothing had happened', async ({ kind, loss, times }) => {
    const { write, numbers, answer } = writes[kind] as (typeof writes)[string];
    const id = kind === 'create' ? new ObjectId() : (await create())._id;
    proxy.lose(loss, 'commitTransaction', times);
    expect(await write(app.games, id)).toMatchObject(answer);
    expect(proxy.pending).toBe(0);
    expect((await consistent(witness, id)).numbers).toEqual(numbers);
    expect((await app.games.findOneAndUpsert({ _id: id, name: 'next' }, 'next')).document.version).toBe(kind === 'delete' ? 3 : numbers.length);
  });

  it.each<Loss>(['reply', 'request'])('row 15: a commit of creates, updates and deletes of many documents that lost its %s is applied once, for each of them', async (loss) => {
    const existing = await Promise.all(Array.from({ length: 12 }, () => create()));
    const created = Array.from({ length: 6 }, () => new ObjectId());
    // the first write flies alone, what follows meanwhile flies together: it is their commit that gets lost
    const { passed, open } = gate();
    const first = app.games.findOneAndUpdate(existing[0]?._id ?? '', async (game) => passed.then(() => addGold(game)), 'first');
    const together = [
      ...existing.slice(1, 6).flatMap(({ _id }) => [1, 2, 3].map(() => app.games.findOneAndUpdate(_id, addGold, 'writer'))),
      ...existing.slice(6).map(({ _id }) => app.games.deleteOne(_id, 'writer')),
      ...created.flatMap((_id) => [app.games.findOneAndUpsert({ _id, name: 'new' }, 'writer'), app.games.findOneAndUpdate(_id, addGold, 'writer')]),
    ];
    proxy.lose(loss, 'commitTransaction', 3);
    open();
    const answers = await Promise.all([first, ...together]);
    expect(answers).toHaveLength(1 + 15 + 6 + 12);
    expect(proxy.pending).toBe(0);
    for (const { _id } of existing.slice(1, 6)) expect(await consistent(witness, _id)).toMatchObject({ numbers: [1, 2, 3, 4], stored: { gold: 3 } });
    for (const { _id } of existing.slice(6)) expect(await consistent(witness, _id)).toMatchObject({ numbers: [1, 2], operations: ['create', 'delete'], stored: null });
    for (const _id of created) expect(await consistent(witness, _id)).toMatchObject({ numbers: [1, 2], stored: { gold: 1 } });
  });

  it('row 15: a commit whose reply is lost while another process goes on with the document is still recognised', async () => {
    for (let round = 0; round < 5; round++) {
      const { _id } = await create();
      proxy.lose('reply', 'commitTransaction', 2);
      const [mine, ...others] = await Promise.all([
        app.games.findOneAndUpdate(_id, addGold, 'mine'),
        ...Array.from({ length: 4 }, () => witness.games.findOneAndUpdate(_id, addGold, 'other')),
      ]);
      const versions = [mine, ...others].map(({ document }) => document.version);
      expect(versions.toSorted((a, b) => a - b)).toEqual([2, 3, 4, 5, 6]);
      expect(await consistent(witness, _id)).toMatchObject({ numbers: [1, 2, 3, 4, 5, 6], stored: { gold: 5 } });
      expect((await witness.games.getEvents(_id, { clientId: 'mine' })).events.map(({ serverSeq }) => serverSeq)).toEqual([mine.document.version]);
    }
  });

  const doubts: [string, CommandFailure, number][] = [
    ['a write concern that was not reached in time', { failCommands: ['commitTransaction'], writeConcernError: { code: 64, errmsg: 'waiting for replication timed out' } }, 1],
    ['a shutdown in the middle of the write concern, twice', { failCommands: ['commitTransaction'], writeConcernError: { code: 91, errmsg: 'shutting down', errorLabels: ['RetryableWriteError'] } }, 2],
    ['a step-down before the commit', { failCommands: ['commitTransaction'], errorCode: 11_602 }, 1],
    ['an unknown error without any label', { failCommands: ['commitTransaction'], errorCode: 8_000 }, 1],
    ['a connection that broke before the commit', { failCommands: ['commitTransaction'], closeConnection: true }, 2],
  ];

  it.each(doubts)('row 15: %s leaves no doubt to the caller: the write is applied once', async (_, failure, times) => {
    const { _id } = await create();
    await points.fail(appName, failure, times);
    expect(await app.games.findOneAndUpdate(_id, addGold, 'writer')).toMatchObject({ document: { gold: 1, version: 2 } });
    expect(await points.end()).toBe(times);
    expect(await consistent(witness, _id)).toMatchObject({ numbers: [1, 2], stored: { gold: 1 } });
  });

  it('row 15: when the outcome cannot be found out in time, that is what the caller is told, with what is needed to ask again or repeat', async () => {
    const { _id } = await create();
    proxy.lose('reply', 'commitTransaction', 1_000);
    // long enough for the commit to be sent, also on a slow machine: before that, nothing would be in doubt
    const told: Error & { operationId?: string } = await app.games.findOneAndUpdate(_id, addGold, 'writer', { timeoutMs: 5_000, operationId: 'in-doubt' }).then(
      () => new Error('it was answered'),
      (reason: unknown) => reason as Error,
    );
    expect(told).toMatchObject({ name: 'IndeterminateOutcomeError', code: 'INDETERMINATE_OUTCOME', documentId: _id, operationId: 'in-doubt' });
    proxy.lose('reply', 'none', 0);
    expect(await app.games.findOneAndUpdate(_id, addGold, 'writer', { operationId: 'in-doubt' })).toMatchObject({ document: { gold: 1, version: 2 } });
    expect(await witness.games.resolveOperation('in-doubt', { documentId: _id })).toEqual({ applied: true, version: 2 });
    expect(await consistent(witness, _id)).toMatchObject({ numbers: [1, 2], stored: { gold: 1 } });
  });

  it.each<Loss>(['reply', 'request'])('row 15: a transaction of the caller whose commit lost its %s is applied once', async (loss) => {
    const [one, other] = [await create(), await create()];
    proxy.lose(loss, 'commitTransaction', 2);
    let runs = 0;
    await app.games.withTransaction(async (session) => {
      runs++;
      await app.games.findOneAndUpdate(one._id, addGold, 'writer', { session });
      await app.games.findOneAndUpdate(other._id, addGold, 'writer', { session });
    });
    expect(runs).toBeLessThanOrEqual(2);
    expect(proxy.pending).toBe(0);
    for (const { _id } of [one, other]) expect(await consistent(witness, _id)).toMatchObject({ numbers: [1, 2], stored: { gold: 1 } });
  });

  it.each(Object.keys(writes).flatMap((kind) => [{ kind, command: 'insert' }, { kind, command: kind === 'delete' ? 'delete' : 'update' }]))(
    'row 16: when the server refuses the $command of a $kind, neither document nor event is written, and the next write succeeds',
    async ({ kind, command }) => {
      const { write, answer } = writes[kind] as (typeof writes)[string];
      const id = kind === 'create' ? new ObjectId() : (await create())._id;
      await app.games.findOne(id);
      const before = await everythingStored(witness.connection);
      await points.fail(appName, { failCommands: [command], namespace: command === 'insert' ? events : documents, errorCode: 8_000 }, 1);
      await expect(write(app.games, id)).rejects.toMatchObject({ code: 'WRITE_REJECTED', serverCode: 8_000, cause: { message: expect.stringMatching(/failpoint|fail point/i) } });
      expect(await points.end()).toBe(1);
      expect(await everythingStored(witness.connection)).toEqual(before);
      expect(await app.games.findOne(id, { fresh: true })).toEqual(kind === 'create' ? null : expect.objectContaining({ gold: 0, version: 1 }));
      expect(await write(app.games, id)).toMatchObject(answer);
    },
  );

  const outages: [string, CommandFailure][] = [
    ['the connection breaks', { failCommands: ['insert'], namespace: events, closeConnection: true }],
    ['the primary steps down', { failCommands: ['insert'], namespace: events, errorCode: 10_107 }],
    ['the primary shuts down', { failCommands: ['insert'], namespace: events, errorCode: 91 }],
    ['the transaction is gone', { failCommands: ['insert'], namespace: events, errorCode: 251 }],
    ['the server reports a write conflict', { failCommands: ['insert'], namespace: events, errorCode: 112 }],
  ];

  it.each(outages.flatMap(([what, failure]) => Object.keys(writes).map((kind) => ({ what, failure, kind }))))('row 16: a $kind during which $what is tried again, and written once', async ({ failure, kind }) => {
    const { write, answer, numbers } = writes[kind] as (typeof writes)[string];
    const id = kind === 'create' ? new ObjectId() : (await create())._id;
    await points.fail(appName, failure, 2);
    expect(await write(app.games, id)).toMatchObject(answer);
    expect(await points.end()).toBe(2);
    expect((await consistent(witness, id)).numbers).toEqual(numbers);
  });

  it('row 16: with maxRetries 0 an outage is told at once, and neither is written', async () => {
    const { _id } = await create();
    await points.fail(appName, { failCommands: ['insert'], namespace: events, errorCode: 10_107 }, 1);
    await expect(app.games.findOneAndUpdate(_id, addGold, 'writer', { maxRetries: 0 })).rejects.toMatchObject({ code: 'OPERATION_TIMEOUT' });
    expect(await consistent(witness, _id)).toMatchObject({ numbers: [1], stored: { gold: 0 } });
  });

  it('row 16: an event that the database refuses takes its own document with it, and no other of the same commit', async () => {
    await witness.connection.getClient().db(database).command({ collMod: 'games_events', validator: { clientId: { $ne: 'poison' } } });
    try {
      const games = await Promise.all(Array.from({ length: 9 }, () => create()));
      const { passed, open } = gate();
      const first = app.games.findOneAndUpdate(games[0]?._id ?? '', async (game) => passed.then(() => addGold(game)), 'first');
      const together = games.slice(1).map(({ _id }, index) => app.games.findOneAndUpdate(_id, addGold, index % 4 === 1 ? 'poison' : 'writer'));
      open();
      await first;
      const outcomes = await Promise.allSettled(together);
      for (const [index, outcome] of outcomes.entries()) {
        const isPoison = index % 4 === 1;
        expect(outcome.status).toBe(isPoison ? 'rejected' : 'fulfilled');
        if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: expect.stringMatching(/^[A-Z_]+$/) });
        expect(await consistent(witness, games[index + 1]?._id)).toMatchObject({ numbers: isPoison ? [1] : [1, 2], stored: { gold: isPoison ? 0 : 1 } });
      }
    } finally {
      await witness.connection.getClient().db(database).command({ collMod: 'games_events', validator: {} });
    }
  });

  it('row 16: many writers through a connection that keeps breaking lose nothing and double nothing', async () => {
    const games = await Promise.all(Array.from({ length: 6 }, () => create()));
    const run = { isOver: false };
    const breaking = (async () => {
      const kinds = [['reply', 'commitTransaction'], ['request', 'insert'], ['reply', 'update'], ['request', 'commitTransaction'], ['reply', 'insert']] as const;
      for (let turn = 0; !run.isOver; turn++) {
        const [loss, command] = kinds[turn % kinds.length] ?? kinds[0];
        proxy.lose(loss, command, 1 + (turn % 2));
        await until(() => run.isOver || proxy.pending === 0, 'it broke');
      }
      return run.isOver;
    })();
    const writers = games.flatMap(({ _id }) =>
      Array.from({ length: 3 }, async (_, writer) => {
        for (let turn = 0; turn < 4; turn++) await app.games.findOneAndUpdate(_id, addGold, `writer-${writer}`);
      }),
    );
    await Promise.all(writers).finally(() => (run.isOver = true));
    await breaking;
    for (const { _id } of games) expect(await consistent(witness, _id)).toMatchObject({ stored: { gold: 12, version: 13 } });
  });

  it('row 18: when the cache fails after the commit, the write succeeds with a warning, and the entry is dropped', async () => {
    const shared = new SharedCache();
    let isBroken = false;
    const breaking = {
      get: (key: string) => shared.get(key),
      set: (key: string, value: unknown) => (isBroken ? Promise.reject(new Error('the cache is full')) : shared.set(key, value)),
      del: (key: string) => shared.del(key),
    };
    const lines = new Log();
    const cached = await startGames({ database, uri: mongod.uri, root: { cache: breaking }, logger: lines });
    try {
      const { document } = await cached.games.findOneAndUpsert({ name: 'raid' }, 'creator');
      await cached.games.findOne(document._id);
      await until(() => shared.entries.size === 1, 'the cache is in use');
      isBroken = true;
      expect(await cached.games.findOneAndUpdate(document._id, addGold, 'writer')).toMatchObject({ document: { gold: 1, version: 2 } });
      await until(() => shared.entries.size === 0, 'the entry is dropped');
      await until(() => lines.warnings.some((line) => /put failed in the cache.*the cache is full/.test(line)), 'the warning');
      expect(await cached.games.findOne(document._id)).toMatchObject({ gold: 1, version: 2 });
      isBroken = false;
      await cached.games.findOne(document._id);
      await until(() => shared.entries.size === 1, 'the cache is in use again');
      expect(await consistent(witness, document._id)).toMatchObject({ numbers: [1, 2] });
    } finally {
      await cached.close();
    }
  });

  const never = (): Promise<never> => new Promise(() => undefined);
  const refuse = (): Promise<never> => Promise.reject(new Error('the cache is away'));
  const explode = (): never => {
    throw new Error('the cache exploded');
  };

  it.each([
    ['refuses everything', { get: refuse, set: refuse, del: refuse }],
    ['throws instead of rejecting', { get: explode, set: explode, del: explode }],
    ['never answers', { get: never, set: never, del: never }],
    ['does not take anything', { get: refuse, set: never, del: explode }],
  ])('row 18: with a cache that %s everything works, from the database', async (_, cache) => {
    const lines = new Log();
    const cached = await startGames({ database, uri: mongod.uri, root: { cache, cacheTimeoutMs: 5 }, client: { monitorCommands: true }, logger: lines });
    try {
      const { document } = await cached.games.findOneAndUpsert({ name: 'raid' }, 'creator');
      await witness.games.findOneAndUpdate(document._id, addGold, 'other');
      expect(await cached.games.findOne(document._id)).toMatchObject({ gold: 1, version: 2 });
      expect(await cached.games.findOneAndUpdate(document._id, addGold, 'writer')).toMatchObject({ document: { gold: 2, version: 3 } });
      const sent = await commandsDuring(cached.connection, async () => expect(await cached.games.findOne(document._id)).toMatchObject({ gold: 2 }));
      expect(sent.map(({ name }) => name)).toContain('find');
      expect(await cached.games.deleteOne(document._id, 'writer')).toEqual({ deleted: true, version: 4 });
      expect(await cached.games.findOne(document._id)).toBeNull();
      expect(lines.warnings.filter((line) => line.includes('the cache')).length).toBeGreaterThan(0);
      expect(await consistent(witness, document._id)).toMatchObject({ numbers: [1, 2, 3, 4] });
    } finally {
      await cached.close();
    }
  });
});
