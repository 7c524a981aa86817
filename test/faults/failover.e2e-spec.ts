import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { IndeterminateOutcomeError } from 'nestjs-event-sourced-storage';
import { type ReplicaSet, startReplicaSet } from '../../tools/start-replica-set.mjs';
import { type GamesApp, startGames } from '../support/games.js';
import { recount } from '../support/recount.js';

const database = 'failover';
/** A generous cap; how long it takes is a figure of the benchmark. */
const longestSilenceMs = 60_000;

describe('a set of three whose primary goes away under load', () => {
  let set: ReplicaSet;
  let app: GamesApp;

  beforeAll(async () => {
    set = await startReplicaSet({ args: ['--setParameter', 'diagnosticDataCollectionEnabled=false'] });
    app = await startGames({ database, uri: set.uri });
  }, 120_000);
  afterAll(async () => {
    await app?.close();
    await set?.stop();
  });

  it.each([
    ['falls silent (SIGSTOP) and wakes up again', 'SIGSTOP'],
    ['is killed (SIGKILL) and restarted', 'SIGKILL'],
  ] as const)('the primary %s: writes go on on the new one, nothing acknowledged is lost, every unknown is settled right', async (_, signal) => {
    const { document } = await app.games.findOneAndUpsert({ name: 'survivor' }, 'creator');
    const watched: number[] = [];
    const gaps: string[] = [];
    const watching = app.games.watch(document._id, { onGap: ({ reason }) => gaps.push(reason) }).subscribe(({ serverSeq }) => watched.push(serverSeq));
    const told = new Map<string, number | 'unknown' | 'refused'>();
    const load = { isOn: true };
    let acknowledged = 0;
    const writer = async (name: string): Promise<void> => {
      for (let turn = 0; load.isOn; turn++) {
        const operationId = `${signal}-${name}-${turn}`;
        try {
          const { diff } = await app.games.findOneAndUpdate(document._id, (game) => void (game.gold += 1), name, { operationId });
          told.set(operationId, diff.version);
          acknowledged++;
        } catch (error) {
          told.set(operationId, error instanceof IndeterminateOutcomeError ? 'unknown' : 'refused');
        }
      }
    };
    const writers = Promise.all(Array.from({ length: 4 }, (__, index) => writer(`w${index}`)));
    await until(() => acknowledged > 20);
    const old = await set.primary();
    await set.kill(old.index, signal);
    const before = acknowledged;
    await until(() => acknowledged > before + 20);
    // asked while the old one is away: once it is back, any election may make it primary again
    expect((await set.primary()).index).not.toBe(old.index);
    if (signal === 'SIGSTOP') await set.kill(old.index, 'SIGCONT');
    else await set.restart(old.index);
    const after = acknowledged;
    await until(() => acknowledged > after + 20);
    load.isOn = false;
    await writers;

    const resolved = new Map<string, number | undefined>();
    for (const [operationId, outcome] of told) {
      if (outcome !== 'unknown') continue;
      const truth = await app.games.resolveOperation(operationId, { documentId: document._id });
      resolved.set(operationId, truth.applied ? truth.version : undefined);
    }
    const found = await recount(app.documents(), app.events(), document._id);
    expect(found.numbers).toEqual(Array.from({ length: found.numbers.length }, (__, index) => index + 1));
    expect(found.state).toEqual(found.stored);
    const places = new Map(found.operationIds.map((operationId, index) => [operationId, found.numbers[index]]));
    // whoever watches misses nothing of it
    await until(() => watched.length >= found.numbers.length - 1);
    watching.unsubscribe();
    expect([watched, gaps]).toEqual([found.numbers.slice(1), []]);
    for (const [operationId, outcome] of told) {
      const expected = outcome === 'unknown' ? resolved.get(operationId) : outcome === 'refused' ? undefined : outcome;
      expect([operationId, places.get(operationId)]).toEqual([operationId, expected]);
    }
  }, 180_000);
});

async function until(fact: () => boolean): Promise<void> {
  const end = performance.now() + longestSilenceMs;
  while (!fact()) {
    if (performance.now() > end) throw new Error(`waited ${longestSilenceMs} ms in vain`);
    await new Promise((resume) => setTimeout(resume, 10));
  }
}
