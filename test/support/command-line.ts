import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { until } from './until.js';

const main = fileURLToPath(new URL('../../libs/event-sourced-storage/dist/cli/main.js', import.meta.url));

/** How a command line ended. */
export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A command line under way. */
export interface Running {
  readonly child: ChildProcess;
  readonly output: { stdout: string; stderr: string };
  readonly ended: Promise<Ended>;
}

/** Starts the built command line in a process of its own, as a user's shell would. */
export function startCommand(args: readonly string[], env: NodeJS.ProcessEnv = {}): Running {
  if (!existsSync(main)) throw new Error('the command line is not built: npm run build:lib');
  const { MONGODB_URI: _unused, NODE_OPTIONS: _flags, ...inherited } = process.env;
  const child = spawn(process.execPath, [main, ...args], { env: { ...inherited, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  const output = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output.stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output.stderr += text));
  const ended = once(child, 'close').then(([code]) => ({ code: code as number | null, ...output }));
  return { child, output, ended };
}

export function command(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ended> {
  return startCommand(args, env).ended;
}

/** Waits for a text, and fails at once when the command has ended without it. */
export async function said({ child, output }: Running, stream: 'stdout' | 'stderr', text: string): Promise<void> {
  await until(() => {
    if (output[stream].includes(text)) return true;
    if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode} and never said ${text}:\n${output.stdout}${output.stderr}`);
    return false;
  }, text);
}
