import type { CloudEvent } from '../delivery/cloud-event.js';

/** How the client of a relay talks; decides in which form a message is given to `emit()`, and when it counts as sent. */
export type RelayTransport = 'kafka' | 'mqtt' | 'nats' | 'redis' | 'rmq' | 'other';

/** What of a `ClientProxy` a relay needs. */
export interface RelayClient {
  /** Hands an event over; completes when the client holds it for sent. */
  emit(pattern: unknown, data: unknown): RelayEmission;
  /** The client of the broker's own library, where there is one. */
  unwrap?(): unknown;
  /** Ends the connection. */
  close?(): unknown;
}

/** The part of an RxJS `Observable` that `emit()` answers. */
export interface RelayEmission {
  /** Listens to the end of the emission. */
  subscribe(observer: { next: (value: unknown) => void; error: (error: unknown) => void; complete: () => void }): unknown;
}

/** Makes what `emit()` gets. */
export type MessageForm = (event: CloudEvent) => unknown;

const contentType = 'application/cloudevents+json';

/** The form in which a transport neither loses an event on its way nor mixes up the events of a document. */
export async function messageFormOf(transport: RelayTransport): Promise<MessageForm> {
  switch (transport) {
    case 'kafka':
      return (event) => ({ key: event.partitionkey, value: event, headers: { 'content-type': contentType } });
    case 'mqtt': {
      const { MqttRecordBuilder } = await records();
      // with QoS 0 nobody would ever say that it arrived
      return (event) => new MqttRecordBuilder(event).setQoS(1).build();
    }
    case 'rmq': {
      const { RmqRecordBuilder } = await records();
      return (event) => new RmqRecordBuilder(event).setOptions({ persistent: true, messageId: event.id }).build();
    }
    case 'nats':
    case 'redis':
    case 'other':
      return (event) => event;
  }
}

/** Resolves when the broker, as far as its protocol tells, has the event. @throws whatever the client fails with */
export async function emitted(client: RelayClient, transport: RelayTransport, pattern: string, message: unknown): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    client.emit(pattern, message).subscribe({ next: () => undefined, error: reject, complete: resolve });
  });
  // a NATS client only queues what it publishes; the server answers a flush after everything before it
  if (transport === 'nats') await (client.unwrap?.() as { flush?: () => Promise<void> } | undefined)?.flush?.();
}

/** Only where it is needed: applications without brokers do not have the package. */
function records(): Promise<typeof import('@nestjs/microservices')> {
  return import('@nestjs/microservices');
}
