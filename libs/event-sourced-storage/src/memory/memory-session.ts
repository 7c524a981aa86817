/* oxlint-disable typescript/require-await -- the port is asynchronous, memory is not */
import { InvalidArgumentError } from '../errors/invalid-argument.error.js';
import type { TransactionSession } from '../read/document-reader.js';
import type { MemoryDatabase } from './memory-database.js';
import { MemoryTransaction } from './memory-transaction.js';

/** A caller's session, with the names that the driver's has. One transaction at a time. */
export class MemorySession implements TransactionSession {
  private transaction: MemoryTransaction | undefined;

  inTransaction(): boolean {
    return this.transaction !== undefined;
  }

  startTransaction(): void {
    if (this.transaction !== undefined) throw new Error('a transaction runs already');
    this.transaction = new MemoryTransaction();
  }

  /** Rejects, and writes nothing, when a write in it has failed. */
  async commitTransaction(): Promise<void> {
    const transaction = this.leave();
    if (transaction.isAborted) throw new Error('the transaction was aborted');
    transaction.end('committed');
  }

  async abortTransaction(): Promise<void> {
    this.leave().end('aborted');
  }

  /** @throws InvalidArgumentError when it is no session of these adapters or no transaction runs in it */
  static transactionOf(session: TransactionSession): MemoryTransaction {
    const transaction = session instanceof MemorySession ? session.transaction : undefined;
    if (transaction === undefined) throw new InvalidArgumentError('session', 'expected a MemorySession in which a transaction runs');
    return transaction;
  }

  private leave(): MemoryTransaction {
    const transaction = MemorySession.transactionOf(this);
    this.transaction = undefined;
    return transaction;
  }
}

/** What a read sees: the transaction's view inside one, else what is committed. */
export function visibleTo(session: TransactionSession | undefined, database: MemoryDatabase): MemoryDatabase {
  return session === undefined ? database : MemorySession.transactionOf(session).view(database);
}
