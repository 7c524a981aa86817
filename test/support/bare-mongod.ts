import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { resolveMongod } from '../../tools/resolve-mongod.mjs';
import { removeFolder, temporaryFolder } from '../../tools/temporary-folder.mjs';
import { until } from './until.js';

const watchdog = fileURLToPath(new URL('../../tools/mongod-watchdog.mjs', import.meta.url));
const waitingForConnections = '"id":23016,';

/** A mongod that nobody made a replica set of. */
export interface BareMongod {
  readonly uri: string;
  stop(): Promise<void>;
}

/** Starts a mongod with nothing but these arguments; it answers when this resolves. */
export async function startBareMongod(args: readonly string[] = []): Promise<BareMongod> {
  const { path } = await resolveMongod();
  const folder = temporaryFolder();
  const log = join(folder, 'log');
  const port = await freePort();
  const place = ['--dbpath', folder, '--logpath', log, '--bind_ip', '127.0.0.1', '--port', String(port), '--nounixsocket', '--wiredTigerCacheSizeGB', '0.25'];
  const mongod = spawn(path, [...place, ...args], { stdio: 'ignore' });
  const exited = once(mongod, 'exit');
  // ends the server when this process is killed
  const guardian = spawn(process.execPath, [watchdog, String(mongod.pid)], { detached: true, stdio: ['pipe', 'ignore', 'ignore'] });
  guardian.stdin.on('error', () => undefined);
  guardian.unref();
  const stop = async (): Promise<void> => {
    if (mongod.exitCode === null && mongod.signalCode === null) {
      mongod.kill('SIGKILL');
      await exited;
    }
    guardian.kill('SIGKILL');
    removeFolder(folder);
  };
  try {
    await until(() => read(log).includes(waitingForConnections), 'mongod answers');
  } catch (error) {
    await stop();
    throw error;
  }
  return { uri: `mongodb://127.0.0.1:${port}/?directConnection=true`, stop };
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return ''; // not there yet
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  await new Promise((done) => server.close(done));
  if (address === null || typeof address === 'string') throw new Error('there is no free port');
  return address.port;
}
