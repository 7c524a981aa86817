import { describe, expect, it } from '@jest/globals';
import { InvalidArgumentError } from '../errors/invalid-argument.error.js';
import { Changes } from '../testing/changes.js';
import type { TransactionEnd, TransactionScope } from '../write/transaction-scopes.js';
import { MemoryDatabase } from './memory-database.js';
import { MemoryDocumentCommitter } from './memory-document-committer.js';
import { MemorySession } from './memory-session.js';
import { MemoryTransactionScopes } from './memory-transaction-scopes.js';

describe('MemoryTransactionScopes', () => {
  const scopes = new MemoryTransactionScopes();

  function begin(): { readonly session: MemorySession; readonly scope: TransactionScope; readonly ends: TransactionEnd[] } {
    const session = new MemorySession();
    session.startTransaction();
    const scope = scopes.of(session);
    const ends: TransactionEnd[] = [];
    scope.onEnd((end) => ends.push(end));
    return { session, scope, ends };
  }

  it('gives one scope with one id per transaction', async () => {
    const { session, scope } = begin();
    expect(scopes.of(session)).toBe(scope);
    await session.abortTransaction();
    session.startTransaction();
    expect(scopes.of(session).transactionId).not.toBe(scope.transactionId);
  });

  it.each([
    ['committed', (session: MemorySession) => session.commitTransaction()],
    ['aborted', (session: MemorySession) => session.abortTransaction()],
  ])('says once that a transaction was %s', async (end, finish) => {
    const { session, ends } = begin();
    expect(ends).toEqual([]);
    await finish(session);
    expect(ends).toEqual([end]);
    expect(session.inTransaction()).toBe(false);
    await expect(finish(session)).rejects.toBeInstanceOf(InvalidArgumentError);
    expect(ends).toEqual([end]);
  });

  it('one transaction spans several features', async () => {
    const { session } = begin();
    const changes = new Changes();
    const databases = [new MemoryDatabase({ collection: 'games' }), new MemoryDatabase({ collection: 'players' })];
    for (const database of databases) await new MemoryDocumentCommitter(database).writeInTransaction(changes.create('a', {}), session);
    expect(databases.map((database) => database.document('s:a'))).toEqual([null, null]);
    await session.commitTransaction();
    expect(databases.map((database) => database.document('s:a')?.['version'])).toEqual([1, 1]);
  });

  it('refuses a session without transaction, and one that is not its own', () => {
    expect(() => scopes.of(new MemorySession())).toThrow(InvalidArgumentError);
    expect(() => scopes.of({ inTransaction: () => true })).toThrow(InvalidArgumentError);
  });

  it('a second transaction in one session is refused', () => {
    const { session } = begin();
    expect(() => session.startTransaction()).toThrow('runs already');
  });
});
