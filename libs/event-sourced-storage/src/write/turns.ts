/** Lets work with the same key run one after the other, in the order in which it came; other keys are not held up. */
export class Turns {
  private readonly last = new Map<string, Promise<unknown>>();

  async take<R>(key: string, work: () => Promise<R>): Promise<R> {
    const before = this.last.get(key) ?? Promise.resolve();
    const mine = before.then(work, work);
    this.last.set(key, mine);
    try {
      return await mine;
    } finally {
      if (this.last.get(key) === mine) this.last.delete(key);
    }
  }
}
