import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { IndeterminateOutcomeError } from 'nestjs-event-sourced-storage';
import { type EmbeddedMongod, startEmbedded } from '../../tools/start-embedded.mjs';
import { FailPoints } from '../support/fail-points.js';
import { type GamesApp, startGames } from '../support/games.js';
import { upTo } from '../support/numbers.js';
import { recount } from '../support/recount.js';

const appName = 'faulty';
const commands = ['update', 'insert', 'commitTransaction'];
const faults: readonly (readonly [string, object])[] = [
  ['a closed connection', { closeConnection: true }],
  ['91 ShutdownInProgress', { errorCode: 91 }],
  ['112 WriteConflict', { errorCode: 112, errorLabels: ['TransientTransactionError'] }],
  ['189 PrimarySteppedDown', { errorCode: 189 }],
  ['251 NoSuchTransaction', { errorCode: 251, errorLabels: ['TransientTransactionError'] }],
  ['11600 InterruptedAtShutdown', { errorCode: 11_600 }],
  ['11601 Interrupted, as after killSessions', { errorCode: 11_601 }],
  ['a block longer than the socket time-out', { blockConnection: true, blockTimeMS: 1_500 }],
];
const cases = commands.flatMap((command) => faults.map(([fault, data]) => ({ command, fault, data })));

describe('a server that fails at update, insert and commitTransaction', () => {
  let mongod: EmbeddedMongod;
  let writer: GamesApp;
  let witness: GamesApp;

  beforeAll(async () => {
    mongod = await startEmbedded({ args: ['--setParameter', 'enableTestCommands=1', '--setParameter', 'diagnosticDataCollectionEnabled=false'] });
    // makes the collections and indexes, for which the writer's time-out may be too short
    witness = await startGames({ database: 'points', uri: mongod.uri });
    writer = await startGames({ database: 'points', uri: mongod.uri, client: { appName, socketTimeoutMS: 500, monitorCommands: true } });
  });
  afterAll(async () => {
    await writer?.close();
    await witness?.close();
    await mongod?.stop();
  });

  it.each(cases)('$command meets $fault, three times: the recount agrees with every answer', async ({ command, data }) => {
    const { document } = await writer.games.findOneAndUpsert({ name: 'target' }, 'creator');
    const admin = witness.connection.getClient().db('admin');
    const { count } = (await admin.command({ configureFailPoint: 'failCommand', mode: { times: 3 }, data: { failCommands: [command], appName, ...data } })) as { count: number };
    const answers = await Promise.allSettled(
      Array.from({ length: 20 }, (_, index) => writer.games.findOneAndUpdate(document._id, (game) => void (game.gold += 1), 'writer', { operationId: `op-${index}`, timeoutMs: 20_000 })),
    );
    const off = (await admin.command({ configureFailPoint: 'failCommand', mode: 'off' })) as { count: number };
    expect(off.count).toBeGreaterThan(count); // the fault was met

    const found = await recount(witness.documents(), witness.events(), document._id);
    expect(found.numbers).toEqual(Array.from({ length: found.numbers.length }, (_, index) => index + 1));
    expect(found.state).toEqual(found.stored);
    expect(found.stored).toMatchObject({ gold: found.numbers.length - 1 });
    for (const [index, answer] of answers.entries()) {
      const operationId = `op-${index}`;
      const places = found.operationIds.flatMap((each, at) => (each === operationId ? [found.numbers[at]] : []));
      if (answer.status === 'fulfilled') expect(places).toEqual([answer.value.diff.version]);
      else if (answer.reason instanceof IndeterminateOutcomeError) {
        const truth = await witness.games.resolveOperation(operationId, { documentId: document._id });
        expect(places).toEqual(truth.applied ? [truth.version] : []);
      } else expect(places).toEqual([]);
    }
    // a fault that ended everything would leave the rest of this test without a subject
    expect(answers.some(({ status }) => status === 'fulfilled')).toBe(true);
  });

  it.each([
    ['update', 13, 'Unauthorized'],
    ['insert', 13, 'Unauthorized'],
    ['insert', 20, 'IllegalOperation'],
  ])('%s is refused with %i, of which the storage knows nothing: a typed error, and no trace', async (command, errorCode, codeName) => {
    const { document } = await writer.games.findOneAndUpsert({ name: 'target' }, 'creator');
    const add = (options = {}) => writer.games.findOneAndUpdate(document._id, (game) => void (game.gold += 1), 'writer', options);
    const refusal = { name: 'WriteRejectedError', code: 'WRITE_REJECTED', address: `games/${document._id.toHexString()}`, serverCode: errorCode, message: expect.stringContaining(codeName), cause: { code: errorCode } };
    const points = await FailPoints.on(mongod.uri);
    try {
      for (const write of [() => add(), () => writer.games.withTransaction((session) => add({ session }))]) {
        await points.fail(appName, { failCommands: [command], namespace: `points.games${command === 'insert' ? '_events' : ''}`, errorCode }, 1);
        await expect(write()).rejects.toMatchObject(refusal);
        expect(await points.end()).toBe(1);
      }
    } finally {
      await points.close();
    }
    await add();
    const found = await recount(witness.documents(), witness.events(), document._id);
    expect(found.numbers).toEqual([1, 2]);
    expect(found.state).toEqual(found.stored);
    expect(found.stored).toMatchObject({ gold: 1 });
  });

  it.each(['update', 'insert'])('%s is interrupted once, as by a kill of its session: nothing happened, and the next attempt writes', async (command) => {
    const { document } = await writer.games.findOneAndUpsert({ name: 'target' }, 'creator');
    const points = await FailPoints.on(mongod.uri);
    try {
      for (const write of [add, (id: unknown) => writer.games.withTransaction((session) => add(id, { session }))]) {
        await points.fail(appName, { failCommands: [command], namespace: `points.games${command === 'insert' ? '_events' : ''}`, errorCode: 11_601 }, 1);
        await write(document._id);
        expect(await points.end()).toBe(1);
      }
    } finally {
      await points.close();
    }
    await isSound(document._id, 3);
  });

  it.each(['insert', 'commitTransaction'])('the session is killed on the server before its %s: the write succeeds once, also with the next sessions', async (command) => {
    const { document } = await writer.games.findOneAndUpsert({ name: 'target' }, 'creator');
    const client = writer.connection.getClient();
    const points = await FailPoints.on(mongod.uri);
    let writes = 0;
    const met: number[] = [];
    const kills: Promise<unknown>[] = [];
    const kill = ({ commandName }: { readonly commandName: string }): void => {
      if (commandName === command) kills.push(mongoClient().db('admin').command({ killAllSessions: [] }).catch(() => undefined)); // it may end itself
    };
    const note = ({ commandName, failure }: { readonly commandName: string; readonly failure: { readonly code?: number } }): void => {
      if (commandName === command && [11_601, 251].includes(failure.code ?? 0)) met.push(failure.code ?? 0);
    };
    client.on('commandStarted', kill as never).on('commandFailed', note as never);
    try {
      // it waits a little, but nobody can say that the kill is there by then
      for (; met.length < 3; writes++) {
        await points.fail(appName, { failCommands: [command], blockConnection: true, blockTimeMS: 200 }, 1);
        await add(document._id, { timeoutMs: 0, maxRetries: 1_000 });
        await Promise.all(kills.splice(0)); // one that is late would end what the test asks next
        await points.end();
      }
    } finally {
      client.off('commandStarted', kill as never).off('commandFailed', note as never);
      await Promise.all(kills);
      await points.close();
    }
    await isSound(document._id, 1 + writes);
  });

  it('a statement that the server refuses by itself: its number, and no name that is not its own', async () => {
    // an index of places that only some documents are in: their name is no place
    await witness.documents().createIndex({ name: '2dsphere' }, { name: 'places', partialFilterExpression: { name: 'nowhere' } });
    try {
      const failure: unknown = await writer.games.findOneAndUpsert({ name: 'nowhere' }, 'creator').catch((error: unknown) => error);
      expect(failure).toMatchObject({ name: 'WriteRejectedError', serverCode: 16_755, cause: { code: 16_755, writeErrors: [{ index: 0 }] } });
      expect((failure as Error).message).toMatch(/^games\/\w+ was not written: the server refused it with error 16755( \(Location16755\))?\. The cause says why/);
    } finally {
      await witness.documents().dropIndex('places');
    }
  });

  const add = (id: unknown, options = {}): Promise<unknown> => writer.games.findOneAndUpdate(id as never, (game) => void (game.gold += 1), 'writer', options);
  const mongoClient = () => witness.connection.getClient();
  /** The history is whole, and the document is what it says. */
  const isSound = async (id: unknown, versions: number): Promise<void> => {
    const found = await recount(witness.documents(), witness.events(), id);
    expect(found.numbers).toEqual(upTo(versions));
    expect(found.state).toEqual(found.stored);
    expect(found.stored).toMatchObject({ gold: versions - 1, version: versions });
  };
});
