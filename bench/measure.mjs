// One cell inside one process: writers that write until enough was done or the time is over.
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { processMicros } from './cpu.mjs';

const resolutionMs = 10;

/**
 * @param {object} cell
 * @param {(id: unknown) => Promise<number>} cell.write answers its number of attempts
 * @param {(error: unknown) => boolean} cell.isRefused
 * @param {readonly unknown[]} cell.ids
 * @param {number} cell.writers
 * @param {{ ops: number, ms: number }} cell.limits
 * @param {() => number} cell.random
 * @param {number} [cell.serverPid]
 */
export async function measure({ write, isRefused, ids, writers, limits, random, serverPid }) {
  const successes = new Uint32Array(ids.length);
  const unknown = new Uint32Array(ids.length);
  const latencies = [];
  const errors = {};
  let attempts = 0;
  let end;
  const loop = monitorEventLoopDelay({ resolution: resolutionMs });
  loop.enable();
  const start = sample(serverPid);
  // what ends later counts for the histories, not for the figures: writers that run out of company would spoil them
  const stop = () => (end ??= sample(serverPid));
  const timer = setTimeout(stop, limits.ms);

  const isOver = () => end !== undefined;
  const writer = async () => {
    while (!isOver()) {
      const index = Math.floor(random() * ids.length);
      const began = performance.now();
      try {
        const tries = await write(ids[index]);
        successes[index] += 1;
        if (isOver()) return;
        attempts += tries;
        if (latencies.push(performance.now() - began) >= limits.ops) stop();
      } catch (error) {
        const name = nameOf(error);
        errors[name] = (errors[name] ?? 0) + 1;
        if (!isRefused(error)) unknown[index] += 1;
      }
    }
  };
  await Promise.all(Array.from({ length: writers }, writer));
  clearTimeout(timer);
  stop();
  loop.disable();
  return {
    ops: latencies.length,
    seconds: (end.at - start.at) / 1000,
    latencies: Float64Array.from(latencies),
    clientMicros: end.client - start.client,
    serverMicros: end.server - start.server,
    attempts,
    errors,
    loopDelayP99: Math.max(0, loop.percentile(99) / 1e6 - resolutionMs),
    successes,
    unknown,
  };
}

function sample(serverPid) {
  const { user, system } = process.cpuUsage();
  return { at: performance.now(), client: user + system, server: serverPid ? processMicros(serverPid) : Number.NaN };
}

function nameOf(error) {
  const code = error?.code === undefined ? '' : ` ${error.code}`;
  return `${error?.constructor?.name ?? typeof error}${code}`;
}
