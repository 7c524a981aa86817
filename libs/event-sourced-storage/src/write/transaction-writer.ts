import { DocumentLockedError } from '../errors/document-locked.error.js';
import { InvalidArgumentError } from '../errors/invalid-argument.error.js';
import { OperationIdReusedError } from '../errors/operation-id-reused.error.js';
import { OperationTimeoutError } from '../errors/operation-timeout.error.js';
import { VersionConflictError } from '../errors/version-conflict.error.js';
import type { EventStore } from '../history/event-store.js';
import type { ResolvedFeatureOptions } from '../options/resolve-storage-options.js';
import type { Image } from '../model/diff.js';
import type { DocumentEvent } from '../model/document-event.js';
import type { MaybePromise } from '../model/promises.js';
import type { DocumentReader, TransactionSession } from '../read/document-reader.js';
import type { DocumentState } from '../read/document-state.js';
import type { ReadPath } from '../read/read-path.js';
import type { AfterCommit } from './after-commit.js';
import type { CommitOutcome, DocumentChange } from './document-change.js';
import type { DocumentCommitter } from './document-committer.js';
import { loadState } from './load-state.js';
import { sessionTurn, type TransactionScope, type TransactionScopes } from './transaction-scopes.js';
import type { Decision, WriteCommand, WriteRequest } from './write-command.js';

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

/** A command that is told late in which transaction it decides. */
export interface TransactionCommand<R> extends Pick<WriteCommand<R>, 'request' | 'operation' | 'firstResult'> {
  decideIn(transactionId: string, base: DocumentState): MaybePromise<Decision<R>>;
}

/** Writes inside a transaction of the caller: at once, once, on what that transaction sees. Cache and events follow its commit. */
export class TransactionWriter {
  constructor(private readonly parts: TransactionWriterParts) {}

  /**
   * Writes of one document wait for each other; `timeoutMs` bounds that wait, for an edit that writes its own document again would wait
   * for itself.
   */
  async write<R>(command: TransactionCommand<R>, session: TransactionSession, timeoutMs: number): Promise<R> {
    const scope = this.parts.scopes.of(session);
    const { request } = command;
    return withTimeout(request, timeoutMs, (isLate) => scope.inTurn(request.key, () => this.writeInTurn(command, session, scope, isLate)));
  }

  private async writeInTurn<R>(command: TransactionCommand<R>, session: TransactionSession, scope: TransactionScope, isLate: () => boolean): Promise<R> {
    const { request } = command;
    const inSession = <V>(work: () => Promise<V>): Promise<V> => scope.inTurn(sessionTurn, () => this.whileOpen(scope, isLate, work));
    if (request.mayBeRepeated) {
      const event = await inSession(() => this.parts.events.findOperation(request.documentId, request.operationId, { session }));
      if (event !== null) return firstResult(command, event);
    }
    const base = await inSession(() => loadState(this.parts, request, session));
    const decision = await command.decideIn(scope.transactionId, base);
    if (decision.kind === 'answer') return decision.answer();
    const outcome = await inSession(() => this.parts.committer.writeInTransaction(decision.change, session));
    if (outcome.kind !== 'committed') throw this.failure(decision.change, outcome, scope, request.address);
    this.followCommit(decision.change, scope);
    return decision.answer();
  }

  private async whileOpen<V>(scope: TransactionScope, isLate: () => boolean, work: () => Promise<V>): Promise<V> {
    if (!scope.isOpen || isLate()) throw new InvalidArgumentError('session', 'its transaction is over; await every write before you end it');
    return work();
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

async function firstResult<R>(command: TransactionCommand<R>, event: DocumentEvent<Image>): Promise<R> {
  const { address, operationId } = command.request;
  if (event.operation !== command.operation) throw new OperationIdReusedError(address, operationId, event.operation, command.operation);
  return command.firstResult(event);
}

async function withTimeout<R>(request: WriteRequest, timeoutMs: number, work: (isLate: () => boolean) => Promise<R>): Promise<R> {
  if (timeoutMs === 0) return work(() => false);
  let late = false;
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      late = true;
      reject(new OperationTimeoutError(request.address, 'timeout', `after ${timeoutMs} ms inside a transaction`));
    }, timeoutMs);
  });
  try {
    return await Promise.race([work(() => late), timeout]);
  } finally {
    clearTimeout(timer);
  }
}
