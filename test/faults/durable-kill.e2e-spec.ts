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
const kills = Number(process.env['PROOF_DURABLE_KILLS'] ?? 3);
const killEveryMs = Number(process.env['PROOF_DURABLE_KILL_EVERY_MS'] ?? 1_000);

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
    await Promise.all(['notes', 'stuck', 'effects', 'sums', 'inside', 'letGo'].map((name) => writer.connection.createCollection(name)));
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
  async function threeWorkers(): Promise<void> {
    await Promise.all(Array.from({ length: 3 - children.size }, startWorker));
  }
  /** @returns the signal that ended it */
  async function kill(name: string): Promise<unknown> {
    const child = children.get(name) as ChildProcess;
    child.kill('SIGKILL');
    const [, signal] = (await once(child, 'exit')) as [unknown, unknown];
    children.delete(name);
    return signal;
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
    await threeWorkers();
    const ids = await Promise.all(Array.from({ length: 20 }, () => create('raid')));
    const state = { isWriting: true };
    const writing = ids.map(async (id) => {
      for (; state.isWriting; await pause(800)) await writer.games.findOneAndUpdate(id, (game: Game) => void (game.gold += 1), 'writer');
    });
    const signals: unknown[] = [];
    const stuck: mongoose.Types.ObjectId[] = [];
    for (let count = 0; count < kills; count++) {
      await pause(killEveryMs);
      // in turn one that is surely in the middle of an event, and one that may be anywhere
      const victim = count % 2 === 0 ? await stuckWorker() : ([...children.keys()][count % 3] as string);
      signals.push(await kill(victim));
      await startWorker();
    }
    state.isWriting = false;
    await Promise.all(writing);
    for (let patience = 0; patience < 4 && !(await until(allHandled, 'all events').catch(() => false)); patience++);
    const redeliveries = await recount([...ids, ...stuck]);
    expect(signals).toEqual(Array.from({ length: kills }, () => 'SIGKILL'));
    expect(stuck).toHaveLength(Math.ceil(kills / 2));
    expect(redeliveries).toBeGreaterThanOrEqual(stuck.length);
    for (const id of stuck) expect((await workersOf(id)).length).toBeGreaterThan(1);

    async function stuckWorker(): Promise<string> {
      const id = await create('stuck');
      stuck.push(id);
      const stuckAt = (): Promise<mongoose.mongo.Document> => until(() => writer.raw('stuck').findOne({ _id: id }), 'the delivery that never ends');
      // its part may still be in the hands of the last victim
      const { worker } = await stuckAt().catch(stuckAt);
      return worker as string;
    }
  }, 900_000);

  it('a process that was frozen inside the transaction of a handler, past its lease, commits neither effect nor progress when it wakes', async () => {
    await threeWorkers();
    const { id, frozen, attempt, open } = await freezeInside();
    // that attempt may go on at once, and no other: whoever took over has committed nothing yet
    await writer.raw('letGo').insertOne({ attempt });
    children.get(frozen)?.kill('SIGCONT');
    await until(async () => (await open()) === 0, 'the end of the transaction');
    expect(await writer.raw('effects').countDocuments({ d: id })).toBe(0);
    expect(await writer.raw('ess_checkpoints').countDocuments({ '_id.h': 'effects', '_id.d': id })).toBe(0);

    await writer.raw('letGo').insertOne({ d: id });
    const ids = await Promise.all(Array.from({ length: 20 }, () => create('raid')));
    for (let patience = 0; patience < 3 && !(await until(allHandled, 'all events').catch(() => false)); patience++);
    const [effect, ...others] = await writer.raw('effects').find({ d: id }).toArray();
    expect(others).toEqual([]);
    expect(String(effect?.['attempt'])).not.toBe(String(attempt));
    expect(await writer.raw('ess_checkpoints').countDocuments({ '_id.h': 'effects', '_id.d': id, 'seq': 1 })).toBe(1);
    await recount(ids);
  }, 300_000);

  /** A frozen process whose attempt has its transaction still open, while another attempt is inside the same event. */
  async function freezeInside(): Promise<{ id: mongoose.Types.ObjectId; frozen: string; attempt: unknown; open: () => Promise<number> }> {
    for (let count = 0; count < 5; count++) {
      const id = await create('held');
      const { worker: frozen, attempt, lsid } = await until(() => writer.raw('inside').findOne({ d: id }), 'a process inside');
      children.get(frozen as string)?.kill('SIGSTOP');
      await until(() => writer.raw('inside').findOne({ d: id, worker: { $ne: frozen } }), 'the take-over');
      const open = async (): Promise<number> => {
        const pipeline = [{ $currentOp: { allUsers: true, idleSessions: true } }, { $match: { 'lsid.id': lsid, 'transaction': { $exists: true } } }];
        return (await writer.connection.getClient().db('admin').aggregate(pipeline).toArray()).length;
      };
      if ((await open()) === 1) return { id, frozen: frozen as string, attempt: attempt as unknown, open };
      // frozen with a lock in its hand that somebody needed, it was taken for dead: that is another test
      await writer.raw('letGo').insertOne({ d: id });
      children.get(frozen as string)?.kill('SIGCONT');
    }
    throw new Error('no process could be frozen with its transaction open');
  }

  async function create(name: string): Promise<mongoose.Types.ObjectId> {
    return (await writer.games.findOneAndUpsert({ name }, 'writer')).document._id;
  }

  async function workersOf(id: mongoose.Types.ObjectId): Promise<unknown[]> {
    return writer.raw('notes').distinct('worker', { d: id });
  }

  /** @returns how many deliveries were not the first of their event */
  async function recount(ids: readonly mongoose.Types.ObjectId[]): Promise<number> {
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
    return redeliveries;
  }
});

function addressOf(key: unknown): string {
  const { d, v } = key as { readonly d: unknown; readonly v: unknown };
  return `${String(d)}@${Number(v)}`;
}
