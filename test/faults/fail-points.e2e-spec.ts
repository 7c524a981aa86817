import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { IndeterminateOutcomeError } from 'nestjs-event-sourced-storage';
import { type EmbeddedMongod, startEmbedded } from '../../tools/start-embedded.mjs';
import { type GamesApp, startGames } from '../support/games.js';
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
  ['a block longer than the socket time-out', { blockConnection: true, blockTimeMS: 1_500 }],
];
const cases = commands.flatMap((command) => faults.map(([fault, data]) => ({ command, fault, data })));

describe('a server that fails at update, insert and commitTransaction', () => {
  let mongod: EmbeddedMongod;
  let writer: GamesApp;
  let witness: GamesApp;

  beforeAll(async () => {
    mongod = await startEmbedded({ args: ['--setParameter', 'enableTestCommands=1', '--setParameter', 'diagnosticDataCollectionEnabled=false'] });
    writer = await startGames({ database: 'points', uri: mongod.uri, client: { appName, socketTimeoutMS: 500 } });
    witness = await startGames({ database: 'points', uri: mongod.uri });
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
});
