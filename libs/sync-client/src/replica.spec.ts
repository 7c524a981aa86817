import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { createReplica, createReplicaSet, type FetchInit, memoryStorage, type Replica, type ReplicaOptions, type ReplicaSetOptions } from './index.js';
import { ModelStream } from './testing/model-server.js';
import { ModelClock, turn } from './testing/simulation.js';

interface Asked {
  readonly url: string;
  readonly init: FetchInit;
  readonly answer: (stream: ModelStream) => void;
  readonly refuse: (status: number, headers?: Record<string, string>, body?: unknown) => void;
  readonly fail: () => void;
}

/** A replica whose server is played by the test. */
class Stage {
  readonly clock = new ModelClock();
  readonly asked: Asked[] = [];
  stream = new ModelStream(true);

  constructor() {
    stages.push(this);
  }

  readonly options = {
    url: 'https://example.org/sync/',
    onError: () => undefined,
    activity: false,
    random: () => 0.5,
    now: this.clock.now,
    schedule: this.clock.schedule,
    fetch: (url: string, init: FetchInit) =>
      new Promise((resolve, reject) => {
        init.signal.addEventListener('abort', () => reject(new Error('aborted')));
        this.asked.push({
          url,
          init,
          answer: (stream) => resolve(stream.response()),
          refuse: (status, headers = {}, body = {}) => resolve({ status, headers: { get: (name: string) => headers[name] ?? null }, body: null, json: () => Promise.resolve(body) }),
          fail: () => reject(new Error('no network')),
        });
      }),
  } as const;

  open<T>(options: Partial<ReplicaOptions<T>> = {}): Replica<T> {
    const replica = createReplica<T>({ ...(this.options as unknown as ReplicaOptions<T>), ref: 'games/a b/c', ...options });
    opened.push(replica);
    return replica;
  }

  get last(): Asked {
    const last = this.asked.at(-1);
    if (!last) throw new Error('nothing was asked');
    return last;
  }

  async send(...frames: readonly (readonly [string, unknown])[]): Promise<void> {
    for (const [event, data] of frames) this.stream.write(event, data);
    this.stream.deliver(Infinity);
    await turn();
  }

  /** Answers the last request by a stream that begins like this. */
  async answer(...frames: readonly (readonly [string, unknown])[]): Promise<void> {
    this.stream = new ModelStream(true);
    this.last.answer(this.stream);
    await turn();
    await this.send(['hello', { proto: 1, hb: 1_000, epoch: 'e', head: 1, floor: 0 }], ...frames);
  }

  async goLive(): Promise<void> {
    await turn();
    await this.answer(snapshot(1), ['live', { v: 1 }]);
  }
}

const snapshot = (v: number, epoch = 'e') => ['snapshot', { ref: 'games/a b/c', v, epoch, doc: { v }, deleted: false }] as const;
const update = (v: number) => ['ev', { ref: 'games/a b/c', v, op: 'update', set: { v } }] as const;

let stages: Stage[] = [];
let opened: { close(): Promise<void> }[] = [];
afterEach(async () => {
  const closing = opened.map((replica) => replica.close());
  opened = [];
  for (const { clock } of stages) clock.pass(2_000); // the storage that never answers
  stages = [];
  await Promise.all(closing);
});

describe('A replica', () => {
  it('asks for its document, goes live, and tells once of everything that came together', async () => {
    const stage = new Stage();
    const seen: unknown[] = [];
    const replica = stage.open<{ v: number }>({ onChange: ({ status, value }) => seen.push([status, value?.v]) });
    await turn();
    expect(stage.last.url).toBe('https://example.org/sync/games/a%20b%2Fc/stream?types=plain');
    await stage.answer(snapshot(1), update(2), update(3), ['live', { v: 3 }]);
    await replica.ready;
    expect(seen).toEqual([['connecting', undefined], ['live', 3]]);
  });

  it('makes its headers anew for every request', async () => {
    const stage = new Stage();
    let token = 0;
    stage.open({ headers: async () => Promise.resolve({ authorization: `Bearer ${++token}` }) });
    await stage.goLive();
    stage.stream.cut(true);
    await turn();
    stage.clock.pass(200);
    await turn();
    expect(stage.asked.map(({ init }) => init.headers['authorization'])).toEqual(['Bearer 1', 'Bearer 2']);
    expect(stage.last.url).toContain('after=1&epoch=e');
  });

  it('asks once more with new headers after 401, and gives up after the second', async () => {
    const stage = new Stage();
    const replica = stage.open();
    await turn();
    stage.last.refuse(401);
    await turn();
    expect([replica.status, stage.asked.length]).toEqual(['connecting', 2]);
    stage.last.refuse(401);
    await turn();
    expect([replica.status, replica.error]).toEqual(['error', { reason: 'refused', status: 401 }]);
    await expect(replica.ready).rejects.toThrow('refused');
    replica.connect();
    await turn();
    expect([replica.status, replica.error, stage.asked.length]).toEqual(['connecting', undefined, 3]);
  });

  it.each([400, 403, 404, 413])('gives up after %i, until the user connects again', async (status) => {
    const stage = new Stage();
    const replica = stage.open();
    await turn();
    stage.last.refuse(status);
    await turn();
    expect([replica.status, replica.error]).toEqual(['error', { reason: 'refused', status }]);
    stage.clock.pass(1e6);
    await turn();
    expect(stage.asked).toHaveLength(1);
  });

  it('waits as long as it is told, and longer each time in vain; only live makes the waits short again', async () => {
    const stage = new Stage();
    stage.open();
    await turn();
    const waited = async (): Promise<number> => {
      const [asked, since] = [stage.asked.length, stage.clock.time];
      for (; stage.asked.length === asked && stage.clock.time - since < 60_000; await turn()) stage.clock.pass(50);
      return stage.clock.time - since;
    };
    const waits: number[] = [];
    for (let attempt = 0; attempt < 8; attempt++) {
      if (attempt === 3) await stage.answer(); // hello alone is no success
      if (attempt === 3) stage.stream.cut(true);
      else stage.last.fail();
      await turn();
      waits.push(await waited());
    }
    expect(waits).toEqual([100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000]);
    stage.last.refuse(503, { 'retry-after': '20' });
    await turn();
    expect(await waited()).toBe(25_000);
    await stage.answer(snapshot(1), ['live', { v: 1 }]);
    await stage.send(['bye', { reason: 'shutdown', retryAfter: 700 }]);
    expect(await waited()).toBe(800);
  });

  it.each([
    ['a hole', update(3), 'after=1'],
    ['a heartbeat that knows more', ['hb', { v: 2 }] as const, 'after=1'],
    ['a live that knows more', ['live', { v: 2 }] as const, 'after=1'],
    ['text that is no JSON', ['ev', undefined] as const, 'after=1'],
  ])('goes on from where it is after %s', async (_name, frame, position) => {
    const stage = new Stage();
    const replica = stage.open();
    await stage.goLive();
    await stage.send(frame);
    expect([replica.status, replica.version]).toEqual(['reconnecting', 1]);
    stage.clock.pass(200);
    await turn();
    expect(stage.last.url).toContain(position);
  });

  it('starts again from a snapshot when the server knows less, and shows what it had meanwhile', async () => {
    const stage = new Stage();
    const replica = stage.open();
    await stage.goLive();
    await stage.send(update(2), ['hb', { v: 1 }]);
    expect([replica.status, replica.value, replica.stale]).toEqual(['connecting', { v: 2 }, true]);
    expect(stage.last.url).not.toContain('after');
    await stage.answer(snapshot(1, 'f'), ['live', { v: 1 }]);
    expect([replica.status, replica.value, replica.stale]).toEqual(['live', { v: 1 }, false]);
  });

  it('takes no event of another history than its own', async () => {
    const stage = new Stage();
    const replica = stage.open();
    await stage.goLive();
    stage.stream.cut(true);
    await turn();
    stage.clock.pass(200);
    await turn();
    stage.stream = new ModelStream(true);
    stage.last.answer(stage.stream);
    await turn();
    await stage.send(['hello', { proto: 1, epoch: 'f' }], update(2));
    expect([replica.value, replica.stale, replica.status]).toEqual([{ v: 1 }, true, 'reconnecting']);
  });

  it('keeps its value through a reset, and erases it at once, also from the storage, when the history was', async () => {
    const stage = new Stage();
    const storage = memoryStorage();
    const replica = stage.open({ storage });
    await stage.goLive();
    await stage.send(['reset', { reason: 'compacted' }]);
    expect([replica.value, replica.stale]).toEqual([{ v: 1 }, true]);
    await stage.send(['reset', { reason: 'purged' }]);
    expect([replica.value, replica.version, replica.deleted]).toEqual([undefined, 0, true]);
    expect(await storage.get('plain https://example.org/sync/games/a b/c')).toBeUndefined();
    await stage.send(['bye', { reason: 'purged' }]);
    expect([replica.status, replica.error]).toEqual(['error', { reason: 'purged' }]);
  });

  it('erases on the last word of the server too', async () => {
    const stage = new Stage();
    const replica = stage.open();
    await stage.goLive();
    await stage.send(['bye', { reason: 'purged' }]);
    expect([replica.value, replica.deleted, replica.error]).toEqual([undefined, true, { reason: 'purged' }]);
  });

  it('notices silence', async () => {
    const stage = new Stage();
    const replica = stage.open();
    await stage.goLive();
    stage.clock.pass(2_400);
    await stage.send(['hb', { v: 1 }]);
    stage.clock.pass(2_400);
    expect(replica.status).toBe('live');
    stage.clock.pass(200);
    expect(replica.status).toBe('reconnecting');
  });

  it('holds no connection while the page is hidden', async () => {
    const stage = new Stage();
    let [isActive, changed] = [true, (): void => undefined];
    const stopped = jest.fn();
    const replica = stage.open({ activity: { isActive: () => isActive, watch: (callback) => ((changed = callback), stopped) } });
    await stage.goLive();
    isActive = false;
    changed();
    expect([replica.status, stage.last.init.signal.aborted]).toEqual(['paused', true]);
    isActive = true;
    changed();
    await turn();
    expect([replica.status, stage.asked.length]).toEqual(['connecting', 2]);
    await replica.close();
    expect(stopped).toHaveBeenCalledTimes(1);
  });

  it('shows what it had stored before the server answers, and marks it', async () => {
    const stage = new Stage();
    const storage = memoryStorage();
    const before = stage.open({ storage });
    await stage.goLive();
    await before.close();
    const after = stage.open({ storage });
    await turn();
    expect([after.value, after.version, after.stale, after.status]).toEqual([{ v: 1 }, 1, true, 'connecting']);
    expect(stage.last.url).toContain('after=1&epoch=e');
    await stage.answer(['live', { v: 1 }]);
    expect(after.stale).toBe(false);
    const others = stage.open({ storage, user: 'somebody else' });
    await turn();
    expect([others.value, others.version]).toEqual([undefined, 0]);
  });

  it('works without its storage when that fails or never answers', async () => {
    const stage = new Stage();
    const never = (): Promise<never> => new Promise(() => undefined);
    const replica = stage.open({ storage: { get: never, set: never, delete: never, clear: never } });
    stage.clock.pass(2_000);
    await stage.goLive();
    expect(replica.value).toEqual({ v: 1 });
    const failing = (): Promise<never> => Promise.reject(new Error('blocked'));
    const other = stage.open({ storage: { get: failing, set: failing, delete: failing, clear: failing } });
    await stage.goLive();
    expect(other.value).toEqual({ v: 1 });
  });

  it('fetches a snapshot that is too large for the stream, from its server only', async () => {
    const stage = new Stage();
    const replica = stage.open({ headers: { authorization: 'secret' } });
    await turn();
    await stage.answer(['snapshot', { v: 5, epoch: 'e', url: '/sync/games/a?v=5&epoch=e' }]);
    expect(stage.last.url).toBe('https://example.org/sync/games/a?v=5&epoch=e&types=plain');
    stage.last.refuse(200, {}, { v: 5, epoch: 'e', doc: { v: 5 }, deleted: false });
    await turn();
    expect(replica.version).toBe(5);
    const asked = stage.asked.length;
    await stage.send(['snapshot', { v: 6, epoch: 'e', url: '//evil.example/x' }]);
    expect([stage.asked.length, replica.version, replica.status]).toEqual([asked, 5, 'reconnecting']);
  });

  it('polls after three streams that were cut at once, and holds the polls when there is nothing new', async () => {
    const stage = new Stage();
    const replica = stage.open<{ v: number }>();
    await turn();
    for (let round = 0; round < 3; round++) {
      await stage.answer(snapshot(1));
      stage.stream.cut(false);
      await turn();
      stage.clock.pass(900);
      await turn();
    }
    expect(stage.last.url).toBe('https://example.org/sync/games/a%20b%2Fc/events?after=1&epoch=e&types=plain');
    stage.last.refuse(200, {}, { epoch: 'e', floor: 0, head: 2, events: [update(2)[1]], next: 2, live: true });
    await turn();
    expect([replica.status, replica.value?.v]).toEqual(['live', 2]);
    expect(stage.last.url).toContain('after=2&epoch=e&wait=25');
    stage.last.refuse(410, {}, { error: 'history-gone', reason: 'epoch', floor: 0, head: 1, epoch: 'f', snapshot: snapshot(1, 'f')[1] });
    await turn();
    expect([replica.epoch, replica.version]).toEqual(['f', 1]);
  });

  it('polls too when the streams that were cut bring nothing, after one that was ended properly', async () => {
    const stage = new Stage();
    stage.open();
    await stage.goLive();
    await stage.send(['bye', { reason: 'rotate', retryAfter: 0 }]);
    for (let round = 0; round < 3; round++) {
      stage.clock.pass(900);
      await turn();
      expect(stage.last.url).toContain('/stream');
      const stream = new ModelStream(true);
      stage.last.answer(stream);
      stream.cut(false);
      await turn();
    }
    stage.clock.pass(900);
    await turn();
    expect(stage.last.url).toContain('/events');
  });

  it('speaks version 1 of the protocol only', async () => {
    const stage = new Stage();
    const replica = stage.open();
    await turn();
    stage.stream = new ModelStream(true);
    stage.last.answer(stage.stream);
    await turn();
    await stage.send(['hello', { proto: 2 }]);
    expect(replica.error).toEqual({ reason: 'protocol' });
  });

  it.each(['', 'games', 'games/', '/x'])('refuses the ref %j', (ref) => {
    expect(() => createReplica({ url: '/sync', ref })).toThrow(TypeError);
  });
});

describe('A set of replicas', () => {
  it('has one connection for all documents, and opens it again when they change', async () => {
    const stage = new Stage();
    const set = createReplicaSet<{ v: number }>({ ...(stage.options as unknown as ReplicaSetOptions<{ v: number }>), refs: ['games/a', 'games/b'] });
    opened.push(set);
    await turn();
    expect([stage.last.url, stage.last.init.method, stage.last.init.body]).toEqual(['https://example.org/sync/stream?types=plain', 'POST', '{"docs":{"games/a":null,"games/b":null}}']);
    stage.stream = new ModelStream(false);
    stage.last.answer(stage.stream);
    await turn();
    const of = (ref: string, v: number) => ['snapshot', { ref, v, epoch: 'e', doc: { v } }] as const;
    await stage.send(['hello', { proto: 1, hb: 1_000 }], of('games/a', 1), ['live', { ref: 'games/a', v: 1 }], of('games/b', 2));
    expect([set.status, set.get('games/a')?.status, set.get('games/b')?.status]).toEqual(['catching-up', 'live', 'catching-up']);
    await stage.send(['live', { ref: 'games/b', v: 2 }]);
    await set.ready;
    expect([set.status, set.get('games/b')?.value]).toEqual(['live', { v: 2 }]);
    set.setRefs(['games/b', 'games/c']);
    set.setRefs(['games/b', 'games/d']);
    await turn();
    expect(stage.asked).toHaveLength(2);
    expect(stage.last.init.body).toBe('{"docs":{"games/b":{"v":2,"epoch":"e"},"games/d":null}}');
    expect(set.get('games/a')).toBeUndefined();
  });

  it('goes on after a document was erased, and notices by sync what it has missed', async () => {
    const stage = new Stage();
    const set = createReplicaSet({ ...(stage.options as unknown as ReplicaSetOptions<never>), refs: ['games/a', 'games/b'] });
    opened.push(set);
    await turn();
    stage.stream = new ModelStream(false);
    stage.last.answer(stage.stream);
    await turn();
    await stage.send(
      ['hello', { proto: 1, hb: 1_000 }],
      ['snapshot', { ref: 'games/a', v: 1, epoch: 'e', doc: {} }],
      ['live', { ref: 'games/a', v: 1 }],
      ['reset', { ref: 'games/b', reason: 'purged' }],
    );
    expect([set.status, set.get('games/b')?.deleted]).toEqual(['live', true]);
    await stage.send(['sync', { docs: { 'games/a': { v: 1, epoch: 'e' } } }]);
    expect(set.status).toBe('live');
    await stage.send(['sync', { docs: { 'games/a': { v: 2, epoch: 'e' } } }]);
    expect(set.status).toBe('reconnecting');
  });
});
