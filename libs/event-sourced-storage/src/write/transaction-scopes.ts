import type { TransactionSession } from '../read/document-reader.js';

/** How a caller's transaction ended, as far as this process can know. */
export type TransactionEnd = 'committed' | 'aborted' | 'unknown';

/** The turn that every command of the session takes. */
export const sessionTurn = 'session';

/** One transaction of a caller: what has to happen once it is over. */
export interface TransactionScope {
  /** One value for all events of the transaction. */
  readonly transactionId: string;
  /** Calls back once the transaction is over. */
  onEnd(listener: (end: TransactionEnd) => void): void;
  /** Whether the transaction still takes commands. One more after its end would be written for itself, outside of any transaction. */
  readonly isOpen: boolean;
  /** Work with the same key runs one after the other: two commands of one session at once tear a transaction apart. */
  inTurn<R>(key: string, work: () => Promise<R>): Promise<R>;
  /** Notes that a write lost a race inside: trying the whole transaction again may help. */
  markConflict(): void;
}

/** PORT. Finds the scope of a session. */
export abstract class TransactionScopes {
  /**
   * The scope of the transaction that runs in this session.
   * @throws InvalidArgumentError when none runs, or the session belongs to another client.
   */
  abstract of(session: TransactionSession): TransactionScope;
}
