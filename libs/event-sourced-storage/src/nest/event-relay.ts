import { setTimeout as pause } from 'node:timers/promises';
import { type OnApplicationShutdown, type OnModuleDestroy } from '@nestjs/common';
import { type CloudEventForm, cloudEventOf } from '../delivery/cloud-event.js';
import type { DeliveryContext, DurableHandler } from '../delivery/durable-handler.js';
import { TryLater } from '../delivery/try-later.js';
import type { Image } from '../model/diff.js';
import type { DocumentEvent } from '../model/document-event.js';
import { within } from '../mongoose/within.js';
import { retryDelay } from '../write/retry-delay.js';
import { emitted, type MessageForm, type RelayClient, type RelayTransport } from './broker-message.js';

/** What one relay works with. */
export interface EventRelayParts {
  readonly name: string;
  readonly client: RelayClient;
  /** Whether the relay ends the client's connection at shutdown. */
  readonly isOwner: boolean;
  readonly transport: RelayTransport;
  readonly form: CloudEventForm;
  readonly message: MessageForm;
  readonly pattern: (event: DocumentEvent<Image>) => string;
  readonly timeoutMs: number;
  readonly retryDelayMs: number;
  readonly maxRetryDelayMs: number;
  readonly random: () => number;
  readonly warn: (message: string) => void;
}

/** How long a shutdown waits for a broker that may be gone, in ms. */
const closeMs = 2_000;
/** Failures that are remembered; forgetting one costs a count. */
const mostFailures = 10_000;

/** A durable handler that hands every event to a broker and waits until it has it. */
export class EventRelay implements DurableHandler<Image>, OnModuleDestroy, OnApplicationShutdown {
  private acknowledged = 0;
  private failuresInARow = 0;
  /** By delivery: how much the broker had taken when it last refused. */
  private readonly failedAt = new Map<string, number>();
  private readonly ending = new AbortController();
  private isClosed = false;

  constructor(private readonly parts: EventRelayParts) {}

  /** What cannot be made into a message fails here and is parked as any failing event; a broker that is away parks nothing. */
  async handle(event: DocumentEvent<Image>, { deliveryId, signal }: DeliveryContext): Promise<void> {
    const { client, transport, form, message, pattern, timeoutMs, name } = this.parts;
    const to = pattern(event);
    const made = message(cloudEventOf(event, form));
    try {
      await within(`relay "${name}": the broker`, timeoutMs, emitted(client, transport, to, made));
    } catch (error) {
      throw await this.judge(deliveryId, signal, error);
    }
    this.acknowledged++;
    this.failuresInARow = 0;
    this.failedAt.delete(deliveryId);
  }

  /** Ends the wait for a broker that is away. */
  onModuleDestroy(): void {
    this.ending.abort();
  }

  /** After the last event. Twice is harmless. */
  async onApplicationShutdown(): Promise<void> {
    if (!this.parts.isOwner || this.isClosed) return;
    this.isClosed = true;
    await within('closing the client', closeMs, Promise.resolve(this.parts.client.close?.())).catch((error: unknown) => this.parts.warn(`Relay "${this.parts.name}": ${textOf(error)}`));
  }

  /**
   * Clients tell an outage and a refusal in ways of their own. A broker that took other events since it last failed with this one is there:
   * then it is the event.
   */
  private async judge(deliveryId: string, signal: AbortSignal, error: unknown): Promise<Error> {
    const before = this.failedAt.get(deliveryId);
    if (this.failedAt.size >= mostFailures) this.failedAt.clear();
    this.failedAt.set(deliveryId, this.acknowledged);
    if (before !== undefined && this.acknowledged > before) return error instanceof Error ? error : new Error(textOf(error));
    this.failuresInARow++;
    const wait = retryDelay(this.failuresInARow + 1, this.parts, this.parts.random);
    await pause(wait, undefined, { signal: AbortSignal.any([signal, this.ending.signal]) }).catch(() => undefined);
    return new TryLater(`relay "${this.parts.name}": the broker did not take the event: ${textOf(error)}`, { cause: error });
  }
}

function textOf(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}
