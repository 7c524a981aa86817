import type { CommitOutcome, DocumentChange } from './document-change.js';
import type { TransactionSession } from '../read/document-reader.js';

/** Until when a commit may take, on the clock of `performance.now()`; `Infinity` for no limit. */
export interface CommitOptions {
  readonly deadline: number;
}

/**
 * PORT. Puts changes and their events into the database: each change together with its event or not at all.
 *
 * - Several changes of one document must stand in a row, in order, each expecting the number before it; they become one write of the
 *   document and one event each, all or none.
 * - A create never follows a delete of the same document in one flight.
 * - A change whose document is not at `expectedVersion` is a `conflict`; the changes of other documents are not harmed by it.
 * - `commit` never throws for what the database answers: every change gets its outcome, in the order of the flight.
 * - `unknown` is only said when the commit was sent and its effect could not be settled before the deadline.
 */
export abstract class DocumentCommitter {
  abstract commit(flight: readonly DocumentChange[], options: CommitOptions): Promise<readonly CommitOutcome[]>;

  /**
   * Writes one change inside a transaction of the caller, which decides about its commit. `committed` here means: written in that
   * transaction. A `conflict` leaves the transaction open when `pending` is false, and aborted by the server otherwise.
   */
  abstract writeInTransaction(change: DocumentChange, session: TransactionSession): Promise<CommitOutcome>;
}
