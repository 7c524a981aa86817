// The bars this library wants to clear: ratios of two cells of the same round, or of one cell's own pairs.
import { spread } from './statistics.mjs';

const throughput = { measure: 'opsPerSecond', words: 'throughput' };
const latency = { measure: 'p50', words: 'median latency' };
const update = { against: 'mongoose-update', name: 'Mongoose `findOneAndUpdate`' };
const save = { against: 'mongoose-save', name: 'Mongoose `findById` + `save`' };
const transaction = { against: 'transaction', name: 'hand-written transaction' };
const emmett = { against: 'emmett', name: 'Emmett, version known' };
const inc = { against: 'raw-inc', name: '`$inc` without history' };

const bar = (workload, { measure, words }, { against, name }, limit) => ({ workload, measure, words, against, name, ...limit });

/** @type {readonly { workload: string, measure: string, words: string, against: string, name: string, atLeast?: number, atMost?: number }[]} */
export const bars = [
  bar('many-8', throughput, update, { atLeast: 1.05 }),
  bar('many-32', throughput, update, { atLeast: 2 }),
  bar('many-128', throughput, update, { atLeast: 3.3 }),
  bar('many-512', throughput, update, { atLeast: 4.5 }),
  bar('hot-32', throughput, update, { atLeast: 2.8 }),
  bar('hot-128', throughput, update, { atLeast: 8 }),
  bar('hot-32', throughput, transaction, { atLeast: 40 }),
  bar('lone', latency, update, { atMost: 1.9 }),
  bar('lone', latency, save, { atMost: 1.2 }),
  bar('many-1', throughput, emmett, { atLeast: 0.85 }),
  bar('many-8', throughput, emmett, { atLeast: 1.4 }),
  bar('many-32', throughput, emmett, { atLeast: 3.3 }),
  bar('many-128', throughput, emmett, { atLeast: 6 }),
  bar('hot-32', throughput, emmett, { atLeast: 35 }),
  bar('shared-2x32-50', throughput, inc, { atLeast: 1 }),
  bar('shared-4x32-1', throughput, inc, { atLeast: 2 }),
  bar('shared-4x32-2000', throughput, inc, { atLeast: 2 }),
];

const longHistoryAtMost = 1.25;

/**
 * Each bar with the median of its ratio over the rounds that measured both sides; `met` is `undefined` where there was none. `ceiling` is
 * what the bare commit protocol reached in the same measure, where it took part.
 * @param {{ cells: readonly object[], history?: object }} results
 */
export function judged({ cells, history }) {
  const rows = bars.map((row) => ({ ...judge(row, ratiosOf('ours', row, cells)), ceiling: ceilingOf(row, cells), ...row }));
  return history ? [...rows, ...historyRows(history)] : rows;
}

function ceilingOf(row, cells) {
  const ratios = ratiosOf('protocol', row, cells);
  return ratios.length === 0 ? undefined : spread(ratios).median;
}

function ratiosOf(measured, { workload, measure, against }, cells) {
  const of = (contender, round) => cells.find((cell) => cell.workload === workload && cell.contender === contender && cell.round === round);
  const rounds = Array.from(new Set(cells.map(({ round }) => round)));
  return rounds.map((round) => of(measured, round)?.[measure] / of(against, round)?.[measure]).filter(Number.isFinite);
}

function judge({ atLeast = -Infinity, atMost = Infinity }, ratios) {
  if (ratios.length === 0) return { ratio: undefined, rounds: 0, met: undefined };
  const ratio = spread(ratios);
  return { ratio, rounds: ratios.length, met: ratio.median >= atLeast && ratio.median <= atMost };
}

function historyRows({ length, ratios, sameWork }) {
  const workload = `${length.toLocaleString('en')} events in one history`;
  const fresh = { workload, name: 'a fresh document', against: 'itself' };
  return [
    { ...fresh, words: 'time of a write', atMost: longHistoryAtMost, ...judge({ atMost: longHistoryAtMost }, ratios) },
    { ...fresh, words: 'commands, keys and documents examined', equal: true, ratio: undefined, rounds: 1, met: sameWork },
  ];
}
