import { DocumentLockedError } from '../errors/document-locked.error.js';
import { OperationIdReusedError } from '../errors/operation-id-reused.error.js';
import { OperationTimeoutError } from '../errors/operation-timeout.error.js';
import { VersionConflictError } from '../errors/version-conflict.error.js';
import type { EventStore } from '../history/event-store.js';
import type { ResolvedFeatureOptions } from '../options/resolve-storage-options.js';
import type { DocumentReader, TransactionSession } from '../read/document-reader.js';
import type { ReadPath } from '../read/read-path.js';
import type { AfterCommit } from './after-commit.js';
import type { CommitOutcome, DocumentChange } from './document-change.js';
import type { DocumentCommitter } from './document-committer.js';
import { loadState } from './load-state.js';
import type { TransactionScope, TransactionScopes } from './transaction-scopes.js';
import type { WriteCommand } from './write-command.js';

/** What writing inside a caller's transaction works with. */
export interface TransactionWriterParts {
  readonly options: ResolvedFeatureOptions;
  readonly committer: DocumentCommitter;
  readonly reader: DocumentReader;
  readonly readPath: ReadPath;
  readonly events: EventStore;
  readonly scopes: TransactionScopes;
  readonly afterCommit: AfterCommit;
}

/** Writes inside a transaction of the caller: at once, once, on what that transaction sees. Cache and events follow its commit. */
export class TransactionWriter {
  constructor(private readonly parts: TransactionWriterParts) {}

  async write<R>(unbound: Pick<WriteCommand<R>, 'request' | 'operation' | 'firstResult'>, session: TransactionSession, bind: (transactionId: string) => WriteCommand<R>): Promise<R> {
    const scope = this.parts.scopes.of(session);
    const { request } = unbound;
    if (request.mayBeRepeated) {
      const event = await this.parts.events.findOperation(request.documentId, request.operationId, { session });
      if (event !== null) {
        if (event.operation !== unbound.operation) throw new OperationIdReusedError(request.address, request.operationId, event.operation, unbound.operation);
        return unbound.firstResult(event);
      }
    }
    const base = await loadState(this.parts, request, session);
    const decision = await bind(scope.transactionId).decide(base, 1);
    if (decision.kind === 'answer') return decision.answer();
    const outcome = await this.parts.committer.writeInTransaction(decision.change, session);
    if (outcome.kind !== 'committed') throw this.failure(decision.change, outcome, scope, request.address);
    this.followCommit(decision.change, scope);
    return decision.answer();
  }

  private followCommit(change: DocumentChange, scope: TransactionScope): void {
    const { readPath, afterCommit } = this.parts;
    readPath.suspend(change.key);
    scope.onEnd((end) => {
      readPath.resume(change.key);
      if (end !== 'committed') {
        void readPath.forget(change.key);
        return;
      }
      void readPath.committed(change.key, change.event.serverSeq, change.event.timestamp.getTime(), change.after);
      afterCommit.notify({ event: change.event, document: change.after });
    });
  }

  private failure(change: DocumentChange, outcome: Exclude<CommitOutcome, { kind: 'committed' }>, scope: TransactionScope, address: string): Error {
    switch (outcome.kind) {
      case 'rejected':
      case 'unknown':
        return outcome.error;
      case 'unavailable':
        scope.markConflict();
        return new OperationTimeoutError(address, 'timeout', `inside a transaction (${outcome.error.message})`, { cause: outcome.error });
      case 'repeated':
      case 'grounded':
      case 'conflict':
        scope.markConflict();
        if (outcome.kind === 'conflict' && outcome.pending) return new DocumentLockedError(address, 0, 1);
        return new VersionConflictError({
          address,
          expected: change.before === null ? 'no-document' : change.expectedVersion,
          found: null,
          attempts: 1,
          advice: 'Another writer committed first; run the whole transaction again.',
        });
    }
  }
}
