// Results as Markdown.
import { judged } from './bars.mjs';
import { quietShare } from './cell.mjs';
import { inWords } from './server.mjs';
import { spread } from './statistics.mjs';
import { workloads } from './workloads.mjs';

const none = '–';

/** The whole report of a run. */
export function reportOf(results) {
  return [`# Benchmark, ${results.name} run`, conditionsOf(results), '## Bars', barsTable(results), '## Cells', cellTables(results), historySection(results)]
    .filter(Boolean)
    .join('\n\n');
}

export function conditionsOf({ conditions, seed, rounds, limits, minutes, cells }) {
  const disturbed = cells.filter(({ noise }) => noise > quietShare).length;
  return (
    `${inWords(conditions)}. Seed ${seed}, ${rounds} rounds, a cell ends after ${limits.ops.toLocaleString('en')} writes or ` +
    `${limits.ms / 1000} s (several processes: by time), ${minutes} minutes in all. In ${disturbed} of ${cells.length} cells other processes ` +
    `took more than ${quietShare * 100} % of the processors.`
  );
}

/** Each bar with its median ratio and whether it is met. */
export function barsTable(results) {
  const titles = new Map(workloads.map(({ name, title }) => [name, title]));
  const rows = judged(results)
    .filter(({ met }) => met !== undefined)
    .map((row) => [titles.get(row.workload) ?? row.workload, `${row.words} ÷ ${row.name}`, limitOf(row), ratioOf(row), digits(row.ceiling), row.met ? 'met' : '**not met**']);
  if (rows.length === 0) return 'No bar was measured.';
  return table(['workload', 'measure', 'bar', 'median of the ratios (smallest to largest)', 'the bare protocol', ''], rows);
}

function limitOf({ atLeast, atMost, equal }) {
  if (equal) return 'equal';
  return atLeast === undefined ? `≤ ${atMost}` : `≥ ${atLeast}`;
}

function ratioOf({ ratio, met, equal }) {
  if (equal) return met ? 'equal' : 'different';
  return `**${digits(ratio.median)}** (${digits(ratio.min)} to ${digits(ratio.max)})`;
}

/** One table for each workload. */
export function cellTables({ cells, contenders }) {
  const measured = workloads.filter(({ name }) => cells.some(({ workload }) => workload === name));
  return measured.map((workload) => `### ${workload.title}\n\n${cellTable(workload, cells, contenders)}`).join('\n\n');
}

const columns = ['contender', 'writes/s: median (smallest to largest)', 'p50 ms', 'p99 ms', 'client µs/write', 'mongod µs/write', 'event loop p99 ms', 'attempts', 'errors', 'recount'];

function cellTable({ name, contenders: order }, cells, titles) {
  const rows = order.map((contender) => [contender, cells.filter((cell) => cell.workload === name && cell.contender === contender)]);
  return table(
    columns,
    rows.filter(([, found]) => found.length > 0).map(([contender, found]) => cellRow(titles[contender], found)),
  );
}

function cellRow(title, found) {
  const good = found.filter(({ failed }) => !failed);
  if (good.length === 0) return [title, `not measured: ${found[0].failed}`, none, none, none, none, none, none, none, none];
  const middle = (measure) => digits(spread(good.map((cell) => cell[measure])).median);
  const speed = spread(good.map(({ opsPerSecond }) => opsPerSecond));
  return [
    title,
    `**${digits(speed.median)}** (${digits(speed.min)} to ${digits(speed.max)})`,
    ...['p50', 'p99', 'clientMicros', 'serverMicros', 'loopDelayP99', 'attempts'].map(middle),
    errorsOf(found),
    recountOf(good),
  ];
}

function errorsOf(found) {
  const counts = new Map();
  const add = (name, count) => counts.set(name, (counts.get(name) ?? 0) + count);
  for (const { failed, errors = {} } of found) {
    if (failed) add(`cell failed: ${failed}`, 1);
    for (const [name, count] of Object.entries(errors)) add(name, count);
  }
  return counts.size === 0 ? '0' : Array.from(counts, ([name, count]) => `${count} × ${name}`).join(', ');
}

/** What the recount found, over all rounds. */
export function recountOf(cells) {
  const wrong = cells.filter(({ recount }) => !recount.ok);
  if (wrong.length === 0) return cells[0].recount.history ? 'ok' : 'ok (state only)';
  const counts = new Map();
  for (const { recount } of wrong) {
    for (const [problem, { documents }] of Object.entries(recount.problems)) counts.set(problem, (counts.get(problem) ?? 0) + documents);
  }
  const problems = Array.from(counts, ([problem, documents]) => `${problem} (${documents})`).join(', ');
  return `**wrong** in ${wrong.length} of ${cells.length}: ${problems}`;
}

/** What the server did for a write at the end of a long history and on a fresh document. */
export function historySection({ history }) {
  if (!history) return '';
  const { length, pairs, batch, ratio, work, recount } = history;
  const rows = Array.from(new Set([...Object.keys(work.fresh), ...Object.keys(work.long)])).map((name) => [
    `\`${name}\``,
    workOf(work.long[name]),
    workOf(work.fresh[name]),
  ]);
  return [
    `## A write after ${length.toLocaleString('en')} events`,
    `${pairs} pairs of batches of ${batch} writes, one on the long history and one on a fresh document: median ratio of their times ` +
      `**${digits(ratio.median)}** (${digits(ratio.min)} to ${digits(ratio.max)}). Recount of all ${recount.records.toLocaleString('en')} events: ${recountOf([{ recount }])}. ` +
      'What the server did for 20 writes, by its profiler (times / keys examined / documents examined):',
    table(['command and collection', 'long history', 'fresh document'], rows),
  ].join('\n\n');
}

function workOf(entry) {
  return entry ? `${entry.times} / ${entry.keysExamined} / ${entry.docsExamined}` : none;
}

/** The summary of a CPU profile. */
export function profileReport({ conditions, cell }) {
  const { busyMs, idleMs, functions, rooms } = cell.profile;
  const perWrite = (milliseconds) => ((milliseconds * 1000) / cell.ops).toFixed(1);
  const row = ({ name, milliseconds, share }) => [`\`${name.trim().replace(/ {2}/, ' · ')}\``, `${(share * 100).toFixed(1)} %`, perWrite(milliseconds)];
  return [
    `${inWords(conditions)}. 2,000 documents, 128 writers: ${cell.ops.toLocaleString('en')} writes in ${digits(cell.seconds)} s under the profiler, ` +
      `the process busy for ${Math.round(busyMs)} ms and idle for ${Math.round(idleMs)} ms; recount ${recountOf([cell])}.`,
    table(['room or package', 'self time', 'µs/write'], rooms.map(row)),
    table(['function', 'self time', 'µs/write'], functions.map(row)),
  ].join('\n\n');
}

/** Three significant digits, thousands apart. */
export function digits(value) {
  if (!Number.isFinite(value)) return none;
  return value >= 100 ? Math.round(value).toLocaleString('en') : value.toLocaleString('en', { maximumSignificantDigits: 3 });
}

export function table(head, rows) {
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}
