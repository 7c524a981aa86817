import { InvalidOptionsError } from '../errors/invalid-options.error.js';
import { createRedaction, isRedactionPath, type Redaction } from './redaction.js';
import type { SyncRef } from './sync-ref.js';

/** Who asks, as far as HTTP tells. */
export interface SyncContext {
  /** The request of the framework, with whatever the application's guards put there. */
  readonly request: unknown;
  /** Its headers, names in lower case. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** The address of the client as the framework tells it; behind a proxy that depends on its trust settings. */
  readonly address: string;
}

/** What somebody may do with one document. */
export interface SyncDecision {
  /** `false` is answered like a document that does not exist. */
  readonly allow: boolean;
  /** When this ends; the stream says `bye token` then. Left out: not before the stream is rotated. */
  readonly until?: Date;
  /** The class of `redactions` that hides what this client must not see. Left out: nothing is hidden. */
  readonly redact?: string;
}

/** Decides before anything of the document is read. What it throws refuses the request, with the status of a Nest `HttpException` 401 or 403. */
export type AuthorizeStream = (context: SyncContext, ref: SyncRef) => SyncDecision | Promise<SyncDecision>;

/** Options of `EventSourcedSyncModule`. Times are milliseconds. */
export interface SyncModuleOptions {
  /** Who may follow what. Without it there are no routes. */
  authorizeStream?: AuthorizeStream;
  /** The name of the user behind a request, for the limits per user. Default: nobody has one, and the limit per address counts. */
  identify?: (context: SyncContext) => string | undefined;
  /** Models that can be followed, by name. @default every model of `forFeature()` */
  models?: readonly string[];
  /**
   * Classes of what is hidden, by name: dotted paths, where `*` is any one key and indexes need not be named, and the facts of events
   * `@clientId`, `@by` and `@operationId`. @default none
   */
  redactions?: Readonly<Record<string, readonly string[]>>;
  /** Origins (`https://app.example`) beside the request's own that may send cookies along. @default none */
  allowedOrigins?: readonly string[];
  /** The metadata key that names the user behind a change; becomes `by`. @default 'by' */
  authorKey?: string;
  /** Between two heartbeats of a stream, ±10 %. `0` is refused. @default 15_000 */
  heartbeatMs?: number;
  /** After how long a stream ends with `bye rotate`, ±20 %, so that its client is authorised again. `0` is refused. @default 600_000 */
  rotateMs?: number;
  /** How long a client may not read before its stream is destroyed. `0` is refused. @default 20_000 */
  slowMs?: number;
  /** How often the database is asked for changes of other processes when `watchEnabled` is false. `0` is refused. @default 1_000 */
  pollMs?: number;
  /** The `retry:` line of a stream: how long a browser waits before it connects again. `0` is at once. @default 2_000 */
  retryMs?: number;
  /** The longest long-poll. `0` never waits. @default 25_000 */
  maxWaitMs?: number;
  /** How long a document is kept in memory after the last client left it. `0` forgets it at once. @default 30_000 */
  lingerMs?: number;
  /** Streams and waiting polls of this process. `0` is refused. @default 5_000 */
  maxStreams?: number;
  /** The same of one user, as `identify` names it. `0` is refused. @default 20 */
  maxStreamsPerUser?: number;
  /** The same of one address. `0` is refused. @default 500 */
  maxStreamsPerAddress?: number;
  /** Documents of one stream or pull. At most 1,000. `0` is refused. @default 100 */
  maxDocuments?: number;
  /**
   * Bytes of old events that one user (or address) is sent per minute; beyond, a stream goes on with a snapshot and a page is refused with
   * 429. `0` is refused. @default 67_108_864 (64 MiB)
   */
  maxReplayBytes?: number;
  /** Bytes of the body of a request. `0` is refused. @default 65_536 (64 KiB) */
  maxBodyBytes?: number;
  /** Events of one page. At most 10,000. `0` is refused. @default 500 */
  pageEvents?: number;
  /** Bytes of one page, about; at least one event. `0` is refused. @default 1_048_576 (1 MiB) */
  pageBytes?: number;
  /** Bytes of one frame; a larger one becomes a snapshot with an address. `0` is refused. @default 1_048_576 (1 MiB) */
  maxFrameBytes?: number;
  /** Events that are kept in memory of each followed document. `0` is refused. @default 256 */
  ringLength?: number;
  /** Bytes of all those events and their frames together. `0` is refused. @default 67_108_864 (64 MiB) */
  maxRingBytes?: number;
  /** In the mode `latest`: how many events behind a client is sent the newest state in their place. `0`: always. @default 100 */
  latestAfter?: number;
  /** Random numbers from 0 to below 1, for jitter. For tests. @default Math.random */
  random?: () => number;
}

const mebibyte = 1_048_576;

type NumberKey = { [K in keyof SyncModuleOptions]-?: NonNullable<SyncModuleOptions[K]> extends number ? K : never }[keyof SyncModuleOptions];

const numbers: Readonly<Record<NumberKey, number>> = {
  heartbeatMs: 15_000,
  rotateMs: 600_000,
  slowMs: 20_000,
  pollMs: 1_000,
  retryMs: 2_000,
  maxWaitMs: 25_000,
  lingerMs: 30_000,
  maxStreams: 5_000,
  maxStreamsPerUser: 20,
  maxStreamsPerAddress: 500,
  maxDocuments: 100,
  maxReplayBytes: 64 * mebibyte,
  maxBodyBytes: 65_536,
  pageEvents: 500,
  pageBytes: mebibyte,
  maxFrameBytes: mebibyte,
  ringLength: 256,
  maxRingBytes: 64 * mebibyte,
  latestAfter: 100,
};

const mayBeZero: ReadonlySet<NumberKey> = new Set(['retryMs', 'maxWaitMs', 'lingerMs', 'latestAfter']);
const ceilings: Partial<Record<NumberKey, number>> = { maxDocuments: 1_000, pageEvents: 10_000 };
/** Node's timers fire at once above this; a rotation is at most a fifth longer than its option. */
const longestTimerMs = Math.floor(2_147_483_647 / 1.2);

/** Every option, decided. */
export interface ResolvedSyncOptions extends Readonly<Record<NumberKey, number>> {
  readonly authorizeStream: AuthorizeStream;
  readonly identify: (context: SyncContext) => string | undefined;
  readonly models: readonly string[] | undefined;
  readonly redactions: ReadonlyMap<string, Redaction>;
  readonly allowedOrigins: ReadonlySet<string>;
  readonly authorKey: string;
  readonly random: () => number;
}

/** @throws InvalidOptionsError with all problems */
export function resolveSyncOptions(given: SyncModuleOptions): ResolvedSyncOptions {
  const problems: string[] = [];
  const known: ReadonlySet<string> = new Set([...Object.keys(numbers), 'authorizeStream', 'identify', 'models', 'redactions', 'allowedOrigins', 'authorKey', 'random']);
  for (const key of Object.keys(given)) if (!known.has(key)) problems.push(`EventSourcedSyncModule: unknown option "${key}"`);
  const { authorizeStream, identify = () => undefined, models, redactions = {}, allowedOrigins = [], authorKey = 'by', random = Math.random } = given;
  for (const [name, value] of Object.entries({ authorizeStream, identify, random })) {
    if (typeof value !== 'function') problems.push(`EventSourcedSyncModule: ${name} must be a function`);
  }
  const resolved: ResolvedSyncOptions = {
    ...(Object.fromEntries((Object.keys(numbers) as NumberKey[]).map((key) => [key, checkNumber(key, given[key] ?? numbers[key], problems)])) as Record<NumberKey, number>),
    authorizeStream: authorizeStream as AuthorizeStream,
    identify,
    models: models === undefined || isTexts(models) ? models : wrong('models must be an array of names', problems, undefined),
    redactions: resolveRedactions(redactions, problems),
    allowedOrigins: new Set(isTexts(allowedOrigins) ? allowedOrigins : wrong('allowedOrigins must be an array of origins', problems, [])),
    authorKey: isTexts([authorKey]) && authorKey !== '' ? authorKey : wrong('authorKey must be a text', problems, 'by'),
    random,
  };
  if (problems.length > 0) throw new InvalidOptionsError(problems);
  return resolved;
}

function resolveRedactions(given: unknown, problems: string[]): ReadonlyMap<string, Redaction> {
  const redactions = new Map<string, Redaction>();
  if (typeof given !== 'object' || given === null) return wrong('redactions must be an object of classes', problems, redactions);
  for (const [name, paths] of Object.entries(given as Record<string, unknown>)) {
    if (name !== '' && Array.isArray(paths) && paths.every(isRedactionPath)) redactions.set(name, createRedaction(name, paths));
    else problems.push(`EventSourcedSyncModule: redactions.${name} must be an array of dotted paths or @clientId, @by, @operationId`);
  }
  return redactions;
}

function checkNumber(key: NumberKey, value: unknown, problems: string[]): number {
  const least = mayBeZero.has(key) ? 0 : 1;
  const most = ceilings[key] ?? (key.endsWith('Ms') ? longestTimerMs : Number.MAX_SAFE_INTEGER);
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= least && value <= most) return value;
  return wrong(`${key} must be an integer from ${least} to ${most}, it is ${String(value)}`, problems, numbers[key]);
}

function wrong<V>(what: string, problems: string[], instead: V): V {
  problems.push(`EventSourcedSyncModule: ${what}`);
  return instead;
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}
