// Installs the packed library into small applications, as its users would, and runs them on an embedded mongod.
import { spawnSync } from 'node:child_process';
import { cpSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { npm } from './npm.mjs';
import { startEmbedded } from './start-embedded.mjs';
import { removeFolder, temporaryFolder } from './temporary-folder.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const consumers = fileURLToPath(new URL('consumers', import.meta.url));
const installMs = 300_000;
const installTries = 3; // a registry may not answer for a moment
const runMs = 120_000;

const folder = temporaryFolder();
let mongo;
try {
  const tarball = pack();
  mongo = await startEmbedded();
  for (const name of readdirSync(consumers)) {
    const started = performance.now();
    install(name, tarball);
    run(name, `mongodb://127.0.0.1:${mongo.port}/${name}?replicaSet=rs0`);
    console.log(`${name}: ok, ${((performance.now() - started) / 1000).toFixed(1)} s`);
  }
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
} finally {
  await mongo?.stop();
  removeFolder(folder);
}

function pack() {
  const library = join(root, 'libs', 'event-sourced-storage');
  succeed('npm pack', npm(['pack', '--silent', '--pack-destination', folder], { cwd: library }));
  return join(folder, readdirSync(folder).find((name) => name.endsWith('.tgz')));
}

function install(name, tarball) {
  const target = join(folder, name);
  cpSync(join(consumers, name), target, { recursive: true });
  const options = ['--no-audit', '--no-fund', '--no-package-lock', '--ignore-scripts', '--prefer-offline', '--loglevel=error'];
  let installed;
  for (let tries = installTries; tries > 0 && installed?.status !== 0; tries--) installed = npm(['install', ...options, tarball], { cwd: target, timeout: installMs });
  succeed(`${name}: npm install`, installed);
}

function run(name, uri) {
  const result = spawnSync(process.execPath, ['main.js'], {
    cwd: join(folder, name),
    env: { ...process.env, MONGODB_URI: uri },
    encoding: 'utf8',
    timeout: runMs,
  });
  succeed(`${name}: node main.js`, result);
}

function succeed(what, { status, signal, error, stdout, stderr }) {
  if (status === 0) return;
  throw new Error(`${what} failed (${error?.message ?? signal ?? `exit code ${status}`})\n${stdout ?? ''}${stderr ?? ''}`);
}
