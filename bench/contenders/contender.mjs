// What a contender is, and what most of them need.
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * @typedef {object} Contender
 * @property {string} name as in `--only`
 * @property {string} title
 * @property {boolean} [history] keeps a history
 * @property {boolean} [peer] needs the packages of bench/peers
 * @property {(place: { uri: string, database: string }) => Promise<OpenContender>} open
 */

/**
 * @typedef {object} OpenContender
 * @property {new (hex: string) => unknown} ObjectId of the contender's own driver
 * @property {(hex: string) => unknown} toId an id as `write` takes it
 * @property {(contents: object[]) => Promise<void>} plant creates the documents
 * @property {(id: unknown) => Promise<number>} write adds 1 to the counter of a document; answers how many attempts it took
 * @property {(error: unknown) => boolean} [isRefused] whether it is certain that a failed write did not happen
 * @property {() => AsyncIterable<{ id: string, record: import('../recount.mjs').HistoryRecord }>} [records] by document and number
 * @property {number} [firstNumber] of a history
 * @property {() => Promise<Map<string, object>>} stored the state documents
 * @property {boolean} [partial] the state documents hold a part of the state only
 * @property {() => Promise<void>} close
 */

/** The same for all. The three time limits are the ones the library recommends. */
export const clientOptions = {
  maxPoolSize: 50,
  w: 'majority',
  socketTimeoutMS: 5_000,
  heartbeatFrequencyMS: 1_000,
  serverSelectionTimeoutMS: 5_000,
};

const longestDelayMs = 50;
const giveUpMs = 60_000;

/**
 * Tries until it succeeds, for contenders that refuse on conflict: with a random delay of up to 2, 4, 8 ... 50 ms in between.
 * @param {(attempt: number) => Promise<void>} run
 * @param {(error: unknown) => boolean} isConflict
 * @returns {Promise<number>} attempts
 */
export async function untilDone(run, isConflict) {
  const limit = Date.now() + giveUpMs;
  for (let attempt = 1; ; attempt += 1) {
    try {
      await run(attempt);
      return attempt;
    } catch (error) {
      if (!isConflict(error) || Date.now() > limit) throw error;
      await sleep(Math.random() * Math.min(longestDelayMs, 2 ** attempt));
    }
  }
}

/** Runs the task on every item, so many at a time. */
export async function eachOf(items, width, task) {
  const rest = items.values();
  const worker = async () => {
    for (const item of rest) await task(item);
  };
  await Promise.all(Array.from({ length: width }, worker));
}

/** The documents of a collection by their id. */
export async function byId(collection) {
  const found = new Map();
  for await (const document of collection.find()) found.set(String(document._id), document);
  return found;
}
