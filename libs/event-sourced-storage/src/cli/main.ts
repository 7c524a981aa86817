#!/usr/bin/env node
import { exitCodes } from './exit-codes.js';
import { runCommandLine } from './run.js';

/** What an application leaves behind, its timers for example, ends with the command. */
const lingerMs = 2_000;

const interrupt = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    if (interrupt.signal.aborted) process.exit(exitCodes.interrupted); // asked twice
    interrupt.abort();
  });
}
// whoever reads has seen enough, as `head` does
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? exitCodes.ok : exitCodes.problems));

process.exitCode = await runCommandLine(process.argv.slice(2), process, interrupt.signal);
setTimeout(() => process.exit(), lingerMs).unref();
