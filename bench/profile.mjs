// Where the processor time of a run goes: the inspector's CPU profile, summed up by function and by room of the library.
import { Session } from 'node:inspector/promises';
import { sum } from './statistics.mjs';

const samplingMicros = 200;
const listed = 25;

/** Runs it under the profiler; its answer gets the summary as `profile`. */
export async function profiled(run) {
  const session = new Session();
  session.connect();
  try {
    await session.post('Profiler.enable');
    await session.post('Profiler.setSamplingInterval', { interval: samplingMicros });
    await session.post('Profiler.start');
    const answer = await run();
    const { profile } = await session.post('Profiler.stop');
    return { ...answer, profile: summarise(profile) };
  } finally {
    session.disconnect();
  }
}

/**
 * Self time by function and by room, as shares of the time in which the process was not idle.
 * @param {import('node:inspector').Profiler.Profile} profile
 */
export function summarise({ nodes, samples, timeDeltas }) {
  const micros = new Map();
  samples.forEach((node, place) => micros.set(node, (micros.get(node) ?? 0) + timeDeltas[place]));
  const functions = new Map();
  const rooms = new Map();
  let idle = 0;
  for (const { id, callFrame } of nodes) {
    const self = micros.get(id) ?? 0;
    if (callFrame.functionName === '(idle)') idle += self;
    if (self === 0 || callFrame.functionName === '(idle)' || isProfiler(callFrame)) continue;
    const { room, place } = placeOf(callFrame);
    const name = `${callFrame.functionName || '(anonymous)'}  ${place}`;
    functions.set(name, (functions.get(name) ?? 0) + self);
    rooms.set(room, (rooms.get(room) ?? 0) + self);
  }
  const busy = sum(Array.from(rooms.values()));
  const shares = (map) =>
    Array.from(map, ([name, self]) => ({ name, milliseconds: self / 1000, share: self / busy })).toSorted((a, b) => b.share - a.share);
  return { busyMs: busy / 1000, idleMs: idle / 1000, functions: shares(functions).slice(0, listed), rooms: shares(rooms) };
}

/** The inspector's own command that starts the profiler. */
function isProfiler({ functionName, url }) {
  return functionName === 'dispatch' && url === '';
}

/** The room of the library or the package that a function belongs to, and its file without anything of this machine. */
function placeOf({ functionName, url, lineNumber }) {
  if (url === '') return { room: functionName === '(garbage collector)' ? 'garbage collector' : 'V8 and native', place: '' };
  if (url.startsWith('node:')) return { room: 'Node', place: url };
  const packaged = /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\/(.*)$/.exec(url);
  if (packaged) return { room: packaged[1], place: `${packaged[1]}/${packaged[2]}:${lineNumber + 1}` };
  const own = /\/libs\/event-sourced-storage\/dist\/(.*)$/.exec(url)?.[1];
  if (own) return { room: `library: ${own.includes('/') ? own.split('/')[0] : 'façade'}`, place: `${own}:${lineNumber + 1}` };
  return { room: 'benchmark', place: url.slice(url.lastIndexOf('/') + 1) };
}
