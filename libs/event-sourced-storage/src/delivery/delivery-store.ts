import type { DocumentId } from '../model/document-id.js';
import type { TransactionSession } from '../read/document-reader.js';
import type { ResumeToken } from '../watch/change-feed.js';
import type { HandlerStart } from './durable-handler.js';

/** What is kept of a handler as a whole. */
export interface HandlerState {
  readonly name: string;
  readonly model: string;
  /** Goes up with every reset: progress of older generations is void. */
  readonly generation: number;
  readonly partitions: number;
  readonly from: HandlerStart;
  /** The server's time at which this generation began; `undefined`: it has not begun. */
  readonly begunAt: Date | undefined;
  /** The feed's position at which it began. */
  readonly startToken: ResumeToken;
  readonly paused: boolean;
  /** Why it was paused, when it paused itself. */
  readonly pausedBecause: string | undefined;
  /** How many processes work on it now. */
  readonly members: number;
}

/** One part of the documents of one generation of a handler. */
export interface PartitionKey {
  readonly handler: string;
  readonly generation: number;
  readonly partition: number;
}

/** How far one part has got. */
export interface PartitionProgress {
  /** Everything committed up to this position was handled or is parked; `undefined`: none is known. */
  readonly position: ResumeToken;
  /** What is committed is being compared with what was handled, document by document; `after` is the last one compared. */
  readonly scan: { readonly after: DocumentId | undefined } | undefined;
}

/** A part in the hands of one process. Whatever it writes, it writes on condition that nobody has claimed the part since. */
export interface Claim extends PartitionKey {
  readonly fence: number;
}

/** One part, for operators. */
export interface PartitionStatus extends PartitionKey {
  readonly holder: string;
  readonly scanning: boolean;
  readonly caughtUpAt: Date | undefined;
  readonly lastError: string | undefined;
}

/** How far one document has got. */
export interface Checkpoint {
  readonly serverSeq: number;
  readonly parked: boolean;
}

/** What an operator wants of a parked document: all again; all but the failed event; nothing of what waits. */
export type ParkedWish = 'redeliver' | 'skip' | 'drop';

/** A document whose events wait because one of them failed too often. */
export interface ParkedDocument {
  readonly documentId: DocumentId;
  /** The event that failed; it and everything behind it waits. */
  readonly serverSeq: number;
  readonly attempts: number;
  readonly error: string;
  readonly parkedAt: Date;
  readonly wish: ParkedWish | undefined;
}

/** What one part writes at once. */
export interface ProgressUpdate {
  readonly handled: readonly { readonly documentId: DocumentId; readonly serverSeq: number }[];
  readonly parked: readonly Omit<ParkedDocument, 'wish'>[];
  readonly unparked: readonly DocumentId[];
  /** Left out: unchanged. */
  readonly progress?: PartitionProgress;
  readonly caughtUp: boolean;
  readonly lastError?: string | undefined;
}

/** One event that is handled together with the progress. */
export interface DeliveryStep {
  readonly documentId: DocumentId;
  readonly serverSeq: number;
  /** What the stored checkpoint says; `undefined`: there is none. */
  readonly stored: number | undefined;
  readonly timeoutMs: number;
}

/** The stored checkpoint is not the one that was known: an earlier commit without an answer had happened after all. Look again. */
export class CheckpointMoved extends Error {}

/** The server had ended the transaction when the handler resolved, again and again: the handler keeps an error of its session to itself. */
export class TransactionSpoiled extends Error {
  override readonly name = 'TransactionSpoiled';
}

/** PORT. What durable handlers keep. Everything it writes is on a majority before it answers. */
export abstract class DeliveryStore {
  /** Makes the record of a handler when it is missing, and answers what is kept. */
  abstract register(handler: { readonly name: string; readonly model: string; readonly partitions: number; readonly from: HandlerStart }): Promise<HandlerState>;
  /** Lets a generation begin at a position, unless it has begun already. */
  abstract begin(name: string, generation: number, token: ResumeToken): Promise<HandlerState>;
  /** A process says that it works on the handler; those silent for longer than `aliveMs` do not count. */
  abstract beat(name: string, member: string, aliveMs: number): Promise<HandlerState>;
  abstract leave(name: string, member: string): Promise<void>;
  /** `null` for a handler that never started. */
  abstract state(name: string): Promise<HandlerState | null>;
  abstract setPaused(name: string, paused: boolean, because?: string): Promise<boolean>;
  /** A new generation. When it answers, nothing of older ones can be written any more. */
  abstract reset(name: string, from: HandlerStart, partitions: number): Promise<HandlerState | null>;

  /** Takes a part over from whoever had it. `null` when its generation is over, and while something of the last holder is still being written. */
  abstract claim(key: PartitionKey, holder: string, fresh: PartitionProgress): Promise<(PartitionProgress & { readonly claim: Claim }) | null>;
  /** @throws StaleLeaseError when somebody else has claimed the part */
  abstract save(claim: Claim, update: ProgressUpdate): Promise<void>;
  /**
   * Runs `handle` and, if it asked for the session, commits what it wrote there together with the checkpoint of the document.
   * @returns whether that was so; otherwise nothing is stored
   * @throws StaleLeaseError, CheckpointMoved, TransactionSpoiled, whatever `handle` throws
   */
  abstract deliver(claim: Claim, step: DeliveryStep, handle: (session: () => TransactionSession) => Promise<void>): Promise<boolean>;
  abstract checkpoints(key: PartitionKey, ids: readonly DocumentId[]): Promise<ReadonlyMap<string, Checkpoint>>;
  abstract partitions(handler: string, generation: number): Promise<PartitionStatus[]>;
  /** The oldest first. `wishesOnly`: those that an operator wants something of. */
  abstract parked(handler: string, generation: number, options: { readonly limit: number; readonly wishesOnly?: boolean }): Promise<ParkedDocument[]>;
  abstract countParked(handler: string, generation: number): Promise<number>;
  /** @param id left out: all parked documents. @returns of how many */
  abstract wish(handler: string, generation: number, wish: ParkedWish, id?: { readonly documentId: DocumentId; readonly partition: number }): Promise<number>;
  /** Forgets the progress of generations before this one. */
  abstract dropBefore(handler: string, generation: number): Promise<void>;
}

/** PORT. The events that a handler goes through. */
export abstract class DeliverySource {
  /** The newest number of each document after `after`, in the order of the ids; empty at the end. */
  abstract heads(after: DocumentId | undefined): Promise<readonly { readonly documentId: DocumentId; readonly head: number }[]>;
  /** The newest number of a document, `0` for none, without reading the event. Confirmed by a majority now: never behind what was told. */
  abstract head(id: DocumentId): Promise<number>;
  /** The number of the first event recorded at or after this time; `undefined` for none. */
  abstract firstSince(id: DocumentId, since: Date): Promise<number | undefined>;
}
