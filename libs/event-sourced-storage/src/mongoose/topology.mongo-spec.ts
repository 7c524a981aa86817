import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import mongoose, { type Connection } from 'mongoose';
import { checkTopology } from './topology.js';

/** Somebody took the port between our look and its start. */
const portInUse = 48;

/** A mongod of this suite alone, on a free port, with its data in a folder that goes with it. */
class OwnServer {
  private readonly folder = mkdtempSync(join(tmpdir(), 'ess-topology-'));
  private process: ChildProcess | undefined;
  private connection: Connection | undefined;

  async start(args: readonly string[]): Promise<Connection> {
    for (;;) {
      const port = await freePort();
      const ended = this.spawn(port, args);
      this.connection = mongoose.createConnection(`mongodb://127.0.0.1:${port}/test?directConnection=true`, { serverSelectionTimeoutMS: 50_000, heartbeatFrequencyMS: 500 });
      const code = await Promise.race([this.connection.asPromise().then(() => undefined), ended]);
      if (code === undefined) return this.connection;
      await this.connection.destroy();
      if (code !== portInUse) throw new Error(`mongod ended with ${code}`);
    }
  }

  private async spawn(port: number, args: readonly string[]): Promise<number | null> {
    const { path } = JSON.parse(process.env['TEST_MONGOD'] ?? '{}') as { path?: string };
    if (path === undefined) throw new Error('TEST_MONGOD is missing: run the tests with npm test');
    const small = ['--wiredTigerCacheSizeGB', '0.25', '--nounixsocket', '--bind_ip', '127.0.0.1'];
    this.process = spawn(path, ['--dbpath', this.folder, '--port', String(port), ...small, ...args], { stdio: 'ignore' });
    const [code] = (await once(this.process, 'exit')) as [number | null];
    return code;
  }

  async stop(): Promise<void> {
    await this.connection?.close();
    const { process: mongod } = this;
    if (mongod !== undefined && mongod.exitCode === null) {
      const ended = once(mongod, 'exit');
      mongod.kill('SIGKILL');
      await ended;
    }
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => (typeof address === 'object' && address !== null ? resolve(address.port) : reject(new Error('no port'))));
    });
  });
}

describe('checkTopology', () => {
  it('accepts a replica set', async () => {
    const connection = await mongoose.createConnection(process.env['TEST_MONGODB_URI'] ?? '').asPromise();
    await expect(checkTopology(connection)).resolves.toBeUndefined();
    await connection.close();
  });

  it('accepts a member of a replica set that is connected to directly', async () => {
    const uri = new URL(process.env['TEST_MONGODB_URI'] ?? '');
    const connection = await mongoose.createConnection(`mongodb://${uri.host.split(',')[0]}/?directConnection=true`).asPromise();
    await expect(checkTopology(connection)).resolves.toBeUndefined();
    await connection.close();
  });

  it('accepts a router of a sharded cluster', async () => {
    const router = { getClient: () => ({ db: () => ({ command: () => Promise.resolve({ msg: 'isdbgrid' }) }) }) };
    await expect(checkTopology(router as unknown as Connection)).resolves.toBeUndefined();
  });

  describe.each<readonly ['standalone' | 'not-initiated', readonly string[], string]>([
    ['standalone', [], '--replSet'],
    ['not-initiated', ['--replSet', 'never'], 'rs.initiate'],
  ])('a server that is %s', (found, args, advice) => {
    const server = new OwnServer();
    let connection: Connection;

    beforeAll(async () => {
      connection = await server.start(args);
    });
    afterAll(() => server.stop());

    it('is refused, with what to do', async () => {
      const refusal = checkTopology(connection);
      await expect(refusal).rejects.toMatchObject({ code: 'UNSUPPORTED_TOPOLOGY', found, message: expect.stringContaining(advice) });
    });
  });
});
