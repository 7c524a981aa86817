// The published libraries live in a package of their own, bench/peers, with its own lock file; it is installed when it is first needed.
import { existsSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { npm } from '../tools/npm.mjs';

const folder = fileURLToPath(new URL('peers/', import.meta.url));
const require = createRequire(new URL('peers/package.json', import.meta.url));

/** A package of bench/peers. @throws when it is not installed */
export function peer(name) {
  return require(name);
}

/** @returns {string | undefined} why the peers cannot be had */
export function installPeers() {
  const lock = new URL('peers/package-lock.json', import.meta.url);
  const installed = new URL('peers/node_modules/.package-lock.json', import.meta.url);
  if (existsSync(installed) && statSync(installed).mtimeMs >= statSync(lock).mtimeMs) return undefined;
  console.log('Installing the published libraries (bench/peers) ...');
  const { status, stderr, error } = npm(['ci', '--ignore-scripts', '--legacy-peer-deps', '--loglevel=error'], { cwd: folder });
  if (status === 0) return undefined;
  const lines = (error?.message ?? stderr).split('\n');
  return `npm ci in bench/peers failed: ${(lines.find((line) => /error/i.test(line)) ?? lines[0]).trim()}`;
}
