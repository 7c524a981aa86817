import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type mongoose from 'mongoose';
import { type EmbeddedMongod, startEmbedded } from '../../tools/start-embedded.mjs';
import { type Game, type GamesApp, startGames } from '../support/games.js';
import { until } from '../support/until.js';

const script = fileURLToPath(new URL('snapshot-runner.mjs', import.meta.url));
const documents = 5;

/** What a process says, one line each. */
interface Saying {
  readonly word: 'ready' | 'stopping' | 'failed' | 'made';
  readonly message?: string;
  readonly made?: number;
}

describe('the process that makes the snapshots falls asleep for longer than its lease', () => {
  let mongod: EmbeddedMongod;
  let witness: GamesApp;
  const children: ChildProcess[] = [];

  beforeAll(async () => {
    mongod = await startEmbedded({ args: ['--setParameter', 'diagnosticDataCollectionEnabled=false'] });
  });
  afterEach(async () => {
    for (const child of children.splice(0)) {
      child.kill('SIGCONT');
      child.kill('SIGKILL');
    }
    await witness?.close();
  });
  afterAll(async () => {
    await mongod?.stop();
  });

  it.each(['before-fence', 'in-transaction'])(
    'asleep %s: another one takes over, each snapshot is made once, and the sleeper saves none of what it had begun',
    async (point) => {
      const database = `scheduler_${point.replace('-', '_')}`;
      witness = await startGames({ database, uri: mongod.uri, root: { publish: 'never' } });
      const ids: mongoose.Types.ObjectId[] = [];
      for (let i = 0; i < documents; i++) ids.push((await witness.games.findOneAndUpsert({ name: `raid ${i}` }, 'creator')).document._id);
      await editAll(ids, 2);

      const sleeper = start(database, point);
      await sleeper.said('stopping');
      expect(await snapshots(ids)).toEqual(ids.map(() => []));
      const others = [start(database, 'never'), start(database, 'never')];
      await until(async () => (await snapshots(ids)).every((numbers) => numbers.length > 0), 'another process takes over');
      expect(await snapshots(ids)).toEqual(ids.map(() => [3]));
      // what the sleeper had read is older than this now
      await editAll(ids, 1);

      sleeper.child.kill('SIGCONT');
      const { message } = await sleeper.said('failed');
      expect(message).toContain('is not held in term');
      await editAll(ids, 2);
      await until(async () => (await snapshots(ids)).every((numbers) => numbers.length > 1), 'snapshots go on');
      expect(await snapshots(ids)).toEqual(ids.map(() => [3, 6]));

      const made = await Promise.all([sleeper, ...others].map(async ({ child, said }) => {
        await said('ready'); // one that is still starting would die of the signal and say nothing
        const exited = once(child, 'exit');
        child.kill('SIGTERM');
        const saying = await said('made');
        await exited;
        return saying.made ?? 0;
      }));
      expect(made.reduce((sum, each) => sum + each, 0)).toBe(2 * documents);
      expect(await snapshots(ids)).toEqual(ids.map(() => [3, 6]));
    },
    120_000,
  );

  async function editAll(ids: readonly mongoose.Types.ObjectId[], times: number): Promise<void> {
    for (let i = 0; i < times; i++) await Promise.all(ids.map((id) => witness.games.findOneAndUpdate(id, (game: Game) => void (game.gold += 1), 'editor')));
  }

  function snapshots(ids: readonly mongoose.Types.ObjectId[]): Promise<number[][]> {
    return Promise.all(
      ids.map(async (documentId) => {
        const found = await witness.raw('games_snapshots').find({ documentId }).sort({ serverSeq: 1 }).toArray();
        return found.map((each) => Number(each['serverSeq']));
      }),
    );
  }

  function start(database: string, point: string): { readonly child: ChildProcess; readonly said: (word: Saying['word']) => Promise<Saying> } {
    const child = spawn(process.execPath, [script, mongod.uri, database, point], { stdio: ['ignore', 'pipe', 'inherit'] });
    children.push(child);
    let text = '';
    child.stdout.on('data', (chunk) => (text += String(chunk)));
    const sayings = (): Saying[] =>
      text
        .split('\n')
        .slice(0, -1)
        .map((line) => JSON.parse(line) as Saying);
    return { child, said: (word) => until(() => sayings().find((saying) => saying.word === word), `the process says ${word}`) };
  }
});
