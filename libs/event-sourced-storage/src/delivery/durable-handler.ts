import type { DocumentEvent } from '../model/document-event.js';
import type { DocumentId } from '../model/document-id.js';
import type { TransactionSession } from '../read/document-reader.js';

/**
 * Where a new handler begins. `'beginning'`: with the first event of every document. `'now'`: with what is committed after its first start.
 * A date: per document with the first event that was recorded at or after it, and everything behind that one; events carry the clocks of
 * the processes that wrote them. Kept with the handler: another value later changes nothing until `reset()`.
 */
export type HandlerStart = 'beginning' | 'now' | Date;

/** Options of `@DurableEventsHandler()`. Durations are milliseconds. */
export interface DurableHandlerOptions {
  /** What its progress is kept under: 1 to 100 characters, unique in the application, the same after every deploy. */
  readonly name: string;
  /** The model whose events it handles, as given to `forFeature()`; usually `Game.name`. */
  readonly model: string;
  /**
   * The Mongoose connection of the model, as given to `forFeature()`.
   * @default the unnamed one
   */
  readonly connectionName?: string;
  /** Where it begins the first time. */
  readonly from: HandlerStart;
  /**
   * Into how many parts the documents are divided: as many processes can share the work, and in each part one event is handled at a time.
   * Kept with the handler: another number later changes nothing until `reset()`. At most 256, `0` is refused.
   * @default 8
   */
  readonly partitions?: number;
  /**
   * How often one event is tried before its document is parked. `1`: no second try; `0` is refused.
   * @default 8
   */
  readonly maxAttempts?: number;
  /**
   * Upper bound of the first wait between two tries; it doubles, and the real wait is a random part of it. `0`: none.
   * @default 200
   */
  readonly retryDelayMs?: number;
  /**
   * Where the doubling ends.
   * @default 30_000
   */
  readonly maxRetryDelayMs?: number;
  /**
   * How long one call may take; a longer one counts as failed, and its `signal` is aborted. `0` is refused.
   * @default 30_000
   */
  readonly timeoutMs?: number;
  /**
   * After how long without a sign of life the parts of a process go to others. At least 1,000.
   * @default 10_000
   */
  readonly leaseMs?: number;
  /**
   * What an event does that failed `maxAttempts` times while the handler is still behind its start: `'park'` its document, as when live,
   * or `'stop'` the handler, for projections that are worthless with a hole.
   * @default 'park'
   */
  readonly whileRebuilding?: 'park' | 'stop';
}

/** What a handler is told beside the event. */
export interface DeliveryContext {
  /** `name/collection/id@serverSeq`: the same at every delivery of this event, for effects that must happen once elsewhere. */
  readonly deliveryId: string;
  /** `1` at the first try. Starts again after a crash and after `redeliver()`. */
  readonly attempt: number;
  /**
   * A transaction on the connection of the model. What is written in it commits together with the progress of the handler, so exactly
   * once; it may run again when it lost a race. A handler that never asks for it pays nothing. It ends with the call: await all that uses it, and
   * throw what fails in it, for the server has then ended the transaction. @throws InvalidArgumentError after the call
   */
  readonly session: TransactionSession;
  /** Aborted when the time is over, and when the application shuts down. */
  readonly signal: AbortSignal;
  /** The events before this one that were compacted away before the handler saw them; ask `stateAt()` for what they led to. */
  readonly compacted: { readonly from: number; readonly to: number } | undefined;
}

/** What a class with `@DurableEventsHandler()` offers. */
export interface DurableHandler<T = Record<string, unknown>> {
  /**
   * Called with every event of every document, per document in the order of the numbers, at least once. Resolves when it is done;
   * whatever it throws is tried again later.
   */
  handle(event: DocumentEvent<T>, context: DeliveryContext): Promise<void> | void;
}

/** The options of a handler, decided. */
export interface ResolvedHandlerOptions extends Required<Omit<DurableHandlerOptions, 'connectionName'>> {
  readonly connectionName: string | undefined;
}

const defaults = { partitions: 8, maxAttempts: 8, retryDelayMs: 200, maxRetryDelayMs: 30_000, timeoutMs: 30_000, leaseMs: 10_000 } as const;
const least = { partitions: 1, maxAttempts: 1, retryDelayMs: 0, maxRetryDelayMs: 0, timeoutMs: 1, leaseMs: 1_000 } as const;
const known = new Set(['name', 'model', 'connectionName', 'from', 'whileRebuilding', ...Object.keys(defaults)]);
/** Above this, Node's timers fire at once. */
const longestTimerMs = 2_147_483_647;

/** Decides the options of one handler; what is wrong is added to `problems`. */
export function resolveHandlerOptions(given: DurableHandlerOptions, problems: string[]): ResolvedHandlerOptions {
  const where = `durable handler "${given.name}"`;
  const resolved: ResolvedHandlerOptions = { connectionName: undefined, whileRebuilding: 'park', ...defaults, ...defined(given) };
  for (const key of Object.keys(given)) if (!known.has(key)) problems.push(`${where}: unknown option "${key}"`);
  for (const key of ['name', 'model'] as const) {
    if (typeof resolved[key] !== 'string' || resolved[key] === '' || resolved[key].length > 100) problems.push(`${where}: ${key} must be a text of 1 to 100 characters`);
  }
  if (!isStart(resolved.from)) problems.push(`${where}: from must be "beginning", "now" or a valid Date, it is ${String(resolved.from)}`);
  for (const key of Object.keys(defaults) as (keyof typeof defaults)[]) {
    const most = key === 'partitions' ? 256 : longestTimerMs;
    const value = resolved[key];
    if (!Number.isSafeInteger(value) || value < least[key] || value > most) problems.push(`${where}: ${key} must be an integer from ${least[key]} to ${most}, it is ${String(value)}`);
  }
  if (!['park', 'stop'].includes(resolved.whileRebuilding)) problems.push(`${where}: whileRebuilding must be "park" or "stop"`);
  return resolved;
}

/** Whether something says where a handler begins. */
export function isStart(from: unknown): from is HandlerStart {
  return from === 'beginning' || from === 'now' || (from instanceof Date && !Number.isNaN(from.getTime()));
}

/** The address of one delivery. */
export function deliveryIdOf(name: string, collection: string, documentId: DocumentId, serverSeq: number): string {
  return `${name}/${collection}/${String(documentId)}@${serverSeq}`;
}

function defined(given: DurableHandlerOptions): DurableHandlerOptions {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as unknown as DurableHandlerOptions;
}
