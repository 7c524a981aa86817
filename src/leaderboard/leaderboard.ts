/** One line of the leaderboard. */
export interface Rank {
  readonly id: string;
  readonly name: string;
  readonly gold: number;
}

/** The richest games, in memory, as many as `capacity`. */
export class Leaderboard {
  private readonly ranks = new Map<string, Rank>();

  constructor(readonly capacity: number) {}

  put(rank: Rank): void {
    this.ranks.set(rank.id, rank);
    if (this.ranks.size > this.capacity) this.remove(this.sorted().at(-1)?.id);
  }

  remove(id: string | undefined): void {
    if (id !== undefined) this.ranks.delete(id);
  }

  /** The first `count`, most gold first; equals in the order of their ids. */
  top(count: number): Rank[] {
    return this.sorted().slice(0, count);
  }

  private sorted(): Rank[] {
    return [...this.ranks.values()].toSorted((a, b) => b.gold - a.gold || (a.id < b.id ? -1 : 1));
  }
}
