import { connect } from '@nats-io/transport-node';
import { Transport } from '@nestjs/microservices';
import { SystemServer } from '../support/system-server.js';
import { relayBehaviour } from './relay-behaviour.js';

relayBehaviour({
  transport: 'nats',
  pattern: 'games',
  server: () => new SystemServer('nats-server', (port) => ['-a', '127.0.0.1', '-p', String(port)]),
  client: (port) => ({ name: 'BROKER', transport: Transport.NATS, options: { servers: `127.0.0.1:${port}`, maxReconnectAttempts: -1, reconnectTimeWait: 20, reconnectJitter: 0 } }),
  subscribe: async (port, take) => {
    const nats = await connect({ servers: `127.0.0.1:${port}` });
    nats.subscribe('games', { callback: (_error, message) => take(message.data) });
    await nats.flush();
    return { drain: () => nats.flush(), close: () => nats.close() };
  },
});
