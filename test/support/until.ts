import { setTimeout as pause } from 'node:timers/promises';

/** Only bounds a failure: whoever waits goes on as soon as the fact is there. */
const patienceMs = 40_000;

/** Waits until the check answers something true, and answers that. */
export async function until<R>(check: () => R | Promise<R>, what: string, most: number = patienceMs): Promise<NonNullable<R>> {
  for (const limit = performance.now() + most; performance.now() < limit; await pause(5)) {
    const found = await check();
    if (found) return found;
  }
  throw new Error(`${what}: not within ${most / 1000} s`);
}

/** Lets everything in this process that waits for nothing outside of it happen: a put into the default cache, for example. */
export async function nextTurn(): Promise<void> {
  await new Promise((resume) => setImmediate(resume));
}

/** A promise that somebody else keeps: to hold something up until a fact is there. */
export interface Gate {
  readonly passed: Promise<void>;
  readonly open: () => void;
}

export function gate(): Gate {
  let open = (): void => undefined;
  const passed = new Promise<void>((resolve) => (open = resolve));
  return { passed, open };
}
