import type { TransactionSession } from '../read/document-reader.js';
import { type TransactionScope, TransactionScopes } from '../write/transaction-scopes.js';
import { MemorySession } from './memory-session.js';

/** The scope of a {@link MemorySession} is its transaction. */
export class MemoryTransactionScopes extends TransactionScopes {
  override of(session: TransactionSession): TransactionScope {
    return MemorySession.transactionOf(session);
  }
}
