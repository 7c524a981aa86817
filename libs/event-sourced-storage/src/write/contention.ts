import { LRUCache } from 'lru-cache';

/** Documents remembered as contended; beyond it the oldest count as free again, which costs them a lost race. */
const capacity = 10_000;
/** `max` would reserve room for all of them at once. */
const one = (): number => 1;
/** How many successes in a row make a document that lost races count as free again. */
const longMemory = 8;
/** A lost race weighs as much as so many successes. */
const weight = 3;
const widest = 500;
/** Those who wait are through after so many commits, however often they lost: else a process that always loses would fall behind for ever. */
const mostWaves = 4;

/**
 * Which documents other processes write too, and how many of them should share a commit. Sharing saves commits, but one lost race costs
 * the whole commit: the width halves with each commit that lost one, and grows by one with each that lost none.
 */
export class Contention {
  private readonly levels = new LRUCache<string, number>({ maxSize: capacity, sizeCalculation: one });
  private currentWidth = widest / 10;

  /** Whether it lost more than one race lately: one alone is chance, and a commit apart costs as much as one for all. */
  has(key: string): boolean {
    return (this.levels.get(key) ?? 0) > weight;
  }

  /** How many of those who wait share the next commit. */
  widthFor(waiting: number): number {
    return Math.max(1, Math.floor(this.currentWidth), Math.ceil(waiting / mostWaves));
  }

  /** A document lost a race. */
  lost(key: string): void {
    this.levels.set(key, Math.min((this.levels.get(key) ?? 0) + weight, longMemory));
  }

  /** A document was committed. */
  won(key: string): void {
    const level = this.levels.get(key);
    if (level === undefined) return;
    if (level <= 1) this.levels.delete(key);
    else this.levels.set(key, level - 1);
  }

  /** A commit of contended documents came back. */
  landed(withoutLoss: boolean): void {
    this.currentWidth = withoutLoss ? Math.min(this.currentWidth + 1, widest) : Math.max(this.currentWidth / 2, 1);
  }
}
