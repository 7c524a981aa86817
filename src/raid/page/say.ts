import { Refusal } from './api.js';
import { byId, setText } from './dom.js';

const shownMs = 8_000;
let timer: ReturnType<typeof setTimeout> | undefined;

/** Shows a message for a while, and has it read out. */
export function say(text: string): void {
  const message = byId('message');
  setText(message, text);
  message.hidden = false;
  clearTimeout(timer);
  timer = setTimeout(() => (message.hidden = true), shownMs);
}

/** Why something did not work, for people. */
export function reasonOf(error: unknown): string {
  if (error instanceof Refusal) return error.message;
  return error instanceof TypeError ? 'The server does not answer.' : String(error);
}

/** What a listener starts and nobody waits for: a failure is told. */
export function run(task: () => Promise<void>): void {
  task().catch((error: unknown) => say(reasonOf(error)));
}
