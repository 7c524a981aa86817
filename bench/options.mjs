// The command line of `npm run bench`.
import { parseArgs } from 'node:util';
import { contenderNamed, contenders } from './contenders/index.mjs';
import { barContenders, historyWorkload, quickContenders, quickWorkloads, workloads } from './workloads.mjs';

const repeatsPerRun = 60;

export const usage = `npm run bench -- [options]

  (none)              the full run: all contenders and workloads, 7 rounds; up to 45 minutes
  --bars              only the contenders of which a bar speaks, and the bare protocol; 7 rounds, about 20 minutes
  --quick             this library against Mongoose, 3 rounds, under 2 minutes
  --only A,B          only these contenders
  --workloads A,B     only these workloads or groups: ${[...new Set(workloads.map(({ group }) => group)), historyWorkload].join(', ')}
                      (the group "size" runs only when named)
  --rounds N          how often each cell is measured
  --seconds S         how long a cell takes at the most (3; quick 1.2)
  --ops N             after how many writes a cell ends (10,000)
  --history N         length of the long history (1,000,000; quick 20,000)
  --seed N            order of the cells and choice of documents
  --keep-noise        do not repeat a cell that other processes disturbed
  --profile           no comparison: a CPU profile of this library at 128 writers
  --write-docs        no measuring: puts the last results into docs/performance.md
  --help`;

const definitions = {
  quick: { type: 'boolean', default: false },
  bars: { type: 'boolean', default: false },
  only: { type: 'string' },
  workloads: { type: 'string' },
  rounds: { type: 'string' },
  seconds: { type: 'string' },
  ops: { type: 'string' },
  history: { type: 'string' },
  seed: { type: 'string' },
  'keep-noise': { type: 'boolean', default: false },
  profile: { type: 'boolean', default: false },
  'write-docs': { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
};

/** Ends the process, with the usage, when the options are none. */
export function readOptions(args) {
  try {
    return resolve(parseArgs({ args, options: definitions }).values);
  } catch (error) {
    console.error(`${error.message}\n\n${usage}`);
    process.exit(1);
  }
}

function resolve(given) {
  const { quick, bars: onlyBars, profile, help } = given;
  const narrowed = ['only', 'workloads', 'rounds', 'seconds', 'ops', 'history'].some((name) => given[name] !== undefined);
  return {
    help,
    profile,
    writeDocs: given['write-docs'],
    /** Under which name the results are stored: only an unabridged run counts as `full`, a run of the bars says its rounds. */
    name: quick ? 'quick' : onlyBars ? 'bars' : narrowed ? 'partial' : 'full',
    contenders: new Set((given.only?.split(',') ?? (quick ? quickContenders : onlyBars ? barContenders : contenders.map(({ name }) => name))).map((name) => contenderNamed(name).name)),
    ...chosen(given.workloads?.split(',') ?? (quick ? quickWorkloads : undefined)),
    rounds: positive('rounds', given.rounds, quick ? 3 : 7),
    limits: { ops: positive('ops', given.ops, quick ? 4_000 : 10_000), ms: 1000 * positive('seconds', given.seconds, quick ? 1.2 : 3) },
    history: { length: positive('history', given.history, quick ? 20_000 : 1_000_000), pairs: quick ? 5 : 20, batch: quick ? 100 : 200 },
    seed: given.seed === undefined ? Math.floor(Math.random() * 1e9) : positive('seed', given.seed),
    /** How many cells are measured again because other processes disturbed them; a quick run has no time for it. */
    repeats: quick || given['keep-noise'] ? 0 : repeatsPerRun,
  };
}

function chosen(names) {
  if (!names) return { workloads: workloads.filter(({ optional }) => !optional), withHistory: true };
  const known = new Set([historyWorkload, ...workloads.flatMap(({ name, group }) => [name, group])]);
  for (const name of names) if (!known.has(name)) throw new RangeError(`no workload "${name}": ${Array.from(known).join(', ')}`);
  return {
    workloads: workloads.filter(({ name, group }) => names.includes(name) || names.includes(group)),
    withHistory: names.includes(historyWorkload),
  };
}

function positive(name, text, otherwise) {
  if (text === undefined) return otherwise;
  const value = Number(text);
  if (!(value > 0)) throw new RangeError(`--${name} wants a positive number, not "${text}"`);
  return value;
}
