import { Transport } from '@nestjs/microservices';
import { Redis } from 'ioredis';
import { SystemServer } from '../support/system-server.js';
import { relayBehaviour } from './relay-behaviour.js';

relayBehaviour({
  transport: 'redis',
  pattern: 'games',
  server: () => new SystemServer('redis-server', (port) => ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no']),
  client: (port) => ({ name: 'BROKER', transport: Transport.REDIS, options: { host: '127.0.0.1', port, retryStrategy: () => 20 } }),
  subscribe: async (port, take) => {
    const redis = new Redis({ host: '127.0.0.1', port, retryStrategy: () => 20 });
    redis.on('error', () => undefined);
    redis.on('message', (_channel, payload) => take(payload));
    await redis.subscribe('games');
    return { drain: () => redis.ping(), close: () => redis.quit() };
  },
});
