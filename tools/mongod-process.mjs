// One mongod process: how it is started, when it is ready, how it ends.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync, readFileSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

export const host = '127.0.0.1';

const watchdog = fileURLToPath(new URL('mongod-watchdog.mjs', import.meta.url));
const small = ['--wiredTigerCacheSizeGB', '0.25', '--wiredTigerEngineConfigString', 'log=(prealloc=false,file_max=16MB)'];
const noSocketFile = process.platform === 'win32' ? [] : ['--nounixsocket'];
const waitingForConnections = '"id":23016,';
const exitCodes = { addressInUse: 48, folderInUse: 100 };
const readyMs = 60_000;
const patienceMs = 8_000;
const endMs = 10_000;

/**
 * Starts a mongod and resolves once it accepts connections. `port`: taken when it is free, else any free one is (`0`: any).
 * With `keepPort` nothing but that port will do.
 */
export async function startMongod({ mongod, dbPath, port: wanted = 0, keepPort = false, name, args = [] }) {
  mkdirSync(dbPath, { recursive: true });
  for (const patience = Date.now() + patienceMs; ; await sleep(250)) {
    const port = keepPort ? wanted : await freePort(wanted);
    const started = spawnMongod({ mongod, dbPath, port, name, args });
    try {
      await ready(started);
      return started;
    } catch (error) {
      await started.end('SIGKILL');
      // the mongod before may still be shutting down, or somebody took the port in between
      if (Object.values(exitCodes).includes(error.exitCode) && Date.now() < patience) continue;
      throw error;
    }
  }
}

function spawnMongod({ mongod, dbPath, port, name, args }) {
  const logFile = join(dbPath, 'mongod.log');
  const inUse = statSync(join(dbPath, 'mongod.lock'), { throwIfNoEntry: false })?.size > 0; // then the log is somebody's
  const log = openSync(logFile, inUse ? 'a' : 'w');
  const logStart = inUse ? statSync(logFile).size : 0;
  const place = ['--replSet', name, '--dbpath', dbPath, '--bind_ip', host, '--port', String(port)];
  // detached: Ctrl-C must reach our own process only, which then stops mongod
  const child = spawn(mongod.path, [...place, ...small, ...noSocketFile, ...args], { detached: true, stdio: ['ignore', log, log] });
  closeSync(log);
  child.unref();
  const exited = new Promise((done) => {
    child.once('error', (error) => done({ code: null, signal: null, error })); // it could not be started at all
    child.once('exit', (code, signal) => done({ code, signal }));
  });
  const running = () => child.pid !== undefined && child.exitCode === null && child.signalCode === null;
  if (child.pid) guard(child.pid, exited);
  return {
    pid: child.pid,
    port,
    dbPath,
    exited,
    running,
    readLog: () => readFileSync(logFile, 'utf8').slice(logStart),
    exitsWithin: (ms) => within(ms, exited),
    end: (signal) => end(child, exited, signal),
  };
}

/** Whatever kills this process, its mongod ends too. */
function guard(pid, exited) {
  const guardian = spawn(process.execPath, [watchdog, String(pid)], { detached: true, stdio: ['pipe', 'ignore', 'ignore'] });
  guardian.on('error', () => undefined);
  guardian.stdin.on('error', () => undefined);
  guardian.unref();
  guardian.stdin.unref();
  void exited.then(() => guardian.kill('SIGKILL'));
}

async function ready(started) {
  for (const limit = Date.now() + readyMs; started.running() && Date.now() < limit; await sleep(20)) {
    if (started.readLog().includes(waitingForConnections)) return;
  }
  if (started.running()) throw new Error(`mongod is not ready after ${readyMs / 1000} s, data folder ${started.dbPath}\n${complaints(started.readLog())}`);
  const { code, signal, error } = await started.exited;
  if (error) throw new Error(`mongod cannot be started: ${error.message}`, { cause: error });
  const message = `mongod ended (${signal ?? `exit code ${code}`}), data folder ${started.dbPath}\n${complaints(started.readLog())}`;
  throw Object.assign(new Error(message), { exitCode: code });
}

/** mongod's own words for what went wrong, without the JSON around them. */
function complaints(log) {
  const lines = log.split('\n').filter((line) => line.trim());
  const bad = lines.filter((line) => !line.startsWith('{') || /"s":"[EF]"/.test(line));
  return (bad.length ? bad : lines).slice(-3).map(readable).join('\n');
}

function readable(line) {
  try {
    const { msg, attr } = JSON.parse(line);
    return `  ${msg}${attr ? `: ${attr.error ?? JSON.stringify(attr)}` : ''}`;
  } catch {
    return `  ${line}`;
  }
}

/** Sends the signal and waits until the process is gone; one that does not go within 10 s is killed. */
async function end(child, exited, signal = 'SIGTERM') {
  if (!child.pid || child.exitCode !== null || child.signalCode !== null) return;
  child.kill(signal);
  if (await within(endMs, exited)) return;
  child.kill('SIGKILL');
  await within(endMs, exited);
}

/** Whether it resolves in time. The timer also keeps this process alive meanwhile: the child does not. */
async function within(ms, promise) {
  let timer;
  const tooLate = new Promise((done) => (timer = setTimeout(done, ms, false)));
  const answer = await Promise.race([promise.then(() => true), tooLate]);
  clearTimeout(timer);
  return answer;
}

/** The wanted port when it is free, else any free one. */
export async function freePort(wanted = 0) {
  const server = createServer().listen(wanted, host);
  const port = await once(server, 'listening').then(
    () => server.address().port,
    () => undefined,
  );
  await new Promise((done) => server.close(done));
  return port ?? freePort();
}
