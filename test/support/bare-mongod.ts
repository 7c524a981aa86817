import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { resolveMongod } from '../../tools/resolve-mongod.mjs';
import { removeFolder, temporaryFolder } from '../../tools/temporary-folder.mjs';
import { until } from './until.js';

const watchdog = fileURLToPath(new URL('../../tools/mongod-watchdog.mjs', import.meta.url));
/** The line in which it says where it listens. */
const waitingForConnections = /"id":23016,.*"port":(\d+)/;

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
  // it takes a port that is free: one that was looked up before may be taken by then
  const place = ['--dbpath', folder, '--logpath', log, '--bind_ip', '127.0.0.1', '--port', '0', '--nounixsocket', '--wiredTigerCacheSizeGB', '0.25'];
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
  const port = await until(() => waitingForConnections.exec(read(log))?.[1], 'mongod answers').catch(async (error: unknown) => {
    await stop();
    throw error;
  });
  return { uri: `mongodb://127.0.0.1:${port}/?directConnection=true`, stop };
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return ''; // not there yet
  }
}
