import { setTimeout as pause } from 'node:timers/promises';
import type mongoose from 'mongoose';
import type { Connection } from 'mongoose';
import { IndeterminateOutcomeError } from '../errors/indeterminate-outcome.error.js';
import { InvalidArgumentError } from '../errors/invalid-argument.error.js';
import type { TransactionSession } from '../read/document-reader.js';
import { retryDelay } from '../write/retry-delay.js';
import { asError, isTransient } from './driver-errors.js';
import type { FlightSessions } from './flight-sessions.js';
import type { MongooseTransactionScope, MongooseTransactionScopes } from './mongoose-transaction-scopes.js';
import { majorityTransaction } from './transaction-options.js';
import { within } from './within.js';

type Session = mongoose.mongo.ClientSession;

/** What running a transaction needs. */
export interface TransactionParts {
  readonly connection: Connection;
  readonly sessions: FlightSessions;
  readonly scopes: MongooseTransactionScopes;
  readonly options: { readonly maxRetries: number; readonly retryDelayMs: number; readonly maxRetryDelayMs: number; readonly timeoutMs: number };
  readonly random: () => number;
  /** After such a failure somebody may still be working in the session: nobody else may get it. */
  readonly mustKill?: (error: unknown) => boolean;
}

/** One answer of the server is waited for so long, in ms; a commit is then sent again, which the server knows to be the same. */
const longestStepMs = 10_000;
/** Between two sendings of a commit, in ms. */
const commitPauseMs = 50;

/**
 * Runs the function in a transaction and commits it, again from the start when the transaction lost a race, until attempts or time are
 * used up. Not the driver's `withTransaction`: that one repeats blindly for two minutes.
 */
export async function runTransaction<R>(parts: TransactionParts, run: (session: TransactionSession) => Promise<R>): Promise<R> {
  const deadline = parts.options.timeoutMs === 0 ? Infinity : performance.now() + parts.options.timeoutMs;
  for (let attempt = 1; ; attempt++) {
    const session = await parts.sessions.take();
    session.startTransaction(majorityTransaction);
    const scope = parts.scopes.of(session);
    try {
      const result = await runAndCommit(session, scope, run, deadline);
      scope.end('committed');
      parts.sessions.giveBack(session);
      return result;
    } catch (error) {
      const isUnknown = error instanceof IndeterminateOutcomeError && error.operationId === scope.transactionId;
      await (isUnknown || parts.mustKill?.(error) === true ? parts.sessions.kill(session) : abort(parts, session));
      scope.end(isUnknown ? 'unknown' : 'aborted');
      const isWorthwhile = (isTransient(error) || scope.hasConflict) && !isUnknown;
      if (!isWorthwhile || attempt > parts.options.maxRetries || performance.now() >= deadline) throw error;
    }
    await pause(retryDelay(attempt + 1, parts.options, parts.random));
  }
}

async function runAndCommit<R>(session: Session, scope: MongooseTransactionScope, run: (session: TransactionSession) => Promise<R>, deadline: number): Promise<R> {
  const result = await runToItsEnd(session, scope, run);
  if (!session.inTransaction()) throw new InvalidArgumentError('run', 'it ended the transaction itself; leave commit and abort to withTransaction()');
  await commit(session, scope, deadline);
  return result;
}

/** Also when it fails, nothing of it may still be writing when the transaction ends. */
async function runToItsEnd<R>(session: Session, scope: MongooseTransactionScope, run: (session: TransactionSession) => Promise<R>): Promise<R> {
  try {
    return await run(session);
  } finally {
    await scope.finish();
  }
}

/** Sends the commit until its answer is known: sent again, it is the same commit. */
async function commit(session: Session, scope: MongooseTransactionScope, deadline: number): Promise<void> {
  for (;;) {
    try {
      await within('the commit', Math.max(1, Math.min(longestStepMs, deadline - performance.now())), session.commitTransaction());
      return;
    } catch (error) {
      if (isTransient(error)) throw error;
      if (performance.now() >= deadline) {
        const { transactionId } = scope;
        const advice = 'Read the documents it was to write before you run it again.';
        throw new IndeterminateOutcomeError(`transaction ${transactionId}`, transactionId, transactionId, { cause: asError(error) }, advice);
      }
      await pause(commitPauseMs);
    }
  }
}

async function abort(parts: TransactionParts, session: Session): Promise<void> {
  try {
    if (session.inTransaction()) await within('the abort', longestStepMs, session.abortTransaction());
    parts.sessions.giveBack(session);
  } catch {
    void parts.sessions.kill(session);
  }
}
