import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** A way to a server that can be barred: whoever is on it is cut off, and nobody else comes through. */
export class Barrier {
  private readonly sockets = new Set<Socket>();
  private isBarred = false;
  private server: Server | undefined;
  port = 0;

  async start(serverPort: () => number): Promise<void> {
    this.server = createServer((client) => {
      if (this.isBarred) {
        client.destroy();
        return;
      }
      const upstream = connect(serverPort(), '127.0.0.1');
      for (const [socket, other] of [
        [client, upstream],
        [upstream, client],
      ] as const) {
        this.sockets.add(socket);
        socket.on('error', () => undefined).on('close', () => {
          this.sockets.delete(socket);
          other.destroy();
        });
        socket.pipe(other);
      }
    });
    this.server.listen(0, '127.0.0.1');
    await once(this.server, 'listening');
    this.port = (this.server.address() as AddressInfo).port;
  }

  bar(): void {
    this.isBarred = true;
    for (const socket of this.sockets) socket.destroy();
  }

  lift(): void {
    this.isBarred = false;
  }

  async close(): Promise<void> {
    const { server } = this;
    if (server === undefined) return;
    this.bar();
    server.close();
    await once(server, 'close');
  }
}
