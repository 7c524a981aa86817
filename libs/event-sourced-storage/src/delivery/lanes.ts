import type { DocumentId } from '../model/document-id.js';

/** One document with events to handle. */
export interface Lane {
  readonly key: string;
  readonly documentId: DocumentId;
  /** The highest number known to be committed. */
  target: number;
  /** The lowest number that the feed told since the lane is there; `undefined`: it came from a scan or a wish. */
  lowest: number | undefined;
  /** The last number that was handled; `undefined`: not looked up yet. */
  handled: number | undefined;
  /** The number in the stored checkpoint; `undefined`: there is none. */
  stored: number | undefined;
  /** How often the next event has failed. */
  failures: number;
  /** What an operator wants of its parked events, which begin with `serverSeq`. */
  wish: { readonly kind: 'redeliver' | 'skip' | 'drop'; readonly serverSeq: number; isGranted: boolean } | undefined;
  /** It waits for a time, and is not in line. */
  isWaiting: boolean;
}

/**
 * The documents of one part that have events to handle, first come first served. Holds no events, and at most `most` documents: what does
 * not fit is not taken, and has to be found again later.
 */
export class Lanes {
  private readonly lanes = new Map<string, Lane>();
  private readonly ready: Lane[] = [];

  constructor(private readonly most: number) {}

  get size(): number {
    return this.lanes.size;
  }

  get isFull(): boolean {
    return this.lanes.size >= this.most;
  }

  get hasReady(): boolean {
    return this.ready.length > 0;
  }

  get(key: string): Lane | undefined {
    return this.lanes.get(key);
  }

  /** Notes that a number is committed. `false`: there was no room. */
  add(key: string, documentId: DocumentId, target: number, isTold: boolean): boolean {
    const known = this.lanes.get(key);
    if (known !== undefined) {
      known.target = Math.max(known.target, target);
      if (isTold) known.lowest = Math.min(known.lowest ?? target, target);
      return true;
    }
    if (this.isFull) return false;
    const lane: Lane = { key, documentId, target, lowest: isTold ? target : undefined, handled: undefined, stored: undefined, failures: 0, wish: undefined, isWaiting: false };
    this.lanes.set(key, lane);
    this.ready.push(lane);
    return true;
  }

  /** Takes up to `count` documents out of the line. */
  take(count: number): Lane[] {
    return this.ready.splice(0, count);
  }

  /** Puts a document in line again. */
  again(lane: Lane): void {
    lane.isWaiting = false;
    if (this.lanes.get(lane.key) === lane) this.ready.push(lane);
  }

  done(lane: Lane): void {
    this.lanes.delete(lane.key);
  }

  /** What each document has to reach for all that is known now to be handled. */
  targets(keys?: Iterable<string>): Map<string, number> {
    const lanes = keys === undefined ? [...this.lanes.values()] : [...keys].map((key) => this.lanes.get(key)).filter((lane) => lane !== undefined);
    return new Map(lanes.map(({ key, target }) => [key, target]));
  }

  /** Whether all of these were reached: a lane that is gone was handled to its end, or is parked. */
  reached(targets: Map<string, number>): boolean {
    for (const [key, target] of targets) {
      const lane = this.lanes.get(key);
      if (lane !== undefined && (lane.handled ?? 0) < target) return false;
      targets.delete(key);
    }
    return true;
  }
}
