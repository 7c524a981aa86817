/** Clients of every kind against the model server, under seeded faults, with every state that a client shows compared with the truth. */
import { Channel } from '../channel.js';
import type { DocumentReplica } from '../document-replica.js';
import { type Activity, settle } from '../options.js';
import { protocolRules, type Rules } from '../replica-state.js';
import type { ReplicaStorage } from '../storage.js';
import { type Flaws, ModelServer } from './model-server.js';

type Json = Record<string, unknown>;

export interface SimulationOptions {
  readonly steps?: number;
  readonly flaws?: Flaws;
  readonly rules?: Partial<Rules>;
}

export interface Outcome {
  /** States that were compared: shown and stored ones. */
  readonly checked: number;
  readonly wrong: readonly string[];
  /** Clients that were not equal to the server in the end, although nothing failed any more. */
  readonly behind: readonly string[];
  /** How often what happened, to see that a run is worth something. */
  readonly happened: ReadonlyMap<string, number>;
}

/** Numbers below 1 and not below 0 that depend on the seed only (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Lets everything happen that waits for nothing outside. */
export function turn(): Promise<void> {
  return new Promise((resume) => setImmediate(resume));
}

/** A clock that stands still unless told. */
export class ModelClock {
  time = 1_000_000;
  private readonly plans = new Set<{ readonly at: number; readonly run: () => void }>();

  readonly now = (): number => this.time;

  readonly schedule = (run: () => void, ms: number): (() => void) => {
    const plan = { at: this.time + ms, run };
    this.plans.add(plan);
    return () => this.plans.delete(plan);
  };

  pass(ms: number): void {
    this.time += ms;
    for (const plan of Array.from(this.plans).toSorted((a, b) => a.at - b.at)) {
      if (plan.at <= this.time && this.plans.delete(plan)) plan.run();
    }
  }
}

/** A disk: every operation takes a while, may fail, and is gone when the power goes before it is done. */
export class ModelDisk {
  readonly kept: Map<string, unknown> = new Map();
  private waiting: ((isLost: boolean) => void)[] = [];

  constructor(private readonly written: (key: string, value: unknown) => void = () => undefined) {}

  get isBusy(): boolean {
    return this.waiting.length > 0;
  }

  readonly storage = (): ReplicaStorage => {
    const later = <R>(act: () => R): Promise<R> =>
      new Promise((resolve, reject) => {
        this.waiting.push((isLost) => (isLost ? reject(new Error('disk full')) : resolve(act())));
      });
    return {
      get: (key) => later(() => structuredClone(this.kept.get(key))),
      set: (key, value) => {
        const copy = structuredClone(value);
        return later(() => {
          this.kept.set(key, copy);
          this.written(key, copy);
        });
      },
      delete: (key) => later(() => void this.kept.delete(key)),
      clear: () => later(() => this.kept.clear()),
    };
  };

  /** One operation comes to its end. */
  work(fails: boolean): void {
    this.waiting.shift()?.(fails);
  }

  /** What was not done is never done, and nobody hears of it. */
  losePower(): void {
    this.waiting = [];
  }
}

const collection = 'games';
const kinds = ['single', 'set', 'short', 'short set'] as const;

/** One device: its disk outlives its page. */
class Device {
  readonly disk: ModelDisk;
  channel: Channel | undefined;
  private isVisible = true;
  private changed: (() => void) | undefined;

  constructor(
    readonly name: string,
    readonly kind: (typeof kinds)[number],
    private readonly refs: readonly string[],
    private readonly world: World,
  ) {
    this.disk = new ModelDisk((key, value) => {
      const [, address = ''] = key.split(' ');
      if (key !== 'user') this.world.check(`${name} stored`, address.replace('/sync/', ''), value as { doc: Json | undefined; v: number; epoch: string });
    });
  }

  get replicas(): DocumentReplica<Json>[] {
    return Array.from(this.channel?.replicas.values() ?? []) as unknown as DocumentReplica<Json>[];
  }

  start(): void {
    const { clock, random, server, rules } = this.world;
    const activity: Activity = {
      isActive: () => this.isVisible,
      watch: (changed) => {
        this.changed = changed;
        return () => undefined;
      },
    };
    const isShort = this.kind.startsWith('short');
    const settings = settle({
      url: '/sync',
      fetch: server.fetch,
      headers: () => (isShort ? { 'x-line': 'short' } : {}),
      storage: this.disk.storage(),
      onError: () => undefined,
      activity,
      random,
      now: clock.now,
      schedule: (run, ms) => clock.schedule(() => this.channel === channel && run(), ms),
    });
    const channel = new Channel(settings, !this.kind.endsWith('set'), () => undefined, rules);
    for (const ref of this.refs) {
      const replica = channel.add<Json>(ref);
      replica.subscribe(() => this.world.check(this.name, ref, { doc: replica.confirmed, v: replica.version, epoch: replica.epoch }));
    }
    this.channel = channel;
    void channel.connect();
  }

  /** The page is gone, without a word. */
  crash(): void {
    this.disk.losePower();
    const { channel } = this;
    this.channel = undefined;
    void channel?.close();
    this.disk.losePower();
    this.start();
  }

  show(isVisible: boolean): void {
    this.isVisible = isVisible;
    this.changed?.();
  }
}

class World {
  readonly clock = new ModelClock();
  readonly server: ModelServer;
  readonly rules: Rules;
  checked = 0;
  readonly wrong: string[] = [];

  constructor(
    readonly random: () => number,
    { flaws = {}, rules = {} }: SimulationOptions,
  ) {
    this.server = new ModelServer(flaws, random);
    this.rules = { ...protocolRules, ...rules };
  }

  check(who: string, ref: string, { doc, v, epoch }: { readonly doc: Json | undefined; readonly v: number; readonly epoch: string }): void {
    this.checked++;
    const truth = v === 0 ? { doc: undefined } : this.server.truthAt(ref, epoch, v);
    if (truth === undefined || !isSame(doc, truth.doc)) {
      this.wrong.push(`${who}: ${ref} at ${epoch}.${v} is ${JSON.stringify(doc)}, and was ${JSON.stringify(truth?.doc)}`);
    }
  }
}

/** One run. Nothing in it depends on anything but the seed. */
export async function simulate(seed: number, options: SimulationOptions = {}): Promise<Outcome> {
  const random = seededRandom(seed);
  const world = new World(random, options);
  const { server, clock } = world;
  const int = (below: number): number => Math.floor(random() * below);
  const pick = <V>(all: Iterable<V>): V | undefined => {
    const list = Array.from(all);
    return list[int(list.length)];
  };
  const refs = [`${collection}/a`, `${collection}/b/1`];
  const aRef = (): string => refs[int(refs.length)] ?? '';
  let operations = 0;
  const write = (ref: string): void => {
    const cmd = `op${operations++}`;
    server.change(ref, cmd, (before) => {
      if (before === undefined) return { hits: 0, boss: { hp: int(1000), at: operations } };
      const boss = before['boss'] as Json;
      if (random() < 0.05) return undefined;
      if (random() < 0.2) return { ...before, list: Array.from({ length: int(3) }, () => int(9)) };
      if (random() < 0.2) return { hits: before['hits'], boss: { ...boss, shield: operations } };
      return { ...before, hits: (before['hits'] as number) + 1, boss: random() < 0.3 ? { hp: boss['hp'] } : { ...boss, hp: int(1000) } };
    });
  };
  for (const ref of refs) write(ref);
  const devices = kinds.map((kind, index) => new Device(`${kind} ${index}`, kind, kind.endsWith('set') ? refs : [refs[index % 2] ?? ''], world));
  for (const device of devices) device.start();

  const actions: readonly (readonly [string, number, () => void])[] = [
    ['write', 18, () => write(aRef())],
    ['compact', 4, () => server.compact(aRef())],
    ['purge', 1, () => server.purge(aRef())],
    ['restore', 1, () => server.restore(aRef())],
    ['restart', 1, () => server.restart()],
    ['answer', 14, () => ifAny(pick(server.pending), (pending) => server.answer(pending))],
    ['refuse', 2, () => ifAny(pick(server.pending), (pending) => server.refuse(pending, [0, 503, 429, 500][int(4)] ?? 0))],
    ['pump', 14, () => ifAny(pick(server.streams), (stream) => server.pump(stream))],
    ['heartbeat', 4, () => ifAny(pick(server.streams), (stream) => server.heartbeat(stream))],
    ['repeat', 2, () => ifAny(pick(server.streams), (stream) => server.repeat(stream))],
    ['rotate', 1, () => ifAny(pick(server.streams), (stream) => server.rotate(stream))],
    ['deliver', 24, () => ifAny(pick(server.streams), (stream) => stream.deliver(1 + int(400)))],
    ['lose', 2, () => ifAny(pick(server.streams), (stream) => stream.lose(int(5)))],
    ['cut', 3, () => ifAny(pick(server.streams), (stream) => stream.cut(random() < 0.5))],
    ['time', 12, () => clock.pass(int(3_000))],
    ['silence', 1, () => clock.pass(40_000)],
    ['disk', 14, () => pick(devices)?.disk.work(random() < 0.05)],
    ['crash', 1, () => pick(devices)?.crash()],
    ['hide', 1, () => pick(devices)?.show(false)],
    ['show', 2, () => pick(devices)?.show(true)],
    ['connect', 1, () => void pick(devices)?.channel?.connect()],
  ];
  const weight = actions.reduce((sum, [, each]) => sum + each, 0);
  const happened = new Map<string, number>();
  for (let step = 0; step < (options.steps ?? 150); step++) {
    let left = random() * weight;
    const [name, , act] = actions.find(([, each]) => (left -= each) < 0) ?? actions[0] ?? ['', 0, () => undefined];
    happened.set(name, (happened.get(name) ?? 0) + 1);
    act();
    if (random() < 0.7) await turn();
  }
  return { checked: world.checked, wrong: world.wrong, behind: await quiesce(world, devices), happened };
}

/** From here on nothing fails; answers who has not got everything in spite of it. */
async function quiesce({ server, clock }: World, devices: readonly Device[]): Promise<string[]> {
  for (const device of devices) device.show(true);
  let behind: string[] = [];
  for (let round = 0; round < 60; round++) {
    for (const { disk, channel, replicas } of devices) {
      while (disk.isBusy) {
        disk.work(false);
        await turn();
      }
      const isPurged = replicas.every(({ ref }) => server.current(ref).purged);
      if (channel?.status === 'error' && !isPurged) void channel.connect();
    }
    for (const pending of server.pending) server.answer(pending);
    await turn();
    for (const stream of server.streams) {
      server.heartbeat(stream);
      stream.deliver(Infinity);
    }
    await turn();
    behind = devices.flatMap((device) => unequal(device, server));
    if (round > 3 && behind.length === 0) break;
    clock.pass(round % 4 === 3 ? 40_000 : 2_000);
    await turn();
  }
  return behind;
}

function unequal({ name, replicas, disk }: Device, server: ModelServer): string[] {
  return replicas.flatMap((replica) => {
    const { epoch, events, state, purged } = server.current(replica.ref);
    const isRight = purged
      ? replica.value === undefined && replica.deleted && disk.kept.get(`plain /sync/${replica.ref}`) === undefined
      : replica.version === events.length && replica.epoch === epoch && !replica.stale && isSame(replica.value, state);
    return isRight ? [] : [`${name}: ${replica.ref} ${replica.status} at ${replica.epoch}.${replica.version}, the server ${purged ? 'purged' : ''} at ${epoch}.${events.length}`];
  });
}

/** Whatever the order of keys, and whichever realm the objects are from. */
function isSame(a: unknown, b: unknown): boolean {
  return sorted(a) === sorted(b);
}

function sorted(value: unknown): string | undefined {
  return JSON.stringify(value, (_key, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner) ? Object.fromEntries(Object.entries(inner).toSorted(([a], [b]) => (a < b ? -1 : 1))) : inner,
  );
}

function ifAny<V>(value: V | undefined, act: (value: V) => void): void {
  if (value !== undefined) act(value);
}
