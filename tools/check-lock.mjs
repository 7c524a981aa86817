// The lock file names packages, never the host they came from: it must work with whatever registry is set up.
import { readFileSync } from 'node:fs';

const lock = JSON.parse(readFileSync(new URL('../package-lock.json', import.meta.url), 'utf8'));
const named = Object.entries(lock.packages).filter(([, { resolved, link }]) => resolved && !link);
for (const [path, { resolved }] of named) console.error(`${path || '.'}: "resolved": "${resolved}"`);
if (named.length) console.error('.npmrc sets omit-lockfile-registry-resolved=true: remove these lines, or run npm install with it');
console.log(`lock file: ${named.length ? `${named.length} packages name where they came from` : `ok, ${Object.keys(lock.packages).length} packages`}`);
process.exitCode = named.length ? 1 : 0;
