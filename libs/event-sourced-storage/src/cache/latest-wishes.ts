/** What a key is to hold: `drop` alone nothing, `value` alone the value unless a newer one is there, both the value in any case. */
export interface Wish<V> {
  readonly drop: boolean;
  readonly value: V | undefined;
}

interface Lane<V> {
  running: Promise<void>;
  next?: { wish: Wish<V>; readonly done: Promise<void> };
}

/**
 * Fulfils one wish per key at a time. What is wished meanwhile is merged into one next wish, as if all had been fulfilled in turn: a key
 * that changes faster than its backend does not pile up work.
 */
export class LatestWishes<V extends { readonly version: number }> {
  private readonly lanes = new Map<string, Lane<V>>();

  /** @param fulfil must not reject */
  constructor(private readonly fulfil: (key: string, wish: Wish<V>) => Promise<void>) {}

  /** How many keys have wishes that are not fulfilled. */
  get size(): number {
    return this.lanes.size;
  }

  add(key: string, wish: Wish<V>): Promise<void> {
    const lane = this.lanes.get(key);
    if (lane === undefined) return this.start(key, wish);
    if (lane.next === undefined) lane.next = { wish, done: lane.running.then(() => this.start(key, lane.next?.wish ?? wish)) };
    else lane.next.wish = merge(lane.next.wish, wish);
    return lane.next.done;
  }

  private start(key: string, wish: Wish<V>): Promise<void> {
    const lane: Lane<V> = {
      running: this.fulfil(key, wish).finally(() => {
        if (lane.next === undefined) this.lanes.delete(key);
      }),
    };
    this.lanes.set(key, lane);
    return lane.running;
  }
}

function merge<V extends { readonly version: number }>(first: Wish<V>, then: Wish<V>): Wish<V> {
  if (then.drop || first.value === undefined) return { drop: first.drop || then.drop, value: then.value };
  return { drop: first.drop, value: then.value === undefined || then.value.version < first.value.version ? first.value : then.value };
}
