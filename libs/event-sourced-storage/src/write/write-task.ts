import type { WriteCommand } from './write-command.js';

/** What bounds one call. */
export interface TaskLimits {
  /** Milliseconds from now; `0` for none. */
  readonly timeoutMs: number;
  readonly maxRetries: number;
  readonly signal: AbortSignal | undefined;
}

/** Why the last attempt of a task came to nothing, when it was not simply slower than another writer. */
export type Obstacle = { readonly kind: 'locked' } | { readonly kind: 'unavailable'; readonly error: Error };

/** One caller who waits for one write. Settled exactly once. */
export class WriteTask<R = unknown> {
  readonly promise: Promise<R>;
  readonly startedAt: number = performance.now();
  /** On the clock of `performance.now()`. */
  readonly deadline: number;
  /** Commits that were tried and failed. */
  failures = 0;
  /** How often the command was decided. */
  calls = 0;
  isSettled = false;
  /** Its time ran out while its change was in the air. */
  overdue: 'timeout' | 'aborted' | undefined;
  obstacle: Obstacle | undefined;
  private fulfil!: (value: R) => void;
  private refuse!: (error: unknown) => void;
  private readonly timer: NodeJS.Timeout | undefined;
  private readonly abort: (() => void) | undefined;

  constructor(
    readonly command: WriteCommand<R>,
    readonly limits: TaskLimits,
    giveUp: (reason: 'timeout' | 'aborted') => void,
    private readonly onSettled: () => void,
  ) {
    this.promise = new Promise<R>((fulfil, refuse) => {
      this.fulfil = fulfil;
      this.refuse = refuse;
    });
    this.deadline = limits.timeoutMs === 0 ? Infinity : this.startedAt + limits.timeoutMs;
    if (limits.timeoutMs > 0) this.timer = setTimeout(giveUp, limits.timeoutMs, 'timeout');
    if (limits.signal !== undefined) {
      this.abort = (): void => giveUp('aborted');
      limits.signal.addEventListener('abort', this.abort, { once: true });
    }
  }

  resolve(value: R): void {
    if (this.settle()) this.fulfil(value);
  }

  reject(error: unknown): void {
    if (this.settle()) this.refuse(error);
  }

  /** Answers with what the function returns, or refuses with what it throws. */
  answer(answer: () => R): void {
    if (this.isSettled) return;
    let value: R;
    try {
      value = answer();
    } catch (error) {
      this.reject(error);
      return;
    }
    this.resolve(value);
  }

  private settle(): boolean {
    if (this.isSettled) return false;
    this.isSettled = true;
    clearTimeout(this.timer);
    if (this.abort !== undefined) this.limits.signal?.removeEventListener('abort', this.abort);
    this.onSettled();
    return true;
  }
}
