// What is measured, and by whom.
import { usualBytes } from './documents.mjs';

/**
 * @typedef {object} Workload
 * @property {string} name
 * @property {string} group for `--workloads`
 * @property {string} title
 * @property {number} documents
 * @property {number} bytes of each document
 * @property {number} writers in each process
 * @property {number} processes
 * @property {readonly string[]} contenders
 * @property {readonly string[]} everyRound contenders of which a bar speaks: measured in every round, the others in three
 */

const single = [
  'ours',
  'protocol',
  'raw',
  'mongoose-update',
  'mongoose-save',
  'transaction',
  'ts-patch-mongoose',
  'emmett',
  'emmett-projection',
  'event-nest',
  'event-nest-indexed',
];
const many = 2_000;
const usual = { bytes: usualBytes, processes: 1, contenders: single };

function ofMany(writers, everyRound) {
  const title = `2,000 documents, ${writers} writer${writers === 1 ? '' : 's'}`;
  return { ...usual, name: `many-${writers}`, group: 'many', title, documents: many, writers, everyRound };
}

function hot(writers, everyRound) {
  return { ...usual, name: `hot-${writers}`, group: 'hot', title: `one hot document, ${writers} writers`, documents: 1, writers, everyRound };
}

function shared(processes, documents) {
  const contenders = ['ours', 'raw-inc'];
  const place = documents === 1 ? 'one document' : `${documents.toLocaleString('en')} documents`;
  const title = `${processes} processes × 32 writers on ${place}`;
  return { ...usual, name: `shared-${processes}x32-${documents}`, group: 'shared', title, documents, writers: 32, processes, contenders, everyRound: contenders };
}

function sized(kilobytes) {
  const contenders = ['ours', 'mongoose-update', 'transaction', 'emmett-projection'];
  const title = `500 documents of ${kilobytes} KB, 32 writers`;
  const bytes = Math.round(kilobytes * 1024);
  return { ...usual, name: `size-${kilobytes}`, group: 'size', title, documents: 500, bytes, writers: 32, contenders, everyRound: [], optional: true };
}

const lone = ['ours', 'protocol', 'mongoose-update', 'mongoose-save', 'raw', 'transaction'];

/** @type {readonly (Workload & { optional?: boolean })[]} */
export const workloads = [
  ofMany(1, ['ours', 'mongoose-update', 'emmett']),
  ofMany(8, ['ours', 'mongoose-update', 'emmett']),
  ofMany(32, ['ours', 'mongoose-update', 'emmett']),
  ofMany(128, ['ours', 'mongoose-update', 'emmett']),
  ofMany(512, ['ours', 'mongoose-update']),
  hot(32, ['ours', 'mongoose-update', 'transaction', 'emmett']),
  hot(128, ['ours', 'mongoose-update']),
  {
    ...usual,
    name: 'lone',
    group: 'lone',
    title: 'lone writer, one document, cached',
    documents: 1,
    writers: 1,
    contenders: lone,
    everyRound: ['ours', 'mongoose-update', 'mongoose-save'],
  },
  shared(2, 50),
  shared(4, 1),
  shared(4, many),
  sized(0.5),
  sized(5),
  sized(50),
];

/** Name of the measurement of bench/history.mjs in `--workloads`. */
export const historyWorkload = 'history';

export const quickWorkloads = ['many-1', 'many-8', 'many-32', 'many-128', 'hot-32', historyWorkload];
/** Those of which a bar speaks, and the ceiling. */
export const barContenders = ['ours', 'protocol', 'mongoose-update', 'mongoose-save', 'transaction', 'emmett', 'raw-inc'];
export const quickContenders = ['ours', 'mongoose-update'];
