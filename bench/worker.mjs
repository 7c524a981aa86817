// A process that runs one contender. It lives as long as the benchmark and answers the calls of bench/worker-process.mjs.
import { contenderNamed } from './contenders/index.mjs';
import { contentOf, counter, idOf } from './documents.mjs';
import { measureHistory } from './history.mjs';
import { measure } from './measure.mjs';
import { profiled } from './profile.mjs';
import { seeded } from './random.mjs';
import { recount } from './recount.mjs';

let open;
let ids = [];

const calls = {
  async open({ contender, uri, database, documents }) {
    open = await contenderNamed(contender).open({ uri, database });
    ids = Array.from({ length: documents }, (_, index) => open.toId(idOf(index)));
  },

  async plant({ documents, bytes }) {
    await open.plant(Array.from({ length: documents }, (_, index) => contentOf(index, bytes, open.ObjectId)));
  },

  run: ({ writers, limits, seed, serverPid, profile = false }) => {
    const cell = { write: open.write, isRefused: open.isRefused ?? (() => false), ids, writers, limits, random: seeded(seed), serverPid };
    return profile ? profiled(() => measure(cell)) : measure(cell);
  },

  recount({ successes, unknown }) {
    const expected = new Map(Array.from(successes, (count, index) => [idOf(index), { successes: count, unknown: unknown[index] }]));
    return recounted(expected);
  },

  history: (options) => measureHistory(open, options),

  async close() {
    const closing = open;
    open = undefined;
    await closing?.close();
  },
};

async function recounted(expected) {
  const { records, stored, firstNumber, partial } = open;
  return recount({ records: records ? records() : null, stored: await stored(), firstNumber, partial }, expected, counter);
}

process.on('message', async ({ id, call, argument }) => {
  try {
    process.send({ id, result: await calls[call](argument) });
  } catch (error) {
    process.send({ id, error: { message: error?.message ?? String(error), stack: error?.stack } });
  }
});
process.on('disconnect', () => process.exit());
