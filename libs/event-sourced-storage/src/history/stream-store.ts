import type { DocumentId } from '../model/document-id.js';
import type { EventReadOptions } from './event-store.js';

/** What is particular about one history. Most histories have no record: they begin at 1 and were never erased. */
export interface StreamFacts {
  /**
   * Opaque, at most 16 characters of `[A-Za-z0-9_-]`. Changes when the history was erased (this one), or when an operator declared that the
   * collection went back to an older state (all of them): older positions are void.
   */
  readonly epoch: string;
  /** Catching up works from this number on: the events up to it are compacted away. `0`: the history is complete. */
  readonly floor: number;
  /** When the event `floor` was recorded; absent while `floor` is `0`. */
  readonly floorAt?: Date;
  /** The history was erased by `purge()`. */
  readonly purged: boolean;
  /** The number that the erasure took; while it is equal to `floor`, the state there is "no document". Absent when never erased. */
  readonly purgedAt?: number;
}

/** A line below which the events go. */
export interface FloorMark {
  readonly floor: number;
  /** When the event `floor` was recorded. */
  readonly floorAt: Date;
}

/** PORT. Facts of the histories of one feature that are not plain "from 1". What it writes is on a majority before it answers. */
export abstract class StreamStore {
  /** The facts of one history; those of a plain one when there is no record. */
  abstract read(id: DocumentId, options?: EventReadOptions): Promise<StreamFacts>;

  /** Raises the floor of one history, never lowers it. `false` when it is as high already. */
  abstract raiseFloor(id: DocumentId, mark: FloorMark): Promise<boolean>;

  /** Gives every history of the feature another epoch: positions from before are void. @returns the new generation */
  abstract renewGeneration(): Promise<string>;

  /** Whether this operation created a document that was erased since. */
  abstract wasErased(id: DocumentId, operationId: string): Promise<boolean>;
}

/** The lowest event that is there for sure: the first one above the floor, or the erasure itself while the history ends or begins with it. */
export function firstKept({ floor, purgedAt }: Pick<StreamFacts, 'floor' | 'purgedAt'>): number {
  return floor > 0 && purgedAt === floor ? floor : floor + 1;
}

const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';

/** A mark of `length` letters and digits. @param random numbers from 0 to below 1 */
export function drawMark(length: number, random: () => number): string {
  return Array.from({ length }, () => letters[Math.floor(random() * letters.length)]).join('');
}

/** Characters of a generation, which is the epoch of a history that was never erased. */
export const generationLength = 6;
/** Characters of the mark of an erasure; with the generation and a dash before it, an epoch keeps to 16. */
export const eraseMarkLength = 8;

/** The epoch of a history: that of the feature, and after an erasure one of its own. */
export function epochOf(generation: string, mark: string | undefined): string {
  return mark === undefined ? generation : `${generation}-${mark}`;
}
