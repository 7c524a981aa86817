/** What a snapshot policy decides by. */
export interface SnapshotFacts {
  /** The number of the newest event. */
  readonly head: number;
  /** The number of the newest snapshot; `0`: there is none. */
  readonly newestSnapshot: number;
  /** Events after the newest snapshot, all of them when there is none. Never `0` when a policy is asked. */
  readonly eventsSince: number;
  /** Milliseconds since the newest snapshot was made; since the oldest kept event when there is none. By this process's clock. */
  readonly msSince: number;
  /** BSON bytes of the events after the newest snapshot. Counted only for a policy that says `needsBytes`. */
  readonly bytesSince?: number;
  /** The newest event is a delete. */
  readonly isDeleted: boolean;
}

/** Whether a document is due for a snapshot. Pure; is asked often. */
export interface SnapshotPolicy {
  /** The answer for one document. */
  (facts: SnapshotFacts): boolean;
  /** Have `bytesSince` counted, which reads the keys and sizes of the events since the newest snapshot on the server. Default: no. */
  readonly needsBytes?: boolean;
  /** It may say yes later although nothing more happens: a changed document is looked at again and again until it does. Default: no. */
  readonly needsTime?: boolean;
}

/** When snapshots are made by themselves, and how long they are kept. Several rules are combined with *or*; without any, none is made. */
export interface SnapshotOptions {
  /**
   * A snapshot once so many events came after the newest one. `0`: not by number.
   * @default 0
   */
  everyEvents?: number;
  /**
   * A snapshot of a document that changed since its newest one, once that is so many milliseconds old. `0`: not by time.
   * @default 0
   */
  everyMs?: number;
  /**
   * A snapshot of a document that was deleted: its state is then `null`.
   * @default false
   */
  onDelete?: boolean;
  /**
   * A snapshot once the events after the newest one have so many BSON bytes. `0`: not by size.
   * @default 0
   */
  everyBytes?: number;
  /**
   * A rule of your own, for example `allOf(everyEvents(100), everyMs(60_000))`.
   * @default none
   */
  policy?: SnapshotPolicy;
  /**
   * The newest so many snapshots of a document are kept; of the others, those that `keepForMs` keeps. The newest and the one at the floor
   * are always kept. `0`: no such rule; without any, all are kept.
   * @default 0
   */
  keepLast?: number;
  /**
   * Snapshots younger than so many milliseconds are kept; of the others, those that `keepLast` keeps. `0`: no such rule.
   * @default 0
   */
  keepForMs?: number;
}

/** How the scheduler of snapshots runs. It is off unless these options are given. */
export interface SnapshotSchedulerOptions {
  /**
   * Pause between two rounds, in milliseconds. `0`: no rounds by themselves, only by `runSnapshots()`.
   * @default 10_000
   */
  everyMs?: number;
  /**
   * Most documents that one round looks at because they changed. `0` is refused.
   * @default 100
   */
  batch?: number;
  /**
   * Most documents that one round looks at on its way through all of them, by which nothing is missed that no notice told of. `0`: no such way.
   * @default 100
   */
  sweepBatch?: number;
  /**
   * How long the process that runs the rounds may be silent, in milliseconds, until another one takes over. `0` is refused.
   * @default 30_000
   */
  leaseMs?: number;
}

/** Every option of the snapshots of one feature, decided. */
export interface ResolvedSnapshotOptions extends Required<Omit<SnapshotOptions, 'policy'>> {
  readonly policy: SnapshotPolicy | undefined;
}

/** Above this, Node's timers fire at once. */
const longestTimerMs = 2_147_483_647;
const snapshotDefaults: ResolvedSnapshotOptions = { everyEvents: 0, everyMs: 0, onDelete: false, everyBytes: 0, policy: undefined, keepLast: 0, keepForMs: 0 };
const schedulerDefaults: Required<SnapshotSchedulerOptions> = { everyMs: 10_000, batch: 100, sweepBatch: 100, leaseMs: 30_000 };
const schedulerFloors: Required<SnapshotSchedulerOptions> = { everyMs: 0, batch: 1, sweepBatch: 0, leaseMs: 1 };

/** Decides the snapshot options of a feature: rule by rule the feature's own word, else the module's, else the default. */
export function resolveSnapshotOptions(module: SnapshotOptions | undefined, feature: SnapshotOptions | undefined): ResolvedSnapshotOptions {
  return { ...snapshotDefaults, ...defined(module), ...defined(feature) };
}

/** Adds what is wrong with given snapshot options to `problems`. */
export function checkSnapshotOptions(where: string, given: SnapshotOptions | undefined, problems: string[]): void {
  if (!isObject(`${where}: snapshots`, given, Object.keys(snapshotDefaults), problems)) return;
  for (const key of ['everyEvents', 'everyMs', 'everyBytes', 'keepLast', 'keepForMs'] as const) checkInteger(`${where}: snapshots.${key}`, given[key], 0, Number.MAX_SAFE_INTEGER, problems);
  if (given.onDelete !== undefined && typeof given.onDelete !== 'boolean') problems.push(`${where}: snapshots.onDelete must be true or false`);
  if (given.policy !== undefined && typeof given.policy !== 'function') problems.push(`${where}: snapshots.policy must be a function`);
}

/** Decides the scheduler's options; `undefined`: there is no scheduler. */
export function resolveSchedulerOptions(given: SnapshotSchedulerOptions | undefined, problems: string[]): Required<SnapshotSchedulerOptions> | undefined {
  const where = 'forRoot: snapshotScheduler';
  if (!isObject(where, given, Object.keys(schedulerDefaults), problems)) return undefined;
  for (const key of Object.keys(schedulerDefaults) as (keyof SnapshotSchedulerOptions)[]) {
    checkInteger(`${where}.${key}`, given[key], schedulerFloors[key], key.endsWith('Ms') ? longestTimerMs : 100_000, problems);
  }
  return { ...schedulerDefaults, ...defined(given) };
}

function isObject<T extends object>(where: string, given: T | undefined, known: readonly string[], problems: string[]): given is T {
  if (given === undefined) return false;
  if (typeof given !== 'object' || (given as unknown) === null) {
    problems.push(`${where} must be an object of named options`);
    return false;
  }
  for (const key of Object.keys(given)) if (!known.includes(key)) problems.push(`${where}: unknown option "${key}"`);
  return true;
}

function checkInteger(where: string, value: unknown, least: number, most: number, problems: string[]): void {
  if (value === undefined || (typeof value === 'number' && Number.isSafeInteger(value) && value >= least && value <= most)) return;
  problems.push(`${where} must be an integer from ${least} to ${most}, it is ${typeof value === 'number' ? value : `a ${typeof value}`}`);
}

function defined<T extends object>(given: T | undefined): Partial<{ [K in keyof T]-?: Exclude<T[K], undefined> }> {
  return Object.fromEntries(Object.entries(given ?? {}).filter(([, value]) => value !== undefined)) as Partial<{ [K in keyof T]-?: Exclude<T[K], undefined> }>;
}
