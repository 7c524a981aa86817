import type { ProcessLease } from './process-lease.js';

/** A lock that is held for longer, in ms, is worth asking whether its owner still lives. */
const suspiciousMs = 2_000;
/** Keys of documents that nobody asked for again are dropped beyond this number. */
const mostHeldKeys = 10_000;
/** Between two looks for dead processes, in ms. */
const lookEveryMs = 1_000;

/** Ends what dead processes left open, when somebody has waited for a lock so long that it may be theirs. */
export class Orphans {
  private readonly heldKeys = new Map<string, number>();
  private lookedAt = -Infinity;
  private looking: Promise<void> | undefined;

  constructor(
    private readonly lease: Pick<ProcessLease, 'buryDead'>,
    private readonly warn: (message: string) => void,
  ) {}

  /** Notes that a document is held by a foreign transaction, and looks for dead owners once that lasts suspiciously long. */
  async held(key: string): Promise<void> {
    const since = this.heldKeys.get(key);
    if (since !== undefined) return this.heldSince(since);
    if (this.heldKeys.size >= mostHeldKeys) this.heldKeys.clear();
    this.heldKeys.set(key, performance.now());
  }

  free(key: string): void {
    this.heldKeys.delete(key);
  }

  /** @param since when the lock was first met, on the clock of `performance.now()` */
  async heldSince(since: number): Promise<void> {
    const now = performance.now();
    if (now - since < suspiciousMs) return;
    if (this.looking === undefined && now - this.lookedAt >= lookEveryMs) {
      this.lookedAt = now;
      this.looking = this.look().finally(() => (this.looking = undefined));
    }
    await this.looking;
  }

  private async look(): Promise<void> {
    try {
      const dead = await this.lease.buryDead();
      if (dead > 0) this.warn(`Ended the open transactions of ${dead} process${dead === 1 ? '' : 'es'} that died in mid-flight.`);
    } catch (error) {
      this.warn(`Looking for transactions of dead processes failed: ${String(error)}`);
    }
  }
}
