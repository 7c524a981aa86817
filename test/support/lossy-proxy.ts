import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

/** What goes missing: `request`: the server never sees the command; `reply`: it does what it is told, and nobody hears of it. */
export type Loss = 'request' | 'reply';

/** A way to a server on which commands and their answers can get lost. */
export interface LossyProxy {
  /** Leads straight to the server behind. */
  readonly uri: string;
  /** Breaks the connection at the next `times` commands of this name. */
  lose(loss: Loss, command: string, times: number): void;
  /** How many are still to be lost. */
  readonly pending: number;
  close(): Promise<void>;
}

/** Stands between a client and the server on a port of this machine. */
export async function startLossyProxy(serverPort: number): Promise<LossyProxy> {
  const sockets = new Set<Socket>();
  let plan: { readonly loss: Loss; readonly command: string; times: number } | undefined;

  const server = createServer((client) => {
    const upstream = connect(serverPort, '127.0.0.1');
    let isDeaf = false;
    const cut = (): void => {
      client.destroy();
      upstream.destroy();
    };
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', cut).on('close', () => {
        sockets.delete(socket);
        cut();
      });
    }
    const forward = messages((message) => {
      if (plan !== undefined && plan.times > 0 && commandOf(message) === plan.command) {
        plan.times--;
        if (plan.loss === 'request') {
          cut();
          return;
        }
        isDeaf = true;
      }
      upstream.write(message);
    });
    client.on('data', forward);
    upstream.on('data', (chunk) => {
      if (isDeaf) cut();
      else client.write(chunk);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the proxy has no port');

  return {
    uri: `mongodb://127.0.0.1:${address.port}/?directConnection=true`,
    lose: (loss, command, times) => (plan = { loss, command, times }),
    get pending() {
      return plan?.times ?? 0;
    },
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((done) => server.close(done));
    },
  };
}

/** Cuts a stream of bytes into messages of the wire protocol: each begins with its length. */
function messages(handle: (message: Buffer) => void): (chunk: Buffer) => void {
  let rest: Buffer = Buffer.alloc(0);
  return (chunk) => {
    rest = Buffer.concat([rest, chunk]);
    while (rest.length >= 4 && rest.length >= rest.readInt32LE(0)) {
      const length = rest.readInt32LE(0);
      handle(rest.subarray(0, length));
      rest = rest.subarray(length);
    }
  };
}

const opMsg = 2013;

/** The first key of the first section of an OP_MSG is the name of the command. */
function commandOf(message: Buffer): string | undefined {
  const header = 16;
  const flags = 4;
  const isDocument = message.readInt32LE(12) === opMsg && message[header + flags] === 0;
  if (!isDocument) return undefined;
  const name = header + flags + 1 + 4 + 1; // section kind, length of the document, type of its first value
  return message.toString('utf8', name, message.indexOf(0, name));
}
