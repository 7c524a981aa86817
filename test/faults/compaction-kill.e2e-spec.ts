import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import mongoose from 'mongoose';
import type { DocumentEvent } from 'nestjs-event-sourced-storage';
import { databaseName, dropDatabase, type Game, type GamesApp, startGames, testUri } from '../support/games.js';
import { numbers, upTo } from '../support/numbers.js';
import { updateAt } from '../support/update-record.js';

const { ObjectId } = mongoose.Types;
const { Long } = mongoose.mongo;
type Id = mongoose.Types.ObjectId;
const database = databaseName('compaction_kill');
const script = fileURLToPath(new URL('doomed-pruner.mjs', import.meta.url));

/** More than two batches of removals. */
const length = 2_500;
const line = 2_200;

const compactPoints = [
  'compact:begin',
  'compact:folded',
  'compact:snapshot-saved',
  'compact:snapshot-verified',
  'compact:snapshot-pinned',
  'compact:floor-raised',
  'compact:batch-removed',
  'compact:batch-removed/2',
  'compact:events-removed',
  'compact:snapshots-removed',
];
const purgePoints = ['purge:begin', 'purge:erased', 'purge:batch-removed', 'purge:batch-removed/2', 'purge:events-removed', 'purge:snapshots-removed'];


describe('a process that is killed while it removes history', () => {
  let witness: GamesApp;

  beforeAll(async () => {
    await dropDatabase(database);
    witness = await startGames({ database, root: { cache: false } });
  });
  afterAll(() => witness?.close());

  const run = (verb: 'compact' | 'purge', point: string, id: Id): Promise<{ readonly signal: NodeJS.Signals | null; readonly output: string }> => {
    const [name = '', time = '1'] = point.split('/');
    const args = [script, testUri(), database, verb, name, time, id.toHexString(), String(line)];
    return new Promise((done) => {
      const child = execFile(process.execPath, args, (error, stdout, stderr) => done({ signal: child.signalCode, output: `${stdout}${error === null ? '' : stderr}` }));
    });
  };

  /** A long history: event `n` leaves `gold: n`, and there are snapshots at 1,000 and 2,000. Made in bulk, as its single writes would leave it. */
  async function longHistory(): Promise<Id> {
    const id = new ObjectId();
    await witness.games.findOneAndUpsert({ _id: id, name: 'a secret', gold: 1 }, 'creator');
    const { createdDoc, ...common } = (await witness.events().findOne({ '_id.d': id })) as Record<string, unknown>;
    await witness.events().insertMany(upTo(length, 2).map((v) => updateAt(v, id, common)));
    await witness.documents().updateOne({ _id: id }, { $set: { gold: length, version: length } });
    for (const serverSeq of [1_000, 2_000]) {
      const state = { ...(createdDoc as object), gold: serverSeq, version: serverSeq };
      await witness.raw('games_snapshots').insertOne({ documentId: id, serverSeq: Long.fromNumber(serverSeq), state, createdAt: new Date() });
    }
    return id;
  }

  /** What anybody may be told: the whole truth, or that the history is gone. */
  async function lookForHoles(id: Id): Promise<void> {
    for (const after of [0, 1, 999, 1_000, 1_500, line - 1, line, length - 1, length]) {
      const found = await witness.games.getMissingEvents(id, after).catch((error: unknown) => error);
      if (found instanceof Error) expect(found).toMatchObject({ name: 'HistoryCompactedError' });
      else expect(numbers(found as DocumentEvent<Game>[])).toEqual(upTo(length, after + 1));
    }
    for (const version of [1, 1_000, 1_500, line - 1, line, line + 1, length]) {
      const state = await witness.games.stateAt(id, { version }).catch((error: unknown) => error);
      if (state instanceof Error) expect(state).toMatchObject({ name: 'HistoryCompactedError' });
      else expect(state).toMatchObject({ gold: version, version });
      if (version >= line) expect(state).not.toBeInstanceOf(Error);
    }
  }

  const snapshots = async (id: Id): Promise<number[]> => (await witness.raw('games_snapshots').find({ documentId: id }).toArray()).map(({ serverSeq }) => Number(serverSeq));

  it.each(compactPoints)('%s: readers see the old line or the new one, and the compaction that is run again ends as if it had never been killed', async (point) => {
    const id = await longHistory();
    const killed = await run('compact', point, id);
    expect(killed).toEqual({ signal: 'SIGKILL', output: expect.any(String) });
    await lookForHoles(id);
    await witness.games.findOneAndUpdate(id, (game) => void (game.name = 'still writable'), 'editor');
    await witness.games.findOneAndUpdate(id, (game) => void (game.name = 'a secret'), 'editor');

    const again = await run('compact', 'never', id);
    expect(again).toMatchObject({ signal: null });
    expect(JSON.parse(again.output.trim().split('\n').at(-1) ?? '')).toMatchObject({ floor: line, snapshot: line });
    const now = length + 2;
    expect(await witness.events().countDocuments({ '_id.d': id })).toBe(now - line);
    expect(await snapshots(id)).toEqual([line]);
    expect(await witness.games.getEvents(id)).toMatchObject({ floor: line });
    for (const version of [line, line + 1, length]) expect(await witness.games.stateAt(id, { version })).toMatchObject({ gold: version, version });
    expect(numbers(await witness.games.getMissingEvents(id, line))).toEqual(upTo(now, line + 1));
    await expect(witness.games.getMissingEvents(id, line - 1)).rejects.toMatchObject({ name: 'HistoryCompactedError', floor: line, head: now });
    expect(await witness.games.findOne(id)).toMatchObject({ gold: length, version: now });
  });

  it.each(purgePoints)('%s: the document is there whole or gone, and the erasure that is run again leaves nothing', async (point) => {
    const id = await longHistory();
    const killed = await run('purge', point, id);
    expect(killed).toEqual({ signal: 'SIGKILL', output: expect.any(String) });
    const isErased = point !== 'purge:begin';
    expect(await witness.games.findOne(id)).toEqual(isErased ? null : expect.objectContaining({ gold: length }));
    if (isErased) expect(await witness.games.catchUp(id)).toMatchObject({ kind: 'reset', cursor: { version: length + 1 }, snapshot: { state: null } });
    else await lookForHoles(id);
    // somebody may create it again in between: what is erased then is that life too
    const isBorn = point.endsWith('/2');
    if (isBorn) expect(await witness.games.findOneAndUpsert({ _id: id, name: 'new life' }, 'creator')).toMatchObject({ created: true, document: { version: length + 2 } });

    const again = await run('purge', 'never', id);
    expect(again).toMatchObject({ signal: null });
    expect(JSON.parse(again.output.trim().split('\n').at(-1) ?? '')).toMatchObject({ version: isBorn ? length + 3 : length + 1 });
    expect(await witness.events().countDocuments({ '_id.d': id })).toBe(1);
    expect(await snapshots(id)).toEqual([]);
    expect(await witness.games.findOneAndUpsert({ _id: id, name: 'again' }, 'creator')).toMatchObject({ created: true });
  });
});
