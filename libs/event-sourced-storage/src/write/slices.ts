/** Decisions in a row after which the event loop gets a turn: for answers of the server, and other work of the process. */
export const longestSlice = 32;

/** Cuts a long row of decisions into slices, one for each turn of the event loop; first come, first served. */
export class Slices {
  private readonly waiting: (() => void)[] = [];
  private used = 0;
  private row = 0;
  private scheduled = false;

  /** @param onTurn called in each turn that was asked for, with how many slices followed each other without a break: 0 when nobody waits */
  constructor(private readonly onTurn: (row: number) => void) {}

  /** How many decisions wait for a later turn. */
  get length(): number {
    return this.waiting.length;
  }

  /** `undefined`: decide at once; else when it resolves. */
  next(): Promise<void> | undefined {
    this.schedule();
    if (this.used < longestSlice) {
      this.used++;
      return undefined;
    }
    return new Promise((resume) => this.waiting.push(resume));
  }

  /** Asks for a turn. */
  schedule(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    setImmediate(() => this.turn());
  }

  private turn(): void {
    this.scheduled = false;
    const released = this.waiting.splice(0, longestSlice);
    this.used = released.length;
    this.row = released.length > 0 ? this.row + 1 : 0;
    if (released.length > 0) this.schedule();
    for (const resume of released) resume();
    this.onTurn(this.row);
  }
}
