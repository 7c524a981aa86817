import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import mongoose from 'mongoose';
import { type EmbeddedMongod, startEmbedded } from '../../tools/start-embedded.mjs';
import { type Game, type GamesApp, startGames } from '../support/games.js';
import { until } from '../support/until.js';

const database = 'durable_kill';
const script = fileURLToPath(new URL('durable-worker.mjs', import.meta.url));
/** `npm run proof` goes on for longer. */
const kills = Number(process.env['PROOF_DURABLE_KILLS'] ?? 4);
const killEveryMs = Number(process.env['PROOF_DURABLE_KILL_EVERY_MS'] ?? 3_000);

interface Note {
  readonly d: mongoose.Types.ObjectId;
  readonly v: number;
  readonly worker: string;
}

describe('durable handlers in three processes', () => {
  let mongod: EmbeddedMongod;
  let writer: GamesApp;
  const children = new Map<string, ChildProcess>();
  let born = 0;

  beforeAll(async () => {
    mongod = await startEmbedded({ args: ['--setParameter', 'diagnosticDataCollectionEnabled=false'] });
    writer = await startGames({ database, uri: mongod.uri, cqrs: false, root: { publish: 'never' } });
    await Promise.all(['notes', 'effects', 'sums'].map((name) => writer.connection.createCollection(name)));
  }, 120_000);
  afterAll(async () => {
    for (const child of children.values()) child.kill('SIGKILL');
    await writer?.close();
    await mongod?.stop();
  });

  async function startWorker(): Promise<string> {
    const name = `worker-${++born}`;
    const child = spawn(process.execPath, [script, mongod.uri, database, name], { stdio: ['ignore', 'pipe', 'inherit'] });
    children.set(name, child);
    for await (const chunk of child.stdout) if (String(chunk).includes('ready')) break;
    child.stdout.resume();
    return name;
  }
  async function kill(name: string): Promise<void> {
    const child = children.get(name) as ChildProcess;
    child.kill('SIGKILL');
    await once(child, 'exit');
    children.delete(name);
  }
  const notes = (): Promise<Note[]> => writer.raw('notes').find({}).sort({ at: 1, _id: 1 }).toArray() as unknown as Promise<Note[]>;
  const effects = (): Promise<Note[]> => writer.raw('effects').find({}).toArray() as unknown as Promise<Note[]>;
  const missingOf = async (found: () => Promise<readonly Note[]>): Promise<number> => {
    const seen = new Set((await found()).map(({ d, v }) => `${String(d)}@${v}`));
    const events = await writer.events().find({}, { projection: { _id: 1 } }).toArray();
    return events.filter(({ _id }) => !seen.has(addressOf(_id))).length;
  };
  const allHandled = async (): Promise<boolean> => {
    const missing = [await missingOf(notes), await missingOf(effects)];
    if (process.env['PROOF_VERBOSE'] !== undefined) process.stderr.write(`missing ${missing.join(' ')} of ${await writer.events().countDocuments()}\n`);
    if (missing.some((count) => count > 0)) await pause(500);
    return missing.every((count) => count === 0);
  };

  it(`${kills} kills: every event of every document is delivered in order, effects in the session exactly once`, async () => {
    for (let index = 0; index < 3; index++) await startWorker();
    const ids = await Promise.all(Array.from({ length: 20 }, async () => (await writer.games.findOneAndUpsert({ name: 'raid' }, 'writer')).document._id));
    const state = { isWriting: true };
    const writing = ids.map(async (id) => {
      for (; state.isWriting; await pause(150)) await writer.games.findOneAndUpdate(id, (game: Game) => void (game.gold += 1), 'writer');
    });
    for (let count = 0; count < kills; count++) {
      await pause(killEveryMs);
      await kill([...children.keys()][count % 3] as string);
      await startWorker();
    }
    state.isWriting = false;
    await Promise.all(writing);
    for (let patience = 0; patience < 4 && !(await until(allHandled, 'all events').catch(() => false)); patience++);
    await recount(ids);
  }, 900_000);

  it('a process that was frozen for longer than its leases commits nothing when it wakes, and the others go on', async () => {
    const frozen = [...children.keys()][0] as string;
    const { document } = await writer.games.findOneAndUpsert({ name: 'frozen' }, 'writer');
    children.get(frozen)?.kill('SIGSTOP');
    const ids = await Promise.all(Array.from({ length: 40 }, async () => (await writer.games.findOneAndUpsert({ name: 'raid' }, 'writer')).document._id));
    // the others have taken over everything: also the parts of the frozen one
    for (let patience = 0; patience < 3 && !(await until(allHandled, 'all events').catch(() => false)); patience++);
    const before = (await effects()).filter(({ worker }) => worker === frozen).length;
    const fences = await fencesOf();
    children.get(frozen)?.kill('SIGCONT');
    await Promise.all(ids.map((id) => writer.games.findOneAndUpdate(id, (game: Game) => void (game.gold += 1), 'writer')));
    await until(allHandled, 'all events');
    await recount([document._id, ...ids]);
    // what it commits after it woke, it commits under a fence that it claimed anew
    const later = (await effects()).filter(({ worker }) => worker === frozen).length;
    if (later > before) expect(await fencesOf()).not.toEqual(fences);
  }, 300_000);

  async function fencesOf(): Promise<unknown[]> {
    const parts = await writer.raw('ess_checkpoints').find({ fence: { $exists: true } }).sort({ _id: 1 }).toArray();
    return parts.map(({ fence }) => fence as unknown);
  }

  async function recount(ids: readonly mongoose.Types.ObjectId[]): Promise<void> {
    const [noted, made] = [await notes(), await effects()];
    const sums = new Map((await writer.raw('sums').find({}).toArray()).map(({ _id, count, sum }) => [String(_id), { count: Number(count), sum: Number(sum) }]));
    let redeliveries = 0;
    for (const id of ids) {
      const events = await writer.events().find({ '_id.d': id }).toArray();
      const numbers = Array.from({ length: events.length }, (_, index) => index + 1);
      const deliveries = noted.filter(({ d }) => String(d) === String(id)).map(({ v }) => v);
      redeliveries += deliveries.length - events.length;
      expect([...new Set(deliveries)]).toEqual(numbers);
      expect(made.filter(({ d }) => String(d) === String(id)).map(({ v }) => v).toSorted((a, b) => a - b)).toEqual(numbers);
      expect(sums.get(String(id))).toEqual({ count: numbers.length, sum: numbers.reduce((all, each) => all + each, 0) });
    }
    expect(redeliveries).toBeGreaterThanOrEqual(0);
  }
});

function addressOf(key: unknown): string {
  const { d, v } = key as { readonly d: unknown; readonly v: unknown };
  return `${String(d)}@${Number(v)}`;
}
