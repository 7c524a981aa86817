// npm run bench: this library, plain Mongoose and published libraries on the same work, in interleaved rounds on one replica set.
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { buildWhenStale } from '../tools/build-when-stale.mjs';
import { runCell, quietCell } from './cell.mjs';
import { contenders } from './contenders/index.mjs';
import { readOptions, usage } from './options.mjs';
import { installPeers } from './peers.mjs';
import { seeded, shuffled } from './random.mjs';
import { barsTable, digits, profileReport, recountOf, reportOf } from './report.mjs';
import { writeResults } from './results.mjs';
import { conditions, startServer } from './server.mjs';
import { WorkerProcesses } from './worker-process.mjs';
import { workloads } from './workloads.mjs';
import { writeDocs } from './write-docs.mjs';

const roundsOfOthers = 3;

const options = readOptions(process.argv.slice(2));
if (options.help) console.log(usage);
else if (options.writeDocs) documented();
else await measured();

function documented() {
  const empty = writeDocs();
  console.log(`docs/performance.md was written${empty.length ? `; nothing was measured yet for: ${empty.join(', ')}` : ''}`);
}

async function measured() {
  buildWhenStale(fileURLToPath(new URL('..', import.meta.url)));
  const server = await startServer();
  const stage = { server, workers: new WorkerProcesses(), cpus: cpus().length, repeats: options.repeats };
  try {
    await (options.profile ? profile(stage) : compare(stage));
  } finally {
    await stage.workers.stop();
    await server.stop();
  }
}

async function compare(stage) {
  const started = Date.now();
  const chosen = options.contenders;
  const unavailable = contenders.some(({ name, peer }) => peer && chosen.has(name)) ? installPeers() : undefined;
  const place = { chosen, unavailable: new Set(unavailable ? contenders.filter(({ peer }) => peer).map(({ name }) => name) : []), reason: unavailable };

  console.log(`Seed ${options.seed}, ${options.rounds} rounds`);
  const random = seeded(options.seed);
  const cells = [];
  for (let round = 1; round <= options.rounds; round += 1) {
    for (const workload of options.workloads) cells.push(...(await runWorkload(stage, workload, round, random, place)));
  }
  const history = options.withHistory && chosen.has('ours') ? await runHistory(stage) : undefined;
  finish({
    name: options.name,
    conditions: conditions(stage.server),
    seed: options.seed,
    rounds: options.rounds,
    limits: options.limits,
    minutes: Number(((Date.now() - started) / 60_000).toFixed(1)),
    contenders: Object.fromEntries(contenders.map(({ name, title }) => [name, title])),
    cells,
    history,
  });
}

/** All contenders of one workload, one after the other in random order: what changes slowly on the machine meets all of them. */
async function runWorkload(stage, workload, round, random, { chosen, unavailable, reason }) {
  const cells = [];
  const present = workload.contenders.filter((name) => chosen.has(name) && takesPart(workload, name, round));
  for (const contender of shuffled(present, random)) {
    const request = { contender, workload, limits: options.limits, seed: Math.floor(random() * 2 ** 31) };
    const cell = unavailable.has(contender) ? { failed: reason } : await quietCell(stage, request);
    console.log(`${String(round).padStart(2)}  ${workload.name.padEnd(17)} ${contender.padEnd(18)} ${lineOf(cell)}`);
    cells.push({ workload: workload.name, contender, round, ...cell });
  }
  return cells;
}

/** Contenders of which no bar speaks are measured in three rounds only, the first, a middle one and the last. */
function takesPart({ everyRound }, contender, round) {
  if (everyRound.includes(contender) || options.rounds <= roundsOfOthers) return true;
  return [1, Math.ceil(options.rounds / 2), options.rounds].includes(round);
}

function lineOf(cell) {
  if (cell.failed) return `not measured: ${cell.failed}`;
  const errors = Object.entries(cell.errors).map(([name, count]) => `${count} × ${name}`);
  return [
    `${digits(cell.opsPerSecond).padStart(7)}/s`,
    `p50 ${digits(cell.p50)} ms`,
    `p99 ${digits(cell.p99)} ms`,
    `${digits(cell.attempts)} attempts`,
    `recount ${recountOf([cell])}`,
    `others ${Math.round(cell.noise * 100)} %`,
    ...errors,
  ].join('  ');
}

async function runHistory({ server, workers }) {
  const database = 'bench_history';
  const [worker] = workers.of('ours', 1);
  console.log(`Planting a history of ${options.history.length.toLocaleString('en')} events ...`);
  await server.drop(database);
  await worker.call('open', { contender: 'ours', uri: server.uri, database, documents: 1 });
  try {
    return await worker.call('history', { ...options.history, seed: options.seed });
  } finally {
    await worker.call('close');
    await server.drop(database);
  }
}

function finish(results) {
  const where = writeResults(results.name, results, reportOf(results));
  console.log(`\n${barsTable(results)}\n\nWritten: ${where}. ${results.name === 'full' ? 'npm run bench -- --write-docs puts it into docs/performance.md.' : ''}`);
  const wrong = results.cells.filter(({ contender, recount }) => contender === 'ours' && recount?.ok === false);
  const failed = results.cells.filter(({ contender, failed: why }) => contender === 'ours' && why);
  if (wrong.length === 0 && failed.length === 0 && results.history?.recount.ok !== false) return;
  console.error(`This library: ${wrong.length} cells with a wrong history, ${failed.length} that could not be measured${results.history?.recount.ok === false ? ', a wrong long history' : ''}`);
  process.exitCode = 1;
}

async function profile(stage) {
  const workload = workloads.find(({ name }) => name === 'many-128');
  const limits = { ops: options.limits.ops * 10, ms: options.limits.ms };
  const cell = await runCell(stage, { contender: 'ours', workload, limits, seed: options.seed, profile: true });
  if (cell.failed) throw new Error(cell.failed);
  const results = { conditions: conditions(stage.server), seed: options.seed, cell };
  const report = profileReport(results);
  console.log(`${report}\n\nWritten: ${writeResults('profile', results, report)}`);
}
