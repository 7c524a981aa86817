import type { TransactionSession } from '../read/document-reader.js';

/** The right to do one thing alone, for a while. */
export interface Lease {
  readonly name: string;
  /** Who has it: one random id per process. */
  readonly holder: string;
  /** Goes up by one with every change of the holder: a fence against those who slept through the loss of their lease. */
  readonly term: number;
}

/**
 * PORT. Leases by the server's clock, shared by all processes on one database. Durations are in milliseconds and positive.
 *
 * A lease that has run out is free for others, but as long as nobody took it, its term goes on: the holder may still prolong it and write
 * under it. Being alone is what counts, and that is decided by the term.
 */
export abstract class LeaseStore {
  /**
   * Takes the lease when it is free or has run out, in a new term; prolongs it, in the same term, for the one who holds it. `null` while
   * somebody else has it, and while a transaction that was fenced with it is open. May wait for that a second.
   */
  abstract acquire(name: string, holder: string, durationMs: number): Promise<Lease | null>;

  /** Prolongs it; `false` when the term is over, and then it must not be used any more. */
  abstract renew(lease: Lease, durationMs: number): Promise<boolean>;

  /** Gives it back, if it is still held in this term. Twice is harmless. */
  abstract release(lease: Lease): Promise<void>;

  /**
   * Writes the term inside a transaction, so that the transaction cannot commit beside a newer holder's. When it lost a race for that, it
   * throws what the database throws, and the transaction has to be run again.
   * @throws StaleLeaseError when the term is over
   */
  abstract fence(lease: Lease, session: TransactionSession): Promise<void>;
}
