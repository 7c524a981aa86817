// Where results are kept: bench/results, of which git keeps what docs/performance.md shows.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';

const folder = new URL('results/', import.meta.url);

export function writeResults(name, results, markdown) {
  mkdirSync(folder, { recursive: true });
  writeFileSync(new URL(`${name}.json`, folder), `${JSON.stringify(results, null, 1)}\n`);
  writeFileSync(new URL(`${name}.md`, folder), `${markdown}\n`);
  return `bench/results/${name}.md and .json`;
}

/** The Markdown that was stored with the results; `undefined` when there is none. */
export function readReportOf(name) {
  const file = new URL(`${name}.md`, folder);
  return existsSync(file) ? readFileSync(file, 'utf8').trim() : undefined;
}

/** @returns {any} `undefined` when there are none */
export function readResults(name) {
  const file = new URL(`${name}.json`, folder);
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined;
}
