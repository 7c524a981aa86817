// npm as a child process, also where it is a .cmd file.
import { spawnSync } from 'node:child_process';

const below = process.env.npm_execpath; // set while npm itself runs a script of ours

/** @returns {import('node:child_process').SpawnSyncReturns<string>} */
export function npm(args, options = {}) {
  if (below) return spawnSync(process.execPath, [below, ...args], { encoding: 'utf8', ...options });
  return spawnSync('npm', args, { encoding: 'utf8', shell: process.platform === 'win32', ...options });
}
