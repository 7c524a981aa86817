// npm run proof: the long forms of what npm test runs short. Takes tens of minutes; use the machine for nothing else meanwhile.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { buildWhenStale } from './build-when-stale.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const long = { PROOF_KILLS: '20', PROOF_SEEDS: '50000' };
const suites = ['test/faults/orphans', 'libs/event-sourced-storage/src/write/commit-queue'];

buildWhenStale(root);
const jest = ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning', 'node_modules/jest/bin/jest.js', '--runInBand', ...suites];
const { status } = spawnSync(process.execPath, jest, { cwd: root, stdio: 'inherit', env: { ...long, ...process.env } });
process.exitCode = status ?? 1;
