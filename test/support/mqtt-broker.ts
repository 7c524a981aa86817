import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';
import { Aedes } from 'aedes';
import { Relayed } from './relayed.js';

/** An MQTT broker on a port of its own that can be killed and started again: what it had stored outlives it, as on a disk. */
export class MqttBroker {
  private broker: Aedes | undefined;
  private server: Server | undefined;
  private stored: unknown;
  private readonly sockets = new Set<Socket>();
  private port = 0;
  /** Messages that were acknowledged to whoever published them. */
  published = 0;
  /** What was published, in the order in which it arrived here. */
  readonly arrived: Relayed = new Relayed();

  get url(): string {
    return `mqtt://127.0.0.1:${this.port}`;
  }

  async start(): Promise<void> {
    const broker = await Aedes.createBroker(this.stored === undefined ? {} : { persistence: this.stored });
    this.stored = (broker as unknown as { persistence: unknown }).persistence;
    broker.on('publish', ({ payload }, client) => {
      if (client === null) return;
      this.published++;
      this.arrived.take(payload);
    });
    const server = createServer((socket) => {
      this.sockets.add(socket);
      socket.once('close', () => this.sockets.delete(socket));
      broker.handle(socket);
    });
    server.listen(this.port, '127.0.0.1');
    await once(server, 'listening');
    this.port = (server.address() as AddressInfo).port;
    this.broker = broker;
    this.server = server;
  }

  /** Cuts everybody off at once. */
  async kill(): Promise<void> {
    const { broker, server } = this;
    if (broker === undefined || server === undefined) return;
    this.broker = this.server = undefined;
    const closed = once(server, 'close');
    server.close();
    for (const socket of this.sockets) socket.destroy();
    await closed;
    broker.removeAllListeners('closed'); // it would destroy what is stored
    await new Promise<void>((resolve) => broker.close(() => resolve()));
  }
}
