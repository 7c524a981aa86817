// npm test: all checks, then all tests, then a summary. With arguments only Jest runs, with these: npm test -- libs/event-sourced-storage
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { buildWhenStale } from './build-when-stale.mjs';
import { npm } from './npm.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const jestMs = 25 * 60_000;
const exitMs = 60_000; // from the last result to the end of the process
const checks = [
  ['typecheck', () => script('typecheck')],
  ['lint', () => script('lint')],
  ['import rules', () => script('check:imports')],
  ['lock file', () => script('check:lock')],
];

const jestArguments = process.argv.slice(2);
const summary = [];
for (const [name, check] of jestArguments.length ? [] : checks) note(name, await timed(check));
// tests that kill a process run the built library in it, as a user's process would
note('build', await timed(build));
const tests = await timed(runJest);
note('tests', tests);

console.log(`\nSummary\n${summary.map(({ name, ok, seconds, remark }) => `  ${ok ? 'ok    ' : 'FAILED'}  ${name}  ${seconds} s${remark}`).join('\n')}\n`);
console.log(`${tests.passed} passed, ${tests.failed} failed`);
process.exitCode = summary.every(({ ok }) => ok) ? 0 : 1;

function note(name, { ok, seconds, remark = '' }) {
  summary.push({ name: name.padEnd(12), ok, seconds: seconds.toFixed(1).padStart(6), remark: remark && `  ${remark}` });
}

async function timed(step) {
  const started = performance.now();
  const result = await step();
  return { ...result, seconds: (performance.now() - started) / 1000 };
}

function build() {
  console.log('\n> build, unless it is fresh');
  try {
    buildWhenStale(root);
    return { ok: true };
  } catch (error) {
    return { ok: false, remark: error.message };
  }
}

function script(name) {
  console.log(`\n> ${name}`);
  return { ok: npm(['run', '--silent', name], { cwd: root, stdio: 'inherit' }).status === 0 };
}

/** Jest with the flags of the script `jest`; its own report goes to the terminal, the numbers to a temporary file. */
async function runJest() {
  console.log('\n> jest');
  const folder = mkdtempSync(join(tmpdir(), 'jest-report-'));
  const report = join(folder, 'report.json');
  try {
    const ended = await finished(startJest(['--json', '--outputFile', report, ...jestArguments]), report);
    return judged(ended, existsSync(report) ? JSON.parse(readFileSync(report, 'utf8')) : undefined);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function startJest(args) {
  const [, ...flags] = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).scripts.jest.split(' ');
  // a process group of its own, so that a time limit ends the workers too
  const jest = spawn(process.execPath, [...flags, ...args], { cwd: root, stdio: 'inherit', detached: process.platform !== 'win32' });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => endGroup(jest, signal));
  return jest;
}

function endGroup(jest, signal) {
  try {
    process.kill(process.platform === 'win32' ? jest.pid : -jest.pid, signal);
  } catch {
    // it is gone already
  }
}

/** The exit code, or the reason for which Jest had to be ended. */
async function finished(jest, report) {
  let end;
  jest.once('error', (error) => (end = { reason: error.message }));
  jest.once('exit', (code, signal) => (end ??= { code, reason: signal && `ended by ${signal}` }));
  const started = Date.now();
  let reported;
  for (; !end; await sleep(200)) {
    if (existsSync(report)) reported ??= Date.now();
    if (Date.now() - started > jestMs) end = { reason: `not ready within ${jestMs / 60_000} minutes` };
    if (Date.now() - reported > exitMs) end = { reason: `did not exit: something stayed open, find it with --detectOpenHandles` };
  }
  endGroup(jest, 'SIGKILL'); // also workers that outlived Jest; their servers follow by themselves
  return end;
}

function judged({ code, reason }, report) {
  const { numPassedTests: passed = 0, numFailedTests = 0, numRuntimeErrorTestSuites = 0, numPendingTests: skipped = 0 } = report ?? {};
  const failed = numFailedTests + numRuntimeErrorTestSuites; // a suite that cannot be loaded counts as one
  const remarks = [reason, passed + failed === 0 && 'no test was run', skipped > 0 && `${skipped} skipped`].filter(Boolean);
  return { ok: code === 0 && failed === 0 && passed > 0, passed, failed, remark: remarks.join(', ') };
}
