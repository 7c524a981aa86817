const pauseMs = 10_000;

/** Passes on at most one warning per 10 seconds and says how many it kept back. */
export class LimitedWarnings {
  private quietUntil = -Infinity;
  private keptBack = 0;

  constructor(
    private readonly onWarning: (message: string) => void,
    private readonly now: () => number,
  ) {}

  warn(message: string): void {
    const now = this.now();
    if (now < this.quietUntil) {
      this.keptBack++;
      return;
    }
    const more = this.keptBack === 0 ? '' : ` (${this.keptBack} more since the last warning)`;
    this.quietUntil = now + pauseMs;
    this.keptBack = 0;
    try {
      this.onWarning(message + more);
    } catch {
      // a failing listener must not reach the reader or writer
    }
  }
}
