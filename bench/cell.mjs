// One cell: a contender under a workload on a database of its own, measured, then counted again.
import { processMicros, machineMicros } from './cpu.mjs';
import { percentile, sum } from './statistics.mjs';

const warmUp = { ops: 2_000, ms: 500 };
const firstWarmUp = { ops: 20_000, ms: 2_000 }; // a new process has to compile everything first
/** Of the processors' time; with more of it taken by other processes a cell is measured again. */
export const quietShare = 0.1;
const repeatsPerCell = 2;

/**
 * @typedef {object} Stage
 * @property {Awaited<ReturnType<typeof import('./server.mjs').startServer>>} server
 * @property {import('./worker-process.mjs').WorkerProcesses} workers
 * @property {number} cpus
 * @property {number} repeats how many cells may still be measured again; counts down
 */

/** The least disturbed of a few measurements. */
export async function quietCell(stage, request) {
  let best;
  for (let left = repeatsPerCell; ; left -= 1) {
    const cell = await runCell(stage, request);
    // a wrong recount must not disappear because the cell is repeated
    if (cell.failed || !cell.recount.ok) return cell;
    if (!best || cell.noise < best.noise) best = cell;
    if (!(best.noise > quietShare) || left === 0 || stage.repeats === 0) return best;
    stage.repeats -= 1;
  }
}

/**
 * @param {Stage} stage
 * @param {{ contender: string, workload: import('./workloads.mjs').Workload, limits: { ops: number, ms: number }, seed: number, profile?: boolean }} request
 */
export async function runCell(stage, request) {
  const { contender, workload } = request;
  const workers = stage.workers.of(contender, workload.processes);
  const database = `bench_${contender.replaceAll('-', '_')}`;
  await stage.server.drop(database);
  try {
    await prepare(stage, workers, database, request);
    const warm = await run(stage, workers, request, workers.every((worker) => worker.warm) ? warmUp : firstWarmUp);
    for (const worker of workers) worker.warm = true;
    const { answers, noise } = await undisturbed(stage, () => run(stage, workers, { ...request, seed: request.seed + 1 }, request.limits, request.profile));
    const counted = await workers[0].call('recount', tally([...warm, ...answers]));
    return { ...figures(answers), noise, recount: counted, profile: answers[0].profile };
  } catch (error) {
    return { failed: error.message.split('\n')[0] };
  } finally {
    await Promise.all(workers.map((worker) => worker.running && worker.call('close').catch(() => undefined)));
    await stage.server.drop(database);
  }
}

async function prepare({ server }, workers, database, { contender, workload: { documents, bytes } }) {
  const [first, ...others] = workers;
  await first.call('open', { contender, database, documents, uri: server.uri });
  await first.call('plant', { documents, bytes });
  await Promise.all(others.map((worker) => worker.call('open', { contender, database, documents, uri: server.uri })));
}

/** Several processes end by time alone: when one had done its share, the others would go on with less company. */
function run({ server }, workers, { workload: { writers }, seed }, { ops, ms }, profile) {
  const limits = { ops: workers.length === 1 ? ops : Number.MAX_SAFE_INTEGER, ms };
  return Promise.all(workers.map((worker, place) => worker.call('run', { writers, limits, seed: seed + place * 7919, serverPid: server.pid, profile })));
}

/** Also tells which share of the processors' time went to processes that do not belong to the benchmark. */
async function undisturbed({ server, workers, cpus }, measureAll) {
  const own = () => sum([process.pid, server.pid, ...workers.pids].map(processMicros));
  const before = { at: performance.now(), machine: machineMicros(), own: own() };
  const answers = await measureAll();
  const available = (performance.now() - before.at) * 1000 * cpus;
  return { answers, noise: Math.max(0, machineMicros() - before.machine - (own() - before.own)) / available };
}

function tally(answers) {
  const added = (name) => answers.map((answer) => answer[name]).reduce((total, counts) => total.map((count, index) => count + counts[index]));
  return { successes: added('successes'), unknown: added('unknown') };
}

function figures(answers) {
  const total = (name) => sum(answers.map((answer) => answer[name]));
  const ops = total('ops');
  const latencies = Float64Array.from(answers.flatMap((answer) => Array.from(answer.latencies)));
  return {
    ops,
    opsPerSecond: sum(answers.map((answer) => answer.ops / answer.seconds)),
    seconds: Math.max(...answers.map((answer) => answer.seconds)),
    p50: percentile(latencies, 50),
    p99: percentile(latencies, 99),
    clientMicros: total('clientMicros') / ops,
    serverMicros: answers[0].serverMicros / ops,
    attempts: total('attempts') / ops,
    errors: mergedErrors(answers),
    loopDelayP99: Math.max(...answers.map((answer) => answer.loopDelayP99)),
  };
}

function mergedErrors(answers) {
  const merged = {};
  for (const [name, count] of answers.flatMap(({ errors }) => Object.entries(errors))) merged[name] = (merged[name] ?? 0) + count;
  return merged;
}
