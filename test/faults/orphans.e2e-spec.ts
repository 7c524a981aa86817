import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import mongoose from 'mongoose';
import { type EmbeddedMongod, startEmbedded } from '../../tools/start-embedded.mjs';
import { type GamesApp, startGames } from '../support/games.js';
import { recount } from '../support/recount.js';

const database = 'orphans';
const script = fileURLToPath(new URL('crowd-writer.mjs', import.meta.url));
/** `npm run proof` kills more often. */
const kills = Number(process.env['PROOF_KILLS'] ?? 3);
/** A kill may come just between two transactions. */
const moreKills = 20;
/** The server itself would end an orphan after sixty seconds and more: whoever writes again before that did not wait for it. */
const longestWaitMs = 30_000;

describe('processes that are killed in mid-flight on a document that others write too', () => {
  let mongod: EmbeddedMongod;
  let survivor: GamesApp;

  beforeAll(async () => {
    mongod = await startEmbedded({ args: ['--setParameter', 'diagnosticDataCollectionEnabled=false'] });
    survivor = await startGames({ database, uri: mongod.uri });
  });
  afterAll(async () => {
    await survivor?.close();
    await mongod?.stop();
  });

  it(`${kills} kills: the survivor writes the document again each time, long before the server would end the orphan, and the history has no hole`, async () => {
    const { document } = await survivor.games.findOneAndUpsert({ name: 'hot' }, 'survivor');
    let orphans = 0;
    // kills that left nothing behind would prove nothing: then there are a few more
    for (let kill = 0; kill < kills || (orphans === 0 && kill < kills + moreKills); kill++) {
      const victim = await startCrowd(document._id);
      await inFlight(survivor, document._id);
      victim.kill('SIGKILL');
      await once(victim, 'exit');
      orphans += await openTransactions(survivor);

      const started = performance.now();
      const { diff } = await survivor.games.findOneAndUpdate(document._id, (game) => void (game.gold += 1), 'survivor', { timeoutMs: 0 });
      expect(diff.hasChanges).toBe(true);
      expect(performance.now() - started).toBeLessThan(longestWaitMs);
    }
    const found = await recount(survivor.documents(), survivor.events(), document._id);
    expect(found.numbers).toEqual(Array.from({ length: found.numbers.length }, (_, index) => index + 1));
    expect(found.stored).toMatchObject({ gold: found.numbers.length - 1, version: found.numbers.length });
    expect(found.state).toEqual(found.stored);
    expect(orphans).toBeGreaterThan(0);
  }, 600_000);

  async function startCrowd(id: mongoose.Types.ObjectId): Promise<ChildProcess> {
    const child = spawn(process.execPath, [script, mongod.uri, database, id.toHexString()], { stdio: ['ignore', 'pipe', 'inherit'] });
    for await (const chunk of child.stdout) if (String(chunk).includes('ready')) break;
    return child;
  }

  /** Resolves when a transaction is open on the server. */
  async function inFlight(app: GamesApp, id: mongoose.Types.ObjectId): Promise<void> {
    const before = (await app.games.findOne(id, { fresh: true }))?.version ?? 0;
    for (;;) {
      const version = (await app.documents().findOne({ _id: id }))?.['version'] as number;
      if (version > before && (await openTransactions(app)) > 0) return;
    }
  }

  async function openTransactions(app: GamesApp): Promise<number> {
    const pipeline = [{ $currentOp: { allUsers: true, idleSessions: true } }, { $match: { 'transaction.parameters.txnNumber': { $exists: true }, 'transaction.parameters.autocommit': false } }];
    return (await app.connection.getClient().db('admin').aggregate(pipeline).toArray()).length;
  }
});
