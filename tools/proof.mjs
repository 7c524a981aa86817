// npm run proof: the long forms of what npm test runs short. Takes tens of minutes; use the machine for nothing else meanwhile.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { buildWhenStale } from './build-when-stale.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const long = { PROOF_KILLS: '20', PROOF_SUBSCRIBERS: '1000', PROOF_SIMULATIONS: '10000', PROOF_REPLICA_SEEDS: '100', PROOF_SEEDS: '50000', PROOF_DURABLE_KILLS: '24', PROOF_DURABLE_KILL_EVERY_MS: '5000', PROOF_COMPACTIONS: '1000', PROOF_EVENTS: '100000', PROOF_RANDOM: '1', PROOF_BACKLOG: '100000', PROOF_DISTINCT: '1000000', PROOF_CUT_MS: '30000' };
const suites = ['libs/sync-client/src', 'test/behaviours/replica', 'test/behaviours/sync-load', 'test/faults/orphans', 'test/faults/durable-kill', 'test/behaviours/durable', 'test/behaviours/coherence', 'test/behaviours/compaction', 'test/behaviours/purge', 'test/behaviours/history', 'libs/event-sourced-storage/src/(cache|delivery|maintenance|model|history|sync|write|testing)', 'libs/event-sourced-storage/src/mongoose/(contracts|schema-caster|event-checksum)'];

buildWhenStale(root);
const jest = ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning', 'node_modules/jest/bin/jest.js', '--runInBand', ...suites];
// a million events in one history, written on, and counted again
const million = ['bench/run.mjs', '--only', 'ours', '--workloads', 'history'];

for (const parts of [jest, million]) {
  const { status } = spawnSync(process.execPath, parts, { cwd: root, stdio: 'inherit', env: { ...long, ...process.env } });
  if (status !== 0) process.exitCode = 1;
}
