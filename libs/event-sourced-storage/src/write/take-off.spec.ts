import { describe, expect, it } from '@jest/globals';
import { createMemoryEngine } from '../testing/memory-engine.js';
import type { CommitOutcome, DocumentChange } from './document-change.js';
import { DocumentCommitter } from './document-committer.js';
import { longestSlice, Slices } from './slices.js';
import { TakeOff } from './take-off.js';

const nextTurn = (): Promise<void> => new Promise((resume) => setImmediate(resume));
const addOne = (doc: Record<string, unknown>): void => void (doc['n'] = (doc['n'] as number) + 1);

/** Notes what each flight carries; a flight takes a few turns of the event loop. */
class Recording extends DocumentCommitter {
  readonly flights: number[] = [];

  constructor(private readonly inner: DocumentCommitter) {
    super();
  }

  override async commit(flight: readonly DocumentChange[], options: { deadline: number }): Promise<readonly CommitOutcome[]> {
    this.flights.push(flight.length);
    for (let turn = 0; turn < 5; turn++) await nextTurn();
    return this.inner.commit(flight, options);
  }

  override writeInTransaction(): Promise<CommitOutcome> {
    throw new Error('not used');
  }
}

/** Writers that write one document after the other, each its own or all the same. @returns what the flights carried once all were at work */
async function flightsOf(writers: number, rounds: number, idOf: (writer: number) => string): Promise<number[]> {
  let recording: Recording | undefined;
  const { engine } = createMemoryEngine({ committer: (inner) => (recording = new Recording(inner)) });
  for (let writer = 0; writer < writers; writer++) await engine.upsert({ _id: idOf(writer), n: 0 }, 'c', {});
  const flights = recording?.flights as number[];
  flights.length = 0;
  await Promise.all(
    Array.from({ length: writers }, async (_, writer) => {
      for (let round = 0; round < rounds; round++) await engine.update(idOf(writer), addOne, 'c', {});
    }),
  );
  expect(flights.reduce((sum, flight) => sum + flight, 0)).toBe(writers * rounds);
  return flights.slice(3, -3);
}

describe('when a flight leaves', () => {
  it.each([1, 2, 8, 128, 255])('%d writers fly together', async (writers) => {
    const flights = await flightsOf(writers, 12, (writer) => `d${writer}`);
    expect(new Set(flights)).toEqual(new Set([writers]));
  });

  it.each([256, 400])('of %d writers one half is in the air while the other is decided', async (writers) => {
    const flights = await flightsOf(writers, 12, (writer) => `d${writer}`);
    expect(Math.min(...flights)).toBeGreaterThanOrEqual(writers / 4);
    expect(Math.max(...flights)).toBeLessThanOrEqual((writers * 3) / 4);
  });

  it('so do the writers of one document', async () => {
    const flights = await flightsOf(300, 12, () => 'hot');
    expect(Math.min(...flights)).toBeGreaterThanOrEqual(75);
    expect(Math.max(...flights)).toBeLessThanOrEqual(225);
  });

  it('a lone write waits for no turn of the event loop', async () => {
    let recording: Recording | undefined;
    const { engine } = createMemoryEngine({ committer: (inner) => (recording = new Recording(inner)) });
    await engine.upsert({ _id: 'a', n: 0 }, 'c', {});
    const write = engine.update('a', addOne, 'c', {});
    for (let step = 0; step < 20; step++) await Promise.resolve();
    expect(recording?.flights).toEqual([1, 1]);
    await write;
  });

  it('waits for slices that may bring the rest, no longer than they would take for all, and never for nobody', () => {
    const takeOff = new TakeOff(500);
    takeOff.landed(100, 100);
    expect([takeOff.hasAll(199), takeOff.hasAll(200)]).toEqual([false, true]);
    expect(takeOff.waitsForMore(10, 1)).toBe(true);
    expect(takeOff.waitsForMore(200, 1)).toBe(false);
    expect(takeOff.waitsForMore(10, 1 + Math.floor(200 / longestSlice))).toBe(false);
    expect(takeOff.waitsForMore(10, 0)).toBe(false);
    takeOff.landed(0, 0);
    expect([takeOff.hasAll(0), takeOff.hasAll(1)]).toEqual([false, true]);
    takeOff.landed(2_000, 2_000);
    expect([takeOff.hasAll(499), takeOff.hasAll(500)]).toEqual([false, true]);
  });
});

describe('slices of decisions', () => {
  it('no turn of the event loop decides more than one slice, and all come in their order', async () => {
    const rows: number[] = [];
    const slices = new Slices((row) => rows.push(row));
    const decided: number[] = [];
    const turns: number[] = [];
    let turn = 0;
    const count = longestSlice * 3 + 5;
    const counting = (): void => {
      turn++;
      if (decided.length < count) setImmediate(counting);
    };
    setImmediate(counting);
    await Promise.all(
      Array.from({ length: count }, async (_, index) => {
        const later = slices.next();
        if (later !== undefined) await later;
        decided.push(index);
        turns.push(turn);
      }),
    );
    expect(decided).toEqual(Array.from({ length: count }, (_, index) => index));
    const perTurn = new Map<number, number>();
    for (const each of turns) perTurn.set(each, (perTurn.get(each) ?? 0) + 1);
    expect(Math.max(...perTurn.values())).toBe(longestSlice);
    expect(perTurn.size).toBe(4);
    await nextTurn();
    await nextTurn();
    expect(rows).toEqual([1, 2, 3, 0]);
  });
});
