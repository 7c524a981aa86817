// npm run bench:replay: how many events a second fold, in memory and from the server, and what a state in a long history costs with snapshots.
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { buildWhenStale } from '../tools/build-when-stale.mjs';
import ours from './contenders/ours.mjs';
import { contentOf, idOf, usualBytes } from './documents.mjs';
import { plantHistory } from './history.mjs';
import { replayBars, replayReport } from './replay-report.mjs';
import { writeResults } from './results.mjs';
import { conditions, startServer } from './server.mjs';

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '5' }, events: { type: 'string', default: '200000' } } });
const settings = { rounds: Number(values.rounds), events: Number(values.events) };

buildWhenStale(fileURLToPath(new URL('..', import.meta.url)));
const { beforeHistory, replay } = await import('../libs/event-sourced-storage/dist/history/replay.js');
const server = await startServer();
try {
  const results = { ...settings, conditions: conditions(server), rounds: await measured(server) };
  const report = replayReport(results);
  console.log(`${report}\n\nWritten: ${writeResults('replay', results, report)}`);
  if (replayBars(results).some(({ met }) => !met)) process.exitCode = 1;
} finally {
  await server.stop();
}

async function measured({ uri }) {
  const open = await ours.open({ uri, database: 'bench_replay' });
  try {
    const id = open.toId(idOf(0));
    await open.storage.findOneAndUpsert(contentOf(0, usualBytes, open.ObjectId), 'bench');
    await plantHistory(open, id, settings.events);
    const events = [];
    for await (const event of open.storage.streamEvents(id)) events.push(event);
    const rounds = [];
    for (let round = 0; round < settings.rounds; round += 1) rounds.push({ memory: await inMemory(events), server: await fromServer(open, id) });
    return rounds;
  } finally {
    await open.close();
  }
}

async function inMemory(events) {
  const began = performance.now();
  const { version } = await replay(beforeHistory, events, 'version');
  return speed(version, began);
}

/** No snapshot is there: the state at the head is the fold of all events. */
async function fromServer({ storage }, id) {
  const began = performance.now();
  const { version } = await storage.stateAt(id, { version: settings.events });
  return speed(version, began);
}

function speed(version, began) {
  if (version !== settings.events) throw new Error(`the fold ended at ${version}, not at ${settings.events}`);
  return settings.events / ((performance.now() - began) / 1000);
}
