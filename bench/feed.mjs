// npm run bench:feed: how old is what a process serves from its cache while another one writes, and does it ever go back?
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { buildWhenStale } from '../tools/build-when-stale.mjs';
import ours from './contenders/ours.mjs';
import { contentOf, idOf, usualBytes } from './documents.mjs';
import { writeResults } from './results.mjs';
import { conditions, inWords, startServer } from './server.mjs';
import { percentile } from './statistics.mjs';

/** What the other process may be behind at the 99th percentile, in ms. */
const bar = 250;
const { values } = parseArgs({ options: { seconds: { type: 'string', default: '30' }, rate: { type: 'string', default: '200' }, documents: { type: 'string', default: '50' } } });
const settings = { seconds: Number(values.seconds), perSecond: Number(values.rate), documents: Number(values.documents) };

/** The monotonic clock of the machine: one for both processes, which `performance.timeOrigin` is not. */
const systemMs = () => Number(process.hrtime.bigint()) / 1e6;

buildWhenStale(fileURLToPath(new URL('..', import.meta.url)));
const server = await startServer();
const writer = fork(fileURLToPath(new URL('feed-writer.mjs', import.meta.url)), { serialization: 'advanced' });
try {
  await once(writer, 'message');
  const measured = await measure({ uri: server.uri, database: 'bench_feed' });
  const results = { ...settings, bar, ...measured, conditions: conditions(server) };
  const report = reportOf(results);
  console.log(`${report}\n\nWritten: ${writeResults('feed', results, report)}`);
  if (results.stepsBack > 0 || results.unseen > 0 || !(results.staleMs.p99 <= bar)) process.exitCode = 1;
} finally {
  writer.kill();
  await server.stop();
}

async function measure(place) {
  const open = await ours.open(place);
  const ids = Array.from({ length: settings.documents }, (_, index) => idOf(index));
  await open.plant(ids.map((_, index) => contentOf(index, usualBytes, open.ObjectId)));
  const load = { isOn: true };
  const reading = readAll(open, ids, load);
  writer.send({ place, ids, perSecond: settings.perSecond, seconds: settings.seconds });
  const [acknowledged] = await once(writer, 'message');
  await new Promise((resume) => setTimeout(resume, 1_000));
  load.isOn = false;
  const { served, reads, stepsBack } = await reading;
  const status = open.storage.feedStatus();
  await open.close();
  const stale = [];
  let unseen = 0;
  for (const [document, version, at] of acknowledged) {
    const first = served[document].find((each) => each.version >= version);
    if (first === undefined) unseen += 1;
    else stale.push(Math.max(0, first.at - at));
  }
  return { writes: acknowledged.length, reads, stepsBack, unseen, status, staleMs: { p50: percentile(stale, 50), p99: percentile(stale, 99), max: percentile(stale, 100) } };
}

/** Reads every document again and again from this process's cache; notes when it first served which version. */
async function readAll(open, ids, load) {
  const served = ids.map(() => []);
  let reads = 0;
  let stepsBack = 0;
  while (load.isOn) {
    for (const [index, id] of ids.entries()) {
      const { version } = await open.storage.findOne(open.toId(id));
      const last = served[index].at(-1)?.version ?? 0;
      reads += 1;
      if (version < last) stepsBack += 1;
      if (version > last) served[index].push({ version, at: systemMs() });
    }
    await new Promise((resume) => setTimeout(resume, 1));
  }
  return { served, reads, stepsBack };
}

function ms(value) {
  return value.toFixed(1);
}

function reportOf({ writes, reads, stepsBack, unseen, staleMs, status, conditions: found }) {
  return [
    `| writes/s in one process | documents | p50 until the other serves it | p99 | max | cached reads | versions that went back | writes never seen |`,
    `| --: | --: | --: | --: | --: | --: | --: | --: |`,
    `| ${settings.perSecond} | ${settings.documents} | ${ms(staleMs.p50)} ms | ${ms(staleMs.p99)} ms | ${ms(staleMs.max)} ms | ${reads} | ${stepsBack} | ${unseen} |`,
    '',
    `${writes} writes in ${settings.seconds} s. Bar: p99 at most ${bar} ms, nothing back, nothing unseen. Feed: ${status.state}, ${status.restarts} restarts, ${status.interruptions} interruptions. ${inWords(found)}.`,
  ].join('\n');
}
