import type { InjectionToken } from '@nestjs/common';
import type { CloudEvent, CloudEventForm } from '../delivery/cloud-event.js';
import { type DurableHandlerOptions, resolveHandlerOptions } from '../delivery/durable-handler.js';
import { InvalidOptionsError } from '../errors/invalid-options.error.js';
import type { DocumentEvent } from '../model/document-event.js';
import { toWire } from '../sync/wire-value.js';
import type { RelayClient, RelayTransport } from './broker-message.js';

/** The client of a relay: an injection token, for example of Nest's `ClientsModule`, which closes it; or an instance, which the relay closes. */
export type RelayClientSource = InjectionToken | RelayClient;

/**
 * What a relay forwards, and in which form. The rest are the options of a durable handler: `name`, `model`, `connectionName`, `from`, `partitions`,
 * `leaseMs`, `whileRebuilding`, and for events that the broker refuses `maxAttempts`, `retryDelayMs`. An outage of the broker counts as no try.
 */
export interface RelayOptions extends Omit<DurableHandlerOptions, 'timeoutMs' | 'maxRetryDelayMs'> {
  /** What the client talks to. It decides the form of the messages and what counts as taken; `'other'`: the CloudEvent as it is. */
  readonly transport: RelayTransport;
  /** The topic, subject, channel or event name. */
  readonly pattern: string | ((event: DocumentEvent) => string);
  /**
   * `source` of the CloudEvents: a URI reference. Set another one when numbers begin to mean other events, as after restoring a backup.
   * @default '/' and the model
   */
  readonly source?: string;
  /**
   * What stands before `.created`, `.updated` and `.deleted` in `type`.
   * @default 'event-sourced-storage.document'
   */
  readonly typePrefix?: string;
  /**
   * Chooses or hides content: what it answers is `data`, with BSON values as Extended JSON. `undefined`: no `data`. The event is a copy.
   * @default the whole event
   */
  readonly data?: (event: DocumentEvent) => unknown;
  /**
   * Makes what `emit()` gets, for headers and records of one's own.
   * @default by `transport`: a Kafka message with its key, an MQTT record with QoS 1, a persistent RabbitMQ record, else the CloudEvent
   */
  readonly message?: (event: CloudEvent) => unknown;
  /**
   * How long the broker may take to acknowledge one event, in milliseconds; then it counts as away. `0` is refused.
   * @default 10_000
   */
  readonly timeoutMs?: number;
  /**
   * The longest wait before a broker that is away, or refuses an event, is tried again, in milliseconds. `0`: none.
   * @default 5_000
   */
  readonly maxRetryDelayMs?: number;
}

/** Every option of a relay, decided. */
export interface ResolvedRelayOptions {
  readonly handler: DurableHandlerOptions;
  readonly transport: RelayTransport;
  readonly pattern: (event: DocumentEvent) => string;
  readonly form: CloudEventForm;
  readonly message: ((event: CloudEvent) => unknown) | undefined;
  readonly timeoutMs: number;
  readonly retryDelayMs: number;
  readonly maxRetryDelayMs: number;
}

const transports: readonly RelayTransport[] = ['kafka', 'mqtt', 'nats', 'redis', 'rmq', 'other'];
/** What a call may take beside the broker's answer and the wait after it, in ms. */
const marginMs = 5_000;

/** @throws InvalidOptionsError with all problems */
export function resolveRelayOptions(given: RelayOptions): ResolvedRelayOptions {
  const { transport, pattern, source, typePrefix = 'event-sourced-storage.document', data = wholeEvent, message, timeoutMs = 10_000, maxRetryDelayMs = 5_000, ...handler } = given;
  const where = `relay "${given.name}"`;
  const problems: string[] = [];
  if (!transports.includes(transport)) problems.push(`${where}: transport must be one of ${transports.join(', ')}, it is ${transport}`);
  if (typeof pattern !== 'function' && !isText(pattern)) problems.push(`${where}: pattern must be a text or a function of the event`);
  if (source !== undefined && !isText(source)) problems.push(`${where}: source must be a URI reference`);
  if (!isText(typePrefix)) problems.push(`${where}: typePrefix must be a text`);
  for (const [key, value] of Object.entries({ data, message })) {
    if (value !== undefined && typeof value !== 'function') problems.push(`${where}: ${key} must be a function`);
  }
  if (!Number.isSafeInteger(timeoutMs) || timeoutMs < 1) problems.push(`${where}: timeoutMs must be an integer from 1, it is ${String(timeoutMs)}`);
  const durable: DurableHandlerOptions = { ...handler, maxRetryDelayMs, timeoutMs: timeoutMs + maxRetryDelayMs + marginMs };
  const { retryDelayMs } = resolveHandlerOptions(durable, problems);
  if (problems.length > 0) throw new InvalidOptionsError(problems);
  return {
    handler: durable,
    transport,
    pattern: typeof pattern === 'function' ? pattern : () => pattern,
    form: { source: source ?? `/${encodeURIComponent(given.model)}`, typePrefix, data: (event) => asJson(data(event)) },
    message,
    timeoutMs,
    retryDelayMs,
    maxRetryDelayMs,
  };
}

function wholeEvent(event: DocumentEvent): unknown {
  return event;
}

function asJson(data: unknown): unknown {
  return data === undefined ? undefined : toWire(data, 'extended');
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}
