import type { Upcaster } from '../model/upcaster.js';
import { checkUpcasters } from './check-upcasters.js';
import { checkSnapshotOptions, type ResolvedSnapshotOptions, resolveSchedulerOptions, resolveSnapshotOptions, type SnapshotSchedulerOptions } from './snapshot-options.js';
import type { FeatureOptions, SharedOptions, StorageModuleOptions } from './storage-options.js';

/** Every option of one feature, decided. Made once at start; nothing reads the given options afterwards. */
export interface ResolvedFeatureOptions extends Required<SharedOptions> {
  readonly collection: string;
  readonly versionField: string;
  readonly eventsCollection: string;
  readonly snapshotsCollection: string;
  readonly streamsCollection: string;
  readonly schemaVersion: number | undefined;
  readonly onUnrecordedChange: 'warn' | 'record' | 'ignore';
  readonly snapshots: ResolvedSnapshotOptions;
  readonly upcasters: readonly Upcaster[];
  readonly eventChecksums: boolean;
}

/** Every option of the module, decided; `cache` stays `undefined` for the default cache. */
export interface ResolvedModuleOptions {
  readonly cache: StorageModuleOptions['cache'];
  readonly cacheMaxBytes: number;
  readonly cacheTimeoutMs: number;
  readonly watchEnabled: boolean;
  readonly watchFullDocument: 'updateLookup' | 'required' | 'whenAvailable' | 'default';
  readonly publish: 'committer' | 'everywhere' | 'never';
  readonly now: () => number;
  readonly random: () => number;
  readonly newFlightId: (() => unknown) | undefined;
  /** `undefined`: this process makes no snapshots by itself. */
  readonly snapshotScheduler: Required<SnapshotSchedulerOptions> | undefined;
  readonly checkpoint: StorageModuleOptions['checkpoint'];
}

const mebibyte = 1_048_576;

/** The defaults, once. Reasons and units stand at the options. */
export const sharedDefaults: Required<SharedOptions> = {
  cacheTTL: 600_000,
  maxQueued: 100_000,
  maxFlightChanges: 500,
  maxFlightBytes: 4 * mebibyte,
  flights: 1,
  maxRetries: 100,
  retryDelayMs: 10,
  maxRetryDelayMs: 100,
  timeoutMs: 30_000,
  maxDocumentBytes: 15 * mebibyte,
  maxEventBytes: 2 * mebibyte,
  warnEventBytes: mebibyte,
  warnHistoryLength: 10_000,
};

const positive: ReadonlySet<keyof SharedOptions> = new Set(['maxQueued', 'maxFlightChanges', 'maxFlightBytes', 'flights', 'maxDocumentBytes', 'maxEventBytes']);
const ceilings: Partial<Record<keyof SharedOptions, number>> = { maxDocumentBytes: 15 * mebibyte, maxEventBytes: 15 * mebibyte, maxFlightBytes: 8 * mebibyte, flights: 16, maxFlightChanges: 10_000 };
/** Above this, Node's timers fire at once. */
const longestTimerMs = 2_147_483_647;
const fullDocumentModes = ['updateLookup', 'required', 'whenAvailable', 'default'] as const;
const moduleKeys = [
  'cache', 'cacheMaxBytes', 'cacheTimeoutMs', 'watchEnabled', 'watchFullDocument', 'publish', 'now', 'random', 'newFlightId', 'snapshots', 'snapshotScheduler', 'checkpoint',
];
const featureKeys = ['onUnrecordedChange', 'snapshots', 'versionField', 'eventsCollection', 'snapshotsCollection', 'streamsCollection', 'schemaVersion', 'upcasters', 'eventChecksums', 'name', 'schema', 'collection', 'discriminators'];

/** Decides the module's own options; what is wrong is added to `problems`. */
export function resolveModuleOptions(given: StorageModuleOptions, problems: string[]): ResolvedModuleOptions {
  if (typeof given !== 'object' || (given as unknown) === null) {
    problems.push(`forRoot: options must be an object, they are ${typeof given}`);
    return resolveModuleOptions({}, problems);
  }
  refuseUnknown('forRoot', given, [...moduleKeys, ...Object.keys(sharedDefaults)], problems);
  checkShared('forRoot', given, problems);
  const resolved: ResolvedModuleOptions = {
    cache: given.cache,
    cacheMaxBytes: given.cacheMaxBytes ?? 64 * mebibyte,
    cacheTimeoutMs: given.cacheTimeoutMs ?? 250,
    watchEnabled: given.watchEnabled ?? true,
    watchFullDocument: given.watchFullDocument ?? 'updateLookup',
    publish: given.publish ?? 'committer',
    now: given.now ?? Date.now,
    random: given.random ?? Math.random,
    newFlightId: given.newFlightId,
    snapshotScheduler: resolveSchedulerOptions(given.snapshotScheduler, problems),
    checkpoint: given.checkpoint,
  };
  checkNumber('forRoot', 'cacheMaxBytes', resolved.cacheMaxBytes, 1, Number.MAX_SAFE_INTEGER, problems);
  checkNumber('forRoot', 'cacheTimeoutMs', resolved.cacheTimeoutMs, 0, longestTimerMs, problems);
  checkModuleTypes(resolved, problems);
  checkSnapshotOptions('forRoot', given.snapshots, problems);
  return resolved;
}

/** Decides the options of one feature: the feature's own word, else the module's, else the default. */
export function resolveFeatureOptions(
  module: StorageModuleOptions,
  feature: FeatureOptions,
  facts: { readonly name: string; readonly collection: string; readonly schemaVersionKey: unknown },
  problems: string[],
): ResolvedFeatureOptions {
  const where = `forFeature "${facts.name}"`;
  refuseUnknown(where, feature, [...featureKeys, ...Object.keys(sharedDefaults)], problems);
  checkShared(where, feature, problems);
  const shared = Object.fromEntries(
    Object.entries(sharedDefaults).map(([key, value]) => [key, feature[key as keyof SharedOptions] ?? module[key as keyof SharedOptions] ?? value]),
  ) as unknown as Required<SharedOptions>;
  const resolved: ResolvedFeatureOptions = {
    ...shared,
    collection: facts.collection,
    versionField: feature.versionField ?? defaultVersionField(facts.schemaVersionKey),
    eventsCollection: feature.eventsCollection ?? `${facts.collection}_events`,
    snapshotsCollection: feature.snapshotsCollection ?? `${facts.collection}_snapshots`,
    streamsCollection: feature.streamsCollection ?? `${facts.collection}_streams`,
    schemaVersion: feature.schemaVersion,
    onUnrecordedChange: feature.onUnrecordedChange ?? 'warn',
    snapshots: resolveSnapshotOptions(module.snapshots, feature.snapshots),
    upcasters: feature.upcasters ?? [],
    eventChecksums: feature.eventChecksums ?? true,
  };
  checkNames(where, resolved, problems);
  checkSnapshotOptions(where, feature.snapshots, problems);
  if (!['warn', 'record', 'ignore'].includes(resolved.onUnrecordedChange)) problems.push(`${where}: onUnrecordedChange must be "warn", "record" or "ignore"`);
  if (resolved.schemaVersion !== undefined) checkNumber(where, 'schemaVersion', resolved.schemaVersion, 1, Number.MAX_SAFE_INTEGER, problems);
  checkUpcasters(where, resolved.upcasters, resolved.schemaVersion, problems);
  if (typeof resolved.eventChecksums !== 'boolean') problems.push(`${where}: eventChecksums must be true or false`);
  return resolved;
}

function defaultVersionField(versionKey: unknown): string {
  return typeof versionKey === 'string' && versionKey !== '__v' ? versionKey : 'version';
}

function refuseUnknown(where: string, given: object, known: readonly string[], problems: string[]): void {
  for (const key of Object.keys(given)) {
    if (!known.includes(key)) problems.push(`${where}: unknown option "${key}"`);
  }
}

function checkShared(where: string, given: SharedOptions, problems: string[]): void {
  for (const key of Object.keys(sharedDefaults) as (keyof SharedOptions)[]) {
    const value = given[key];
    if (value === undefined) continue;
    const ceiling = ceilings[key] ?? (key.endsWith('Ms') || key === 'cacheTTL' ? longestTimerMs : Number.MAX_SAFE_INTEGER);
    checkNumber(where, key, value, positive.has(key) ? 1 : 0, ceiling, problems);
  }
}

function checkNumber(where: string, key: string, value: unknown, least: number, most: number, problems: string[]): void {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= least && value <= most) return;
  problems.push(`${where}: ${key} must be an integer from ${least} to ${most}, it is ${String(value)}`);
}

function checkModuleTypes(options: ResolvedModuleOptions, problems: string[]): void {
  const { cache } = options;
  const isCache = typeof cache === 'object' && (cache as unknown) !== null && (['get', 'set', 'del'] as const).every((method) => typeof cache[method] === 'function');
  if (cache !== undefined && cache !== false && !isCache) problems.push('forRoot: cache must be a cache-manager cache (get, set, del) or false');
  if (typeof options.watchEnabled !== 'boolean') problems.push('forRoot: watchEnabled must be true or false');
  if (!fullDocumentModes.includes(options.watchFullDocument)) problems.push(`forRoot: watchFullDocument must be one of ${fullDocumentModes.join(', ')}`);
  if (!['committer', 'everywhere', 'never'].includes(options.publish)) problems.push('forRoot: publish must be "committer", "everywhere" or "never"');
  if (options.publish === 'everywhere' && (options.watchEnabled as unknown) === false) problems.push('forRoot: publish "everywhere" needs watchEnabled: true');
  for (const key of ['now', 'random'] as const) {
    if (typeof options[key] !== 'function') problems.push(`forRoot: ${key} must be a function`);
  }
  for (const key of ['newFlightId', 'checkpoint'] as const) {
    if (options[key] !== undefined && typeof options[key] !== 'function') problems.push(`forRoot: ${key} must be a function`);
  }
}

function checkNames(where: string, options: ResolvedFeatureOptions, problems: string[]): void {
  const versionField: unknown = options.versionField;
  if (typeof versionField !== 'string' || !/^[A-Za-z_][\w-]*$/.test(versionField) || versionField === '_id') {
    problems.push(`${where}: versionField must be a plain top-level field name, it is "${String(versionField)}"`);
  }
  for (const key of ['eventsCollection', 'snapshotsCollection', 'streamsCollection'] as const) {
    const name: unknown = options[key];
    if (typeof name !== 'string' || name === '' || name.includes('$') || name.includes('\0') || name.startsWith('system.')) {
      problems.push(`${where}: ${key} must be a collection name, it is "${String(name)}"`);
    }
  }
}
