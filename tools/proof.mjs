// npm run proof: the long forms of what npm test runs short. Takes tens of minutes; use the machine for nothing else meanwhile.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { buildWhenStale } from './build-when-stale.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const long = { PROOF_KILLS: '20', PROOF_SUBSCRIBERS: '1000', PROOF_SIMULATIONS: '10000', PROOF_REPLICA_SEEDS: '100', PROOF_SEEDS: '50000', PROOF_DURABLE_KILLS: '24', PROOF_DURABLE_KILL_EVERY_MS: '5000', PROOF_COMPACTIONS: '1000', PROOF_EVENTS: '100000' };
const suites = ['libs/sync-client/src/simulation', 'test/behaviours/replica', 'test/behaviours/sync-load', 'test/faults/orphans', 'test/faults/durable-kill', 'test/behaviours/compaction', 'test/behaviours/purge', 'test/behaviours/history', 'libs/event-sourced-storage/src/write/commit-queue'];

buildWhenStale(root);
const jest = ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning', 'node_modules/jest/bin/jest.js', '--runInBand', ...suites];
const { status } = spawnSync(process.execPath, jest, { cwd: root, stdio: 'inherit', env: { ...long, ...process.env } });
process.exitCode = status ?? 1;
