import { setTimeout as pause } from 'node:timers/promises';
import mongoose from 'mongoose';
import type { Connection } from 'mongoose';
import { DocumentLockedError } from '../errors/document-locked.error.js';
import { OperationTimeoutError } from '../errors/operation-timeout.error.js';
import type { DocumentId } from '../model/document-id.js';
import { OperationResolver } from '../write/operation-resolver.js';
import { asError, isDuplicateKey, isRace, isTransient, isUnavailable } from './driver-errors.js';
import { eventKey, eventRange, operationFilter } from './event-key.js';
import type { EventRecord } from './event-record.js';
import type { FlightSessions } from './flight-sessions.js';
import type { Orphans } from './orphans.js';
import { rawCollection } from './raw-collection.js';
import { majorityTransaction } from './transaction-options.js';
import { StepTimeoutError, within } from './within.js';

type Session = mongoose.mongo.ClientSession;

/** Between two looks at something that is under way, in ms. */
const pauseMs = 50;
/** One answer of the server is waited for so long, in ms. */
const longestStepMs = 10_000;

/**
 * Fences before it looks: a probe takes the number that a pending commit would take, so it fails as long as one is pending. Only then the
 * operation is looked up, and the look is committed on a majority.
 */
export class MongooseOperationResolver extends OperationResolver {
  constructor(
    private readonly connection: Connection,
    private readonly names: { readonly collection: string; readonly eventsCollection: string },
    private readonly sessions: FlightSessions,
    private readonly orphans: Orphans,
  ) {
    super();
  }

  override async resolve(documentId: DocumentId, operationId: string, deadline: number): Promise<number | null> {
    const started = performance.now();
    let lastRace: unknown;
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.withSession(deadline, (session) => this.look(session, documentId, operationId));
      } catch (error) {
        if (!isWorthRepeating(error)) throw error;
        lastRace = isRace(error) ? error : error instanceof StepTimeoutError ? lastRace : undefined;
        if (performance.now() >= deadline) throw this.gaveUp(documentId, lastRace ?? error, started, attempt);
        if (isRace(error)) await this.orphans.heldSince(started);
      }
      await pause(pauseMs);
    }
  }

  private async look(session: Session, documentId: DocumentId, operationId: string): Promise<number | null> {
    await this.fence(session, documentId);
    session.startTransaction(majorityTransaction);
    const event = await this.events.findOne(operationFilter(documentId, operationId), { session, projection: { _id: 1 } });
    // a look from a primary that has been replaced meanwhile does not get its commit
    await session.commitTransaction();
    return event === null ? null : Number(event._id.v);
  }

  /** Succeeds only when no transaction holds the next number of this document. */
  private async fence(session: Session, documentId: DocumentId): Promise<void> {
    session.startTransaction(majorityTransaction);
    const head = await this.events.findOne(eventRange(documentId, 1) as object, { session, sort: { _id: -1 }, projection: { _id: 1 } });
    const probe = { _id: eventKey(documentId, Number(head?._id.v ?? 0) + 1), operationId: `probe-${new mongoose.mongo.ObjectId().toHexString()}` };
    await this.events.insertOne(probe as unknown as mongoose.mongo.OptionalUnlessRequiredId<EventRecord>, { session });
    await session.abortTransaction();
  }

  private async withSession<R>(deadline: number, work: (session: Session) => Promise<R>): Promise<R> {
    const session = await this.sessions.take();
    try {
      const result = await within('resolving an operation', Math.max(1, Math.min(longestStepMs, deadline - performance.now())), work(session));
      this.sessions.giveBack(session);
      return result;
    } catch (error) {
      if (error instanceof StepTimeoutError) void this.sessions.kill(session);
      else await this.abort(session);
      throw error;
    }
  }

  private async abort(session: Session): Promise<void> {
    try {
      if (session.inTransaction()) await session.abortTransaction();
      this.sessions.giveBack(session);
    } catch {
      void this.sessions.kill(session);
    }
  }

  private gaveUp(documentId: DocumentId, error: unknown, started: number, attempts: number): Error {
    const address = `${this.names.collection}/${String(documentId)}`;
    const waited = Math.round(performance.now() - started);
    if (isRace(error)) return new DocumentLockedError(address, waited, attempts, { cause: error });
    return new OperationTimeoutError(address, 'timeout', `after ${waited} ms (${asError(error).message})`, { cause: error });
  }

  private get events(): mongoose.mongo.Collection<EventRecord> {
    return rawCollection<EventRecord>(this.connection, this.names.eventsCollection);
  }
}

function isWorthRepeating(error: unknown): boolean {
  // 11000: the history went on between the look at its head and the probe
  return isDuplicateKey(error) || isTransient(error) || isRace(error) || isUnavailable(error) || error instanceof StepTimeoutError;
}
