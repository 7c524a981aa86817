import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import mongoose from 'mongoose';
import { type EmbeddedMongod, startEmbedded } from '../../tools/start-embedded.mjs';
import { type GamesApp, startGames } from '../support/games.js';
import { recount } from '../support/recount.js';

const database = 'kill';
const script = fileURLToPath(new URL('doomed-writer.mjs', import.meta.url));

/** What became of the other process. */
interface End {
  readonly signal: NodeJS.Signals | null;
  readonly output: string;
}

describe('a process that is killed in the middle of a write', () => {
  let mongod: EmbeddedMongod;
  let witness: GamesApp;

  beforeAll(async () => {
    // the open transaction of a killed process ends after three seconds instead of sixty
    mongod = await startEmbedded({ args: ['--setParameter', 'transactionLifetimeLimitSeconds=3', '--setParameter', 'diagnosticDataCollectionEnabled=false'] });
    witness = await startGames({ database, uri: mongod.uri, root: { cache: false } });
  });
  afterAll(async () => {
    await witness?.close();
    await mongod?.stop();
  });

  const run = (point: string, id: mongoose.Types.ObjectId, operationId: string, kind: string): Promise<End> =>
    new Promise((done) => {
      const child = execFile(process.execPath, [script, mongod.uri, database, point, id.toHexString(), operationId, kind], (error, stdout, stderr) => {
        done({ signal: child.signalCode, output: `${stdout}${error === null ? '' : stderr}` });
      });
    });

  const cases = ['create', 'update', 'delete'].flatMap((kind) => ['before-commit', 'after-commit'].map((point) => ({ kind, point })));

  it.each(cases)('$point of a $kind: afterwards both document and event are there or neither, and repeating the operation writes nothing twice', async ({ kind, point }) => {
    const _id = new mongoose.Types.ObjectId();
    if (kind !== 'create') await witness.games.findOneAndUpsert({ _id, name: 'doomed', gold: 1 }, 'witness');
    const before = await recount(witness.documents(), witness.events(), _id);
    const operationId = `${point}-${kind}`;

    const killed = await run(point, _id, operationId, kind);
    expect(killed.signal).toBe('SIGKILL');

    const after = await recount(witness.documents(), witness.events(), _id);
    expect(after.operationIds.includes(operationId)).toBe(point === 'after-commit');
    expect(after.numbers).toEqual(Array.from({ length: before.numbers.length + (point === 'after-commit' ? 1 : 0) }, (_, index) => index + 1));
    expect(after.state).toEqual(after.stored);

    const repeated = await run('never', _id, operationId, kind);
    expect(repeated).toMatchObject({ signal: null });
    const answer = JSON.parse(repeated.output.trim().split('\n').at(-1) ?? '') as { document?: { version: number }; version?: number };
    const settled = await recount(witness.documents(), witness.events(), _id);
    expect(settled.operationIds.filter((each) => each === operationId)).toHaveLength(1);
    expect(settled.numbers).toEqual(Array.from({ length: before.numbers.length + 1 }, (_, index) => index + 1));
    expect(answer.document?.version ?? answer.version).toBe(before.numbers.length + 1);
    expect(settled.state).toEqual(settled.stored);
  });
});
