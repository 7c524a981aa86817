import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants } from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
import { delimiter, join } from 'node:path';
import { until } from './until.js';

/** A server from the system's packages on a port of its own; it can be killed and started again there. */
export class SystemServer {
  private child: ChildProcess | undefined;
  port = 0;

  /**
   * @param name of the program and of its package
   * @param argumentsFor what it is started with
   */
  constructor(
    private readonly name: string,
    private readonly argumentsFor: (port: number) => readonly string[],
  ) {}

  /** Resolves when it answers. @throws when the program is missing: nothing is skipped */
  async start(): Promise<void> {
    const program = find(this.name);
    if (this.port === 0) this.port = await freePort();
    const child = spawn(program, this.argumentsFor(this.port), { stdio: 'ignore' });
    this.child = child;
    process.once('exit', () => child.kill('SIGKILL'));
    await until(async () => {
      if (child.exitCode !== null) throw new Error(`${this.name} ended with ${child.exitCode}`);
      return answers(this.port);
    }, `${this.name} on port ${this.port}`);
  }

  async kill(): Promise<void> {
    const { child } = this;
    this.child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  }
}

/** Distributions put servers where the PATH of an ordinary user does not lead. */
const elsewhere = ['/usr/sbin', '/usr/local/sbin'];

function find(name: string): string {
  for (const folder of [...(process.env['PATH'] ?? '').split(delimiter), ...elsewhere]) {
    const path = join(folder, name);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // the next one
    }
  }
  throw new Error(`${name} is not installed. On Debian and Ubuntu: apt-get install -y --no-install-recommends ${name}`);
}

async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}
