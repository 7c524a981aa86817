import { longestSlice } from './slices.js';

/**
 * From so many writers on a flight leaves with half of them: the others are decided while it is in the air, so that this process and the
 * server work at the same time. With fewer, the commands of a second flight cost more than the waiting (docs/decisions/0015).
 */
const pairsFrom = 256;

/** How many changes a flight waits for. Only what is decided in this turn of the event loop and the next few is waited for, no timer. */
export class TakeOff {
  private company = 1;

  /** @param most changes that a flight carries */
  constructor(private readonly most: number) {}

  /** @param landed changes that have just landed @param staged changes that were decided meanwhile */
  landed(landed: number, staged: number): void {
    this.company = Math.max(1, landed + staged);
  }

  /** Whether nobody is worth waiting for any more. @param staged changes that wait for a flight */
  hasAll(staged: number): boolean {
    return staged >= this.enough;
  }

  private get enough(): number {
    return Math.min(this.most, this.company < pairsFrom ? this.company : Math.ceil(this.company / 2));
  }

  /** Whether the turn ends without a take-off, because a slice that comes at once may bring the rest. @param row slices so far */
  waitsForMore(staged: number, row: number): boolean {
    return row > 0 && !this.hasAll(staged) && row * longestSlice <= this.enough;
  }
}
