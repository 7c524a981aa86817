import { readFileSync } from 'node:fs';
import { describeFailure } from './describe-failure.js';
import { exitCodes } from './exit-codes.js';
import type { Streams } from './output.js';
import { printableLines } from './printable.js';
import { createProgram } from './program.js';
import { Session } from './session.js';

/** How long a verb may take to end once it was interrupted, in ms. */
const graceMs = 5_000;

/**
 * Runs one command line to its end.
 * @param signal ends long work when it is aborted
 * @returns the exit code
 */
export async function runCommandLine(args: readonly string[], streams: Streams, signal: AbortSignal): Promise<number> {
  if (args.length === 1 && args[0] === '--version') {
    streams.stdout.write(`${ownVersion()}\n`);
    return exitCodes.ok;
  }
  const session = new Session(streams, signal);
  try {
    await Promise.race([createProgram(session).parseAsync(args, { from: 'user' }), givenUp(signal)]);
    return signal.aborted ? exitCodes.interrupted : session.exitCode;
  } catch (error) {
    if (signal.aborted) return exitCodes.interrupted;
    const { exitCode, message } = describeFailure(error);
    if (message !== undefined) streams.stderr.write(`${printableLines(message)}\n`);
    return exitCode;
  }
}

/** Rejects when a verb did not heed the signal. */
async function givenUp(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => setTimeout(() => reject(new Error('interrupted')), graceMs).unref(), { once: true });
  });
}

function ownVersion(): string {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { readonly version: string };
  return version;
}
