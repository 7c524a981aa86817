// Finds a mongod that runs on this machine, and fetches one when there is none.
// Whoever starts a server looks at MONGODB_URI first: with it none of this is needed.
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const minimum = 6; // change streams with pre-images and post-images
const answerMs = 4_000;
const cacheDir = process.env.MONGOMS_DOWNLOAD_DIR || join(homedir(), '.cache', 'mongodb-binaries'); // the memory-server's own folder
const wheelDir = join(cacheDir, 'wheel-ubuntu2204-6.0.5');
const binaryIn = (folder) => join(folder, 'fiftyone', 'db', 'bin', 'mongod');

/** @returns {Promise<import('./resolve-mongod.mjs').Mongod>} */
export async function resolveMongod({ log = (text) => console.error(`mongod: ${text}`) } = {}) {
  if (process.env.TEST_MONGOD) return JSON.parse(process.env.TEST_MONGOD); // found by the test run's global set-up
  const reasons = [];
  for (const [source, find] of ways(log)) {
    try {
      return { ...(await find()), source };
    } catch (error) {
      reasons.push(`  - ${source}: ${error.message}`);
    }
  }
  throw new Error(`No MongoDB server found. Tried:
${reasons.join('\n')}
One of these helps:
  - MONGODB_URI=mongodb://... of a running replica set (docker compose up -d --wait starts one)
  - MONGOMS_SYSTEM_BINARY=/path/to/mongod, or a mongod on the PATH (${minimum}.0 or newer)
  - access to MongoDB's download server, directly or through HTTPS_PROXY
  - on Linux x64: python3 with pip, and libcurl4 (Debian, Ubuntu: apt-get install python3-pip libcurl4)`);
}

function ways(log) {
  const wanted = process.env.MONGOMS_SYSTEM_BINARY;
  if (wanted) return [[`MONGOMS_SYSTEM_BINARY=${wanted}`, () => check(wanted)]]; // an explicit wish is never replaced by something else
  const wheelCache = ['cache of the Python wheel', () => check(binaryIn(wheelDir))];
  return [
    ['cache of mongodb-memory-server', fromMemoryServerCache],
    ...(process.env.MONGOMS_VERSION ? [] : [wheelCache]),
    ['download by mongodb-memory-server', () => fromDownload(log)],
    ['mongod on the PATH', fromPath],
    ['Python wheel', () => fromWheel(log)],
  ];
}

/** `{ path, version }` when the binary starts and is new enough, else throws the reason. */
async function check(path) {
  const { stdout } = await run(path, ['--version']).catch((error) => {
    throw new Error(reason(error));
  });
  const version = /db version v(\d+\.\d+\.\d+)/.exec(stdout)?.[1];
  if (!version) throw new Error('prints no MongoDB version');
  if (Number.parseInt(version) < minimum) throw new Error(`is ${version}, at least ${minimum}.0 is needed`);
  return { path, version };
}

function reason(error) {
  if (error.code === 'ENOENT') return 'not found';
  if (error.signal) return `ended by ${error.signal}`;
  return (error.stderr || error.message).trim().split('\n').at(-1);
}

async function fromMemoryServerCache() {
  const { DryMongoBinary } = await import('mongodb-memory-server-core');
  const path = await DryMongoBinary.locateBinary({});
  if (!path) throw new Error('nothing there yet');
  return check(path);
}

async function fromDownload(log) {
  if (['false', '0', 'no', 'off'].includes(process.env.MONGOMS_RUNTIME_DOWNLOAD?.toLowerCase())) throw new Error('switched off');
  if (!behindProxy()) await downloadServerAnswers();
  process.env.npm_config_strict_ssl ??= 'true'; // the memory-server checks certificates only when this is set
  log('downloading MongoDB (once, kept in the user cache) ...');
  const { MongoBinary } = await import('mongodb-memory-server-core');
  return check(await MongoBinary.getPath({}));
}

/** Node's fetch ignores proxies, so behind one nothing can be asked beforehand. */
function behindProxy() {
  return Object.keys(process.env).some((name) => /^(https?_proxy|(npm_config|yarn)_(https-)?proxy)$/i.test(name));
}

/** The memory-server gives a silent firewall three times 60 s: ask first whether anybody is there. */
async function downloadServerAnswers() {
  const { DryMongoBinary } = await import('mongodb-memory-server-core');
  const { MongoBinaryDownloadUrl } = await import('mongodb-memory-server-core/lib/util/MongoBinaryDownloadUrl.js');
  const url = await new MongoBinaryDownloadUrl(await DryMongoBinary.generateOptions({})).getDownloadUrl();
  const answer = await fetch(url, { method: 'HEAD', signal: AbortSignal.timeout(answerMs) }).catch((error) => {
    throw new Error(`its server does not answer (${error.cause?.code ?? error.name})`);
  });
  if (!answer.ok) throw new Error(`its server answers ${answer.status}`);
}

async function fromPath() {
  const name = process.platform === 'win32' ? 'mongod.exe' : 'mongod';
  const folders = (process.env.PATH ?? '').split(delimiter);
  const path = folders.map((folder) => join(folder, name)).find((file) => existsSync(file));
  if (!path) throw new Error('not found');
  return check(path);
}

async function fromWheel(log) {
  if (process.platform !== 'linux' || process.arch !== 'x64') throw new Error('for Linux x64 only');
  await mkdir(cacheDir, { recursive: true });
  const temporary = await mkdtemp(`${wheelDir}.tmp-`); // beside the target: rename() is atomic, nobody ever sees half a file
  try {
    log('installing a MongoDB server from a Python wheel (once, kept in the user cache) ...');
    await pipInstall(temporary);
    await check(binaryIn(temporary));
    await rename(temporary, wheelDir).catch(() => takeOver(temporary));
    return await check(binaryIn(wheelDir));
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

async function pipInstall(target) {
  const requirements = fileURLToPath(new URL('mongod-wheel.txt', import.meta.url));
  const pip = ['-m', 'pip', 'install', '-q', '--no-deps', '--no-compile', '--require-hashes', '--target', target, '-r', requirements];
  const env = { PIP_RETRIES: '10', PIP_DEFAULT_TIMEOUT: '60', ...process.env, PIP_NO_INPUT: '1', PIP_DISABLE_PIP_VERSION_CHECK: '1', PIP_ROOT_USER_ACTION: 'ignore' };
  await run('python3', pip, { env, timeout: 300_000 }).catch((error) => {
    throw new Error(`python3 -m pip: ${reason(error)}`);
  });
}

/** Something is at the target already: a working server of a process that was first, or a broken one. */
async function takeOver(temporary) {
  if (await check(binaryIn(wheelDir)).catch(() => undefined)) return;
  await rm(wheelDir, { recursive: true, force: true });
  await rename(temporary, wheelDir);
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  try {
    const { path, version, source } = await resolveMongod();
    console.error(`mongod ${version} (${source})`);
    console.log(path);
  } catch (error) {
    console.error(error.message);
    process.exitCode = 1;
  }
}
