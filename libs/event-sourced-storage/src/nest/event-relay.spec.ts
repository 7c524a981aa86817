import { describe, expect, it } from '@jest/globals';
import { MqttRecord, RmqRecord } from '@nestjs/microservices';
import { of, throwError } from 'rxjs';
import { cloudEventOf } from '../delivery/cloud-event.js';
import type { DeliveryContext } from '../delivery/durable-handler.js';
import { TryLater } from '../delivery/try-later.js';
import type { DocumentEvent } from '../model/document-event.js';
import { emitted, messageFormOf, type RelayClient } from './broker-message.js';
import { EventRelay } from './event-relay.js';
import { type RelayOptions, resolveRelayOptions } from './relay-options.js';

const given: RelayOptions = { name: 'relay', model: 'Game', from: 'beginning', transport: 'other', pattern: 'games' };
const eventOf = (documentId: string): DocumentEvent => ({ documentId, serverSeq: 1, operation: 'create', createdDoc: {}, clientId: 'a', timestamp: new Date(0), operationId: 'o' });
const contextOf = (documentId: string): DeliveryContext => ({ deliveryId: `relay/games/${documentId}@1`, attempt: 1, compacted: undefined, signal: new AbortController().signal, session: undefined as never });

function relayOf(refused: ReadonlySet<string>, options: Partial<RelayOptions> = {}) {
  const sent: string[] = [];
  const waits: number[] = [];
  const client = {
    closed: 0,
    emit: (_pattern: unknown, data: unknown) => {
      const { subject } = data as { subject: string };
      if (refused.has(subject)) return throwError(() => new Error(`no ${subject}`));
      sent.push(subject);
      return of(undefined);
    },
    close: () => void client.closed++,
  };
  const { handler, message, ...rest } = resolveRelayOptions({ ...given, retryDelayMs: 0, maxRetryDelayMs: 0, ...options });
  const random = (): number => {
    waits.push(1);
    return 0;
  };
  const relay = new EventRelay({ ...rest, name: handler.name, client, isOwner: true, message: message ?? ((event) => event), random, warn: () => undefined });
  const deliver = (id: string): Promise<unknown> => relay.handle(eventOf(id), contextOf(id)).catch((error: unknown) => error);
  return { relay, client, sent, waits, deliver };
}

describe('EventRelay', () => {
  it('while nothing is taken no event is to blame, however often it is tried', async () => {
    const { deliver, waits } = relayOf(new Set(['a', 'b']));
    for (let round = 0; round < 20; round++) {
      for (const id of ['a', 'b']) expect(await deliver(id)).toBeInstanceOf(TryLater);
    }
    expect(waits).toHaveLength(40);
  });

  it('an event that is refused again while others are taken is to blame', async () => {
    const { deliver } = relayOf(new Set(['poison']));
    expect(await deliver('poison')).toBeInstanceOf(TryLater);
    expect(await deliver('good')).toBeUndefined();
    const error = await deliver('poison');
    expect(error).not.toBeInstanceOf(TryLater);
    expect(error).toMatchObject({ message: 'no poison' });
  });

  it('what cannot be made into a message is to blame at once', async () => {
    const { deliver } = relayOf(new Set(), {
      data: () => {
        throw new Error('no content');
      },
    });
    expect(await deliver('a')).toMatchObject({ message: 'no content' });
  });

  it('a broker that does not answer in time counts as away', async () => {
    const never: RelayClient = { emit: () => ({ subscribe: () => undefined }) };
    const { handler, message: _message, ...rest } = resolveRelayOptions({ ...given, timeoutMs: 5, maxRetryDelayMs: 0, retryDelayMs: 0 });
    const relay = new EventRelay({ ...rest, name: handler.name, client: never, isOwner: true, message: (event) => event, random: () => 0, warn: () => undefined });
    await expect(relay.handle(eventOf('a'), contextOf('a'))).rejects.toBeInstanceOf(TryLater);
  });

  it('a shutdown ends the wait for the broker, and closes the client once', async () => {
    const { relay, client, deliver } = relayOf(new Set(['a']), { retryDelayMs: 2_000_000, maxRetryDelayMs: 2_000_000 });
    const waiting = deliver('a');
    relay.onModuleDestroy();
    expect(await waiting).toBeInstanceOf(TryLater);
    await relay.onApplicationShutdown();
    await relay.onApplicationShutdown();
    expect(client.closed).toBe(1);
  });
});

describe('the form of a message', () => {
  const event = cloudEventOf(eventOf('a'), resolveRelayOptions(given).form);

  it('for Kafka has the id of the document as its key', async () => {
    expect((await messageFormOf('kafka'))(event)).toEqual({ key: 'a', value: event, headers: { 'content-type': 'application/cloudevents+json' } });
  });

  it('for MQTT asks for an acknowledgement, and for RabbitMQ to be kept', async () => {
    const mqtt = (await messageFormOf('mqtt'))(event);
    expect(mqtt).toBeInstanceOf(MqttRecord);
    expect(mqtt).toMatchObject({ data: event, options: { qos: 1 } });
    const rmq = (await messageFormOf('rmq'))(event);
    expect(rmq).toBeInstanceOf(RmqRecord);
    expect(rmq).toMatchObject({ data: event, options: { persistent: true, messageId: 'a@1' } });
  });

  it.each(['nats', 'redis', 'other'] as const)('for %s is the CloudEvent', async (transport) => {
    expect((await messageFormOf(transport))(event)).toBe(event);
  });

  it('with NATS an event is sent when the server has answered the flush behind it', async () => {
    const steps: string[] = [];
    const client: RelayClient = {
      emit: () => {
        steps.push('published');
        return of(undefined);
      },
      unwrap: () => ({ flush: () => Promise.resolve(steps.push('flushed')) }),
    };
    await emitted(client, 'nats', 'games', event);
    expect(steps).toEqual(['published', 'flushed']);
  });
});

describe('wrong options of a relay', () => {
  it('are told all together', () => {
    const wrong = { name: '', model: 'Game', from: 'then', transport: 'pigeon', pattern: '', source: '', data: 1, timeoutMs: 0, colour: 'red' };
    const parts = ['name must be a text', 'from must be', 'transport must be one of', 'pattern must be', 'source must be', 'data must be a function', 'timeoutMs must be', 'unknown option "colour"'];
    expect.assertions(parts.length);
    try {
      resolveRelayOptions(wrong as never);
    } catch (error) {
      for (const part of parts) expect((error as Error).message).toContain(part);
    }
  });
});
