import { describe, expect, it, jest } from '@jest/globals';
import { beforeHistory, replay } from '../history/replay.js';
import { IndeterminateOutcomeError } from '../errors/indeterminate-outcome.error.js';
import { OverloadError } from '../errors/overload.error.js';
import type { Image } from '../model/diff.js';
import { idKey } from '../model/bson-values.js';
import { FaultyCommitter, type FaultCount } from '../testing/faulty-committer.js';
import { createMemoryEngine } from '../testing/memory-engine.js';
import { seededRandom } from '../testing/seeded-random.js';
import { MemoryDatabase } from '../memory/memory-database.js';
import type { StorageEngine } from '../storage-engine.js';
import type { CommitQueue } from './commit-queue.js';
import type { CommitOutcome, DocumentChange } from './document-change.js';
import { DocumentCommitter } from './document-committer.js';

type Outcome = { readonly kind: 'ok'; readonly version: number | undefined } | { readonly kind: 'rejected' } | { readonly kind: 'unknown' };

/** What a caller was told, by operation. */
interface Told {
  readonly id: string;
  readonly operationId: string;
  readonly outcome: Outcome;
}

/** `npm run proof` takes more. */
const seeds = Number(process.env['PROOF_SEEDS'] ?? 5_000);
/** Seeds are independent of each other; side by side they share their waiting. */
const atOnce = 200;

describe('the commit queue over a port that fails before, after and in between', () => {
  it(`${seeds} seeds: every call ends in exactly one of three outcomes, and a recount of the histories agrees with all of them`, async () => {
    const total: Partial<Record<keyof FaultCount | Outcome['kind'], number>> = {};
    for (let first = 1; first <= seeds; first += atOnce) {
      const batch = Array.from({ length: atOnce }, (_, index) => first + index);
      for (const counts of await Promise.all(batch.map((seed) => withSeed(seed)))) add(total, counts);
    }
    // a run that met no faults, or settled nothing, would prove nothing
    for (const kind of ['failedBefore', 'locked', 'refused', 'droppedReply', 'droppedUnwritten', 'delayed', 'ok', 'rejected', 'unknown'] as const) {
      expect(total[kind]).toBeGreaterThan(seeds / 20);
    }
    expect(total.changes).toBeGreaterThan(total.flights as number);
  }, 200 * seeds);

  it('a lost change is noticed by the recount', async () => {
    await expect(runSeed(1, (committer) => new Forgetful(committer))).rejects.toThrow(/event \d+ follows|toEqual/);
  });
});

describe('the commit queue', () => {
  it('commits what arrives while a flight is in the air together, and a hot document many times at once', async () => {
    const faulty: FaultyCommitter[] = [];
    const { engine, database } = createMemoryEngine({ committer: (inner) => keep(faulty, new FaultyCommitter(inner, seededRandom(1), 0)) });
    await engine.upsert({ _id: 'hot', n: 0 }, 'c', {});
    await Promise.all(Array.from({ length: 1_000 }, () => engine.update('hot', (doc) => void (doc['n'] = (doc['n'] as number) + 1), 'c', {})));
    expect(database.document(idKey('hot'))).toMatchObject({ n: 1_000, version: 1_001 });
    expect(faulty[0]?.count.flights).toBeLessThan(50);
    expect(faulty[0]?.longestFlight).toBeLessThanOrEqual(500);
  });

  it('refuses more than maxQueued writes with a typed error, and takes new ones once there is room', async () => {
    const { engine } = createMemoryEngine({ options: { maxQueued: 10 } });
    const answers = await Promise.allSettled(Array.from({ length: 15 }, (_, n) => engine.upsert({ _id: `d${n}` }, 'c', {})));
    expect(answers.filter(({ status }) => status === 'fulfilled')).toHaveLength(10);
    for (const answer of answers.slice(10)) expect(answer.status === 'rejected' && answer.reason).toBeInstanceOf(OverloadError);
    await expect(engine.upsert({ _id: 'later' }, 'c', {})).resolves.toMatchObject({ created: true });
  });

  it('takes 100,000 queued writes at once, commits them in flights of at most 500 changes, and lets others have their turn in between', async () => {
    const faulty: FaultyCommitter[] = [];
    const { engine, database } = createMemoryEngine({ committer: (inner) => keep(faulty, new FaultyCommitter(inner, seededRandom(2), 0)) });
    let turns = 0;
    const timer = setInterval(() => turns++, 0);
    await Promise.all(Array.from({ length: 100_000 }, (_, n) => engine.upsert({ _id: `d${n}`, n }, 'c', { timeoutMs: 0 })));
    clearInterval(timer);
    expect(database.documents()).toHaveLength(100_000);
    expect(faulty[0]?.longestFlight).toBeLessThanOrEqual(500);
    expect(turns).toBeGreaterThan(10);
  }, 120_000);

  it('close() settles every write that was taken and refuses every later one', async () => {
    const { engine, database } = createMemoryEngine();
    const writes = Array.from({ length: 50 }, (_, n) => engine.upsert({ _id: `d${n}` }, 'c', {}));
    const closed = engine.close();
    await expect(engine.upsert({ _id: 'late' }, 'c', {})).rejects.toMatchObject({ code: 'STORAGE_CLOSED' });
    await closed;
    await Promise.all(writes);
    expect(database.documents()).toHaveLength(50);
    await engine.close();
  });

  it('what close() refuses after its time is never written, also when the flight ahead lands later', async () => {
    const gate = new Gate();
    const { engine, database } = createMemoryEngine({ committer: (inner) => gate.in(inner) });
    const flying = engine.upsert({ _id: 'a' }, 'c', {});
    await gate.reached;
    const staged = engine.upsert({ _id: 'b' }, 'c', {});
    await new Promise((resume) => setImmediate(resume));
    const answers = Promise.allSettled([flying, staged]);
    await (engine as unknown as { readonly queue: CommitQueue }).queue.close(1);
    expect(await answers).toMatchObject([{ reason: { code: 'INDETERMINATE_OUTCOME' } }, { reason: { code: 'STORAGE_CLOSED' } }]);
    gate.open();
    for (let turn = 0; turn < 10; turn++) await new Promise((resume) => setImmediate(resume));
    expect(database.document(idKey('a'))).toMatchObject({ version: 1 });
    expect(database.document(idKey('b'))).toBeNull();
  });

  it('an edit that never ends holds up nobody behind it once its time is over', async () => {
    const { engine } = createMemoryEngine();
    await engine.upsert({ _id: 'a', n: 0 }, 'c', {});
    const hanging = engine.update('a', () => new Promise<void>(() => undefined), 'c', { timeoutMs: 30 });
    const behind = engine.update('a', (doc) => void (doc['n'] = 1), 'c', {});
    await expect(hanging).rejects.toMatchObject({ code: 'OPERATION_TIMEOUT', reason: 'timeout' });
    await expect(behind).resolves.toMatchObject({ document: { n: 1, version: 2 } });
  });

  it('an aborted call that waits is refused, those behind it are decided without it', async () => {
    const gate = new Gate();
    const { engine, database } = createMemoryEngine({ committer: (inner) => gate.in(inner) });
    const first = engine.upsert({ _id: 'a', n: 0 }, 'c', {});
    await gate.reached;
    const abort = new AbortController();
    const second = engine.update('a', (doc) => void (doc['n'] = 10), 'c', { signal: abort.signal });
    const third = engine.update('a', (doc) => void (doc['n'] = (doc['n'] as number) + 1), 'c', {});
    await new Promise((resume) => setImmediate(resume));
    abort.abort(new Error('no longer wanted'));
    gate.open();
    await first;
    await expect(second).rejects.toMatchObject({ code: 'OPERATION_TIMEOUT', reason: 'aborted' });
    await expect(third).resolves.toMatchObject({ document: { n: 1, version: 2 } });
    expect(database.document(idKey('a'))).toMatchObject({ n: 1, version: 2 });
  });

  it('a call whose time is over while its commit is in the air is answered as unknown, and the commit still counts', async () => {
    const gate = new Gate();
    const { engine, database } = createMemoryEngine({ committer: (inner) => gate.in(inner) });
    jest.useFakeTimers({ doNotFake: ['setImmediate', 'nextTick', 'queueMicrotask'] }); // its time is over when it flies, not before
    try {
      const answer = engine.upsert({ _id: 'a' }, 'c', { timeoutMs: 20, operationId: 'op' }).catch((error: unknown) => error);
      await gate.reached;
      await jest.advanceTimersByTimeAsync(1_000); // the time of the call, and the grace for its commit
      expect(await answer).toBeInstanceOf(IndeterminateOutcomeError);
    } finally {
      jest.useRealTimers();
    }
    gate.open();
    await expect(engine.upsert({ _id: 'a' }, 'c', { operationId: 'op' })).resolves.toMatchObject({ created: true });
    expect(database.events(idKey('a'), (history) => history)).toHaveLength(1);
    await expect(engine.resolveOperation('op', { documentId: 'a' })).resolves.toEqual({ applied: true, version: 1 });
    await expect(engine.resolveOperation('other', { documentId: 'a' })).resolves.toEqual({ applied: false });
  });

  it('two writes with one operationId at once write once and answer the same', async () => {
    const { engine, database } = createMemoryEngine();
    await engine.upsert({ _id: 'a', n: 0 }, 'c', {});
    const edit = (doc: Image): void => void (doc['n'] = (doc['n'] as number) + 1);
    const [one, two] = await Promise.all([engine.update('a', edit, 'c', { operationId: 'op' }), engine.update('a', edit, 'c', { operationId: 'op' })]);
    expect(one).toEqual(two);
    expect(database.document(idKey('a'))).toMatchObject({ n: 1, version: 2 });
  });

  it('listeners hear of the changes of a document in the order of their numbers', async () => {
    const { engine, notified } = createMemoryEngine();
    await engine.upsert({ _id: 'a', n: 0 }, 'c', {});
    await Promise.all(Array.from({ length: 300 }, () => engine.update('a', (doc) => void (doc['n'] = (doc['n'] as number) + 1), 'c', {})));
    expect(notified.map(({ event }) => event.serverSeq)).toEqual(Array.from({ length: 301 }, (_, index) => index + 1));
  });
});

async function runSeed(seed: number, wrap: (committer: DocumentCommitter) => DocumentCommitter = (committer) => committer): Promise<Partial<Record<string, number>>> {
  const random = seededRandom(seed);
  const database = new MemoryDatabase();
  const faulty: FaultyCommitter[] = [];
  const { engine } = createMemoryEngine({
    database,
    random,
    options: { retryDelayMs: 0, maxRetries: 1 + Math.floor(random() * 4), timeoutMs: 0, maxFlightChanges: 1 + Math.floor(random() * 6), flights: 1 + Math.floor(random() * 2) },
    committer: (inner) => keep(faulty, new FaultyCommitter(wrap(inner), random, 0.3)),
  });
  const told = await Promise.all(Array.from({ length: 24 }, (_, call) => tell(engine, random, `${seed}-${call}`)));
  await engine.close();
  for (const id of ['a', 'b', 'c']) await recount(database, id, told.filter((each) => each.id === id));
  return { ...faulty[0]?.count, ...countOutcomes(told) };
}

async function withSeed(seed: number): Promise<Partial<Record<string, number>>> {
  try {
    return await runSeed(seed);
  } catch (error) {
    throw new Error(`seed ${seed}: ${String(error)}`, { cause: error });
  }
}

async function tell(engine: StorageEngine, random: () => number, operationId: string): Promise<Told> {
  const id = ['a', 'b', 'c'][Math.floor(random() * 3)] as string;
  const choice = random();
  for (let turns = Math.floor(random() * 4); turns > 0; turns--) await new Promise((resume) => setImmediate(resume));
  try {
    const version = await writeSomething(engine, id, choice, operationId);
    return { id, operationId, outcome: { kind: 'ok', version } };
  } catch (error) {
    return { id, operationId, outcome: { kind: error instanceof IndeterminateOutcomeError ? 'unknown' : 'rejected' } };
  }
}

/** @returns the version that was written, `undefined` when there was nothing to write */
async function writeSomething(engine: StorageEngine, id: string, choice: number, operationId: string): Promise<number | undefined> {
  if (choice < 0.3) {
    const { created, document } = await engine.upsert({ _id: id, n: 0, log: [] }, 'c', { operationId });
    return created ? (document['version'] as number) : undefined;
  }
  if (choice < 0.45) {
    const { deleted, version } = await engine.delete(id, 'c', { operationId });
    return deleted ? version : undefined;
  }
  const { diff } = await engine.update(id, (doc) => void (doc['n'] = (doc['n'] as number) + 1), 'c', { operationId });
  return diff.hasChanges ? diff.version : undefined;
}

async function recount(database: MemoryDatabase, id: string, told: readonly Told[]): Promise<void> {
  const history = database.events(idKey(id), (events) => events);
  const state = await replay(beforeHistory, history, 'version');
  expect(state.image).toEqual(database.document(idKey(id)));
  const places = new Map<string, number[]>();
  for (const { operationId, serverSeq } of history) places.set(operationId, [...(places.get(operationId) ?? []), serverSeq]);
  const known = new Set(told.map(({ operationId }) => operationId));
  for (const operationId of places.keys()) expect(known).toContain(operationId);
  for (const { operationId, outcome } of told) {
    const found = places.get(operationId) ?? [];
    if (outcome.kind === 'ok') expect(found).toEqual(outcome.version === undefined ? [] : [outcome.version]);
    if (outcome.kind === 'rejected') expect(found).toEqual([]);
    expect(found.length).toBeLessThanOrEqual(1);
  }
}

function countOutcomes(told: readonly Told[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { outcome } of told) counts[outcome.kind] = (counts[outcome.kind] ?? 0) + 1;
  return counts;
}

function add(total: Partial<Record<string, number>>, counts: Partial<Record<string, number>>): void {
  for (const [key, value] of Object.entries(counts)) total[key] = (total[key] ?? 0) + (value ?? 0);
}

function keep<V>(list: V[], value: V): V {
  list.push(value);
  return value;
}

/** Says "committed" and writes nothing, sometimes: the planted bug. */
class Forgetful extends DocumentCommitter {
  private flights = 0;

  constructor(private readonly inner: DocumentCommitter) {
    super();
  }

  override commit(flight: readonly DocumentChange[], options: { deadline: number }): Promise<readonly CommitOutcome[]> {
    return ++this.flights === 3 ? Promise.resolve(flight.map(() => ({ kind: 'committed' as const }))) : this.inner.commit(flight, options);
  }

  override writeInTransaction(): Promise<CommitOutcome> {
    throw new Error('not used');
  }
}

/** Holds a commit until it is opened. */
class Gate {
  readonly reached: Promise<void>;
  private readonly opened: Promise<void>;
  private reach!: () => void;
  open!: () => void;

  constructor() {
    this.reached = new Promise((resolve) => (this.reach = resolve));
    this.opened = new Promise((resolve) => (this.open = resolve));
  }

  in(inner: DocumentCommitter): DocumentCommitter {
    const { opened, reach } = this;
    return new (class extends DocumentCommitter {
      override async commit(flight: readonly DocumentChange[], options: { deadline: number }): Promise<readonly CommitOutcome[]> {
        reach();
        await opened;
        return inner.commit(flight, options);
      }

      override writeInTransaction(): Promise<CommitOutcome> {
        throw new Error('not used');
      }
    })();
  }
}
