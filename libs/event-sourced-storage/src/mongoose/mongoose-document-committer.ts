import { setTimeout as pause } from 'node:timers/promises';
import mongoose from 'mongoose';
import type { Connection } from 'mongoose';
import { DocumentValidationError } from '../errors/document-validation.error.js';
import { DuplicateValueError } from '../errors/duplicate-value.error.js';
import { HistoryCorruptError } from '../errors/history-corrupt.error.js';
import { LimitExceededError } from '../errors/limit-exceeded.error.js';
import { WriteRejectedError } from '../errors/write-rejected.error.js';
import type { ResolvedFeatureOptions } from '../options/resolve-storage-options.js';
import { idKey } from '../model/bson-values.js';
import type { DocumentId } from '../model/document-id.js';
import type { TransactionSession } from '../read/document-reader.js';
import { versionOf } from '../read/document-state.js';
import type { CommitOutcome, DocumentChange } from '../write/document-change.js';
import { type CommitOptions, DocumentCommitter } from '../write/document-committer.js';
import { type DocumentWrite, groupByDocument, putOf, removalOf } from './document-writes.js';
import { asError, codeOf, duplicateIndexName, failedIndex, isDuplicateKey, isOfDatabase, isRace, isTooLarge, isTransient, isUnavailable, reasonOf } from './driver-errors.js';
import { type EventRecord, toCheckedRecord, toRecord } from './event-record.js';
import { eventKey } from './event-key.js';
import type { FlightSessions } from './flight-sessions.js';
import { operationIndex } from './indexes.js';
import type { Orphans } from './orphans.js';
import type { StreamRecord } from './mongoose-stream-store.js';
import { rawCollection } from './raw-collection.js';
import { majorityTransaction } from './transaction-options.js';
import { runWrites } from './run-writes.js';
import { StepTimeoutError, within } from './within.js';

type Session = mongoose.mongo.ClientSession;
type Collection = mongoose.mongo.Collection;
type EventCollection = mongoose.mongo.Collection<EventRecord>;

/** No step of a flight waits longer for its answer, in ms, however much time its callers have: a silent server answers nobody. */
const longestStepMs = 10_000;
/**
 * From so many documents in a flight their versions are read in one command before they are updated: below, the command costs as much as
 * the faster updates save.
 */
const looksFirstFrom = 64;
/** Between two tries to settle an unknown commit, in ms. */
const settlePauseMs = 25;
/** The server's error for a document that its own validator refuses. */
const documentValidationFailure = 121;

/** Which of its two writes a flight was at. */
type Phase = 'documents' | 'events';

/** What a try came to: outcomes for some documents; the others fly again, in these parties. */
interface Landing {
  readonly settled: readonly (readonly [DocumentWrite, readonly CommitOutcome[]])[];
  readonly again: readonly (readonly DocumentWrite[])[];
}

/** Documents and events of one feature, one transaction a flight. The rules it follows stand in the design under "One commit". */
export class MongooseDocumentCommitter extends DocumentCommitter {
  constructor(
    private readonly connection: Connection,
    private readonly options: Pick<ResolvedFeatureOptions, 'collection' | 'eventsCollection' | 'streamsCollection' | 'versionField' | 'maxDocumentBytes'> & { readonly eventChecksums?: boolean },
    private readonly sessions: FlightSessions,
    private readonly orphans: Pick<Orphans, 'held' | 'free'>,
    private readonly newFlightId: () => unknown = (): unknown => new mongoose.mongo.ObjectId(),
  ) {
    super();
  }

  override async commit(flight: readonly DocumentChange[], { deadline }: CommitOptions): Promise<readonly CommitOutcome[]> {
    const outcomes = new Map<DocumentWrite, readonly CommitOutcome[]>();
    const groups = groupByDocument(flight);
    const parties: (readonly DocumentWrite[])[] = [groups];
    for (let party = parties.shift(); party !== undefined; party = parties.shift()) {
      if (party.length === 0) continue;
      const landing = await this.fly(party, deadline);
      for (const [group, outcome] of landing.settled) outcomes.set(group, outcome);
      parties.unshift(...landing.again);
    }
    return groups.flatMap((group) => outcomes.get(group) as readonly CommitOutcome[]);
  }

  override async writeInTransaction(change: DocumentChange, caller: TransactionSession): Promise<CommitOutcome> {
    const session = caller as Session;
    const [group] = groupByDocument([change]) as [DocumentWrite];
    let phase: Phase = 'documents';
    try {
      if ((await this.writeDocuments([group], session)) === 0) return { kind: 'conflict', pending: false };
      phase = 'events';
      await this.insertEvents([group], this.newFlightId(), session);
      return { kind: 'committed' };
    } catch (error) {
      if (isTransient(error) && isRace(error)) return { kind: 'conflict', pending: true };
      const refused = await this.refusals([group], error, phase);
      return refused.settled[0]?.[1][0] ?? { kind: 'rejected', error: this.unforeseen(change, error) };
    }
  }

  /** One transaction for all of them, or the knowledge of who stood in its way. */
  private async fly(groups: readonly DocumentWrite[], deadline: number): Promise<Landing> {
    const flight = this.newFlightId();
    let aboard = groups;
    let phase: Phase = 'documents';
    let session: Session;
    try {
      session = await this.takeSession(deadline);
    } catch (error) {
      return { settled: settle(groups, { kind: 'unavailable', error: asError(error) }), again: [] };
    }
    try {
      session.startTransaction(majorityTransaction);
      const hits = await this.step('writing documents', deadline, this.writeDocuments(groups, session));
      if (hits > 0 && hits < groups.length) aboard = await this.step('looking for the conflict', deadline, this.unmoved(groups));
      if (aboard.length !== hits) {
        // nobody was there, or somebody moved between the two looks: nothing is committed, everyone looks again
        await this.abort(session);
        return { settled: settle(groups, { kind: 'conflict', pending: false }), again: [] };
      }
      phase = 'events';
      await this.step('inserting events', deadline, this.insertEvents(aboard, flight, session));
    } catch (error) {
      await this.abandon(session, error);
      return this.refusals(phase === 'documents' ? groups : aboard, error, phase).then((landing) => withLeft(landing, groups, aboard, phase));
    }
    const left = aboard === groups ? [] : groups.filter((group) => !aboard.includes(group));
    const outcome = await this.commitOrSettle(aboard, flight, session, deadline);
    return { settled: [...settle(left, { kind: 'conflict', pending: false }), ...settle(aboard, outcome)], again: [] };
  }

  /** Writes the documents at their expected numbers and says how many of them were there. */
  private async writeDocuments(groups: readonly DocumentWrite[], session: Session): Promise<number> {
    const { versionField, collection } = this.options;
    const looksFirst = groups.length >= looksFirstFrom;
    if (await this.hasCreateBelowFloor(groups, session)) return 0;
    const writing = looksFirst ? await this.expected(groups, session) : groups;
    const puts = writing.map((group) => putOf(group, versionField, looksFirst ? 'done' : 'in the filter'));
    const putting = writing.filter((_, index) => puts[index] !== null);
    const removing = writing.filter((group) => group.last.after === null);
    const created = new Set<DocumentWrite>();
    let updated = 0;
    if (putting.length > 0) {
      const updates = puts.filter((put) => put !== null);
      const { n, upserted = [] } = await runWrites(this.connection, { update: collection, updates, ordered: true }, session);
      for (const { index } of upserted) created.add(putting[index] as DocumentWrite);
      // `n` counts what matched and what was created; a create that matches found an existing document: a miss
      updated = n - putting.filter((group) => group.first.before === null).length;
    }
    let removed = 0;
    for (const group of removing) {
      const { deletedCount } = await this.documents.deleteOne(removalOf(group, versionField) as Record<string, unknown>, { session });
      if (group.first.before !== null) removed += deletedCount;
      else if (deletedCount === 0) created.delete(group);
    }
    return created.size + updated + removed;
  }

  /**
   * Those that are at their expected number in the transaction's own view. Nobody can change them any more without a conflict, so their
   * updates need no version in the filter, and by `_id` alone the server updates twice as fast.
   */
  private async expected(groups: readonly DocumentWrite[], session: Session): Promise<DocumentWrite[]> {
    const existing = groups.filter(({ first }) => first.before !== null);
    const versions = await this.versions(existing, { session });
    return groups.filter(({ first }) => first.before === null || versions.get(first.key) === first.expectedVersion);
  }

  /**
   * Whether a create was decided before the history of its id was compacted or erased: the number that it would take is gone, so that
   * nothing else would stop it. It happens so rarely that the whole flight may look again.
   */
  private async hasCreateBelowFloor(groups: readonly DocumentWrite[], session: Session): Promise<boolean> {
    const creates = groups.filter(({ first }) => first.before === null && first.isNewId !== true);
    if (creates.length === 0) return false;
    const filter = { _id: { $in: creates.map(({ first }) => first.documentId) } } as object;
    const found = await rawCollection<StreamRecord>(this.connection, this.options.streamsCollection).find(filter, { session, projection: { floor: 1 }, batchSize: creates.length + 1 }).toArray();
    const floors = new Map(found.map(({ _id, floor }) => [idKey(_id), Number(floor ?? 0)]));
    return creates.some(({ first }) => (floors.get(first.key) ?? 0) > first.expectedVersion);
  }

  private async insertEvents(groups: readonly DocumentWrite[], flight: unknown, session: Session): Promise<void> {
    const record = this.options.eventChecksums === true ? toCheckedRecord : toRecord;
    const records = groups.flatMap((group) => group.changes.map((change) => record(change.event, flight)));
    await runWrites(this.connection, { insert: this.options.eventsCollection, documents: records, ordered: true }, session);
  }

  /** Who is still at the expected number, seen from outside the transaction: inside, ours cannot be told from foreign writes. */
  private async unmoved(groups: readonly DocumentWrite[]): Promise<DocumentWrite[]> {
    const versions = await this.versions(groups, { readConcern: { level: 'local' } });
    return groups.filter(({ first }) => (first.before === null ? !versions.has(first.key) : versions.get(first.key) === first.expectedVersion));
  }

  private async versions(groups: readonly DocumentWrite[], how: mongoose.mongo.FindOptions): Promise<Map<string, number>> {
    const { versionField } = this.options;
    if (groups.length === 0) return new Map();
    const ids = groups.map((group) => group.first.documentId) as unknown[];
    const found = await this.documents.find({ _id: { $in: ids } } as object, { ...how, projection: { [versionField]: 1 }, batchSize: ids.length + 1 }).toArray();
    return new Map(found.map((image) => [idKey(image['_id'] as DocumentId), versionOf(image, versionField)]));
  }

  // ---- what an error before the commit means: nothing happened, but to whom is it due?

  private async refusals(groups: readonly DocumentWrite[], error: unknown, phase: Phase): Promise<Landing> {
    if (isRace(error) && isTransient(error)) return this.afterRace(groups);
    if (error instanceof StepTimeoutError || isUnavailable(error) || isTransient(error)) {
      return { settled: settle(groups, { kind: 'unavailable', error: asError(error) }), again: [] };
    }
    const [change, group] = this.culprit(groups, error, phase);
    if (change !== undefined && group !== undefined) {
      const outcomes = group.changes.map((each) => (each === change ? this.refusal(change, error, phase) : ({ kind: 'grounded' } as const)));
      return { settled: [[group, outcomes]], again: [groups.filter((each) => each !== group)] };
    }
    if (groups.length > 1) return { settled: [], again: halves(groups) };
    const only = groups[0] as DocumentWrite;
    if (isTooLarge(error) && only.changes.length > 1) return { settled: settle(groups, { kind: 'conflict', pending: false }), again: [] };
    return { settled: settle(groups, this.refusal(only.last, error, phase)), again: [] };
  }

  /** A race never says whose: those whose number moved lost it; if none moved, a pending transaction holds one of them. */
  private async afterRace(groups: readonly DocumentWrite[]): Promise<Landing> {
    const still = await this.unmoved(groups).catch((): DocumentWrite[] => []);
    const moved = groups.filter((group) => !still.includes(group));
    for (const { first } of moved) this.orphans.free(first.key);
    const settled = settle(moved, { kind: 'conflict', pending: false });
    if (moved.length > 0) return { settled, again: [still] };
    if (groups.length === 1) {
      await this.orphans.held((groups[0] as DocumentWrite).first.key);
      return { settled: settle(groups, { kind: 'conflict', pending: true }), again: [] };
    }
    return { settled: [], again: halves(groups) };
  }

  /** The change that a bulk error points at. */
  private culprit(groups: readonly DocumentWrite[], error: unknown, phase: Phase): readonly [DocumentChange | undefined, DocumentWrite | undefined] {
    const index = failedIndex(error);
    if (index === undefined) return groups.length === 1 ? [groups[0]?.last, groups[0]] : [undefined, undefined];
    if (phase === 'events') {
      const change = groups.flatMap((group) => group.changes)[index];
      return [change, groups.find((group) => group.changes.includes(change as DocumentChange))];
    }
    const group = groups.filter((each) => putOf(each, this.options.versionField) !== null)[index];
    return [group?.last, group];
  }

  private refusal(change: DocumentChange, error: unknown, phase: Phase): CommitOutcome {
    const address = `${this.options.collection}/${String(change.documentId)}`;
    const cause = { cause: error };
    if (isDuplicateKey(error)) {
      const index = duplicateIndexName(error);
      if (phase === 'events' && index === operationIndex) return { kind: 'repeated' };
      // a re-create that was slower than a foreign one and its delete: read the history again
      if (phase === 'events' && change.event.operation === 'create') return { kind: 'conflict', pending: false };
      if (phase === 'events') return { kind: 'rejected', error: new HistoryCorruptError(address, `event ${change.event.serverSeq} exists already, the document is behind`, cause) };
      return { kind: 'rejected', error: new DuplicateValueError(address, index, cause) };
    }
    if (isTooLarge(error)) return { kind: 'rejected', error: new LimitExceededError(address, 'maxDocumentBytes', this.options.maxDocumentBytes, change.bytes, cause) };
    if (codeOf(error) === documentValidationFailure) {
      return { kind: 'rejected', error: new DocumentValidationError(address, { document: "refused by the collection's own validator" }, cause) };
    }
    return { kind: 'rejected', error: this.unforeseen(change, error) };
  }

  private unforeseen(change: DocumentChange, error: unknown): Error {
    if (!isOfDatabase(error)) return asError(error);
    const code = codeOf(error);
    return new WriteRejectedError(`${this.options.collection}/${String(change.documentId)}`, typeof code === 'number' ? code : undefined, reasonOf(error), { cause: error });
  }

  // ---- the commit, and what to do when its answer does not come

  private async commitOrSettle(groups: readonly DocumentWrite[], flight: unknown, session: Session, deadline: number): Promise<CommitOutcome> {
    try {
      await this.step('the commit', deadline, session.commitTransaction());
      this.sessions.giveBack(session);
      for (const { first } of groups) this.orphans.free(first.key);
      return { kind: 'committed' };
    } catch (error) {
      if (isTransient(error)) {
        this.sessions.giveBack(session);
        return isRace(error) ? { kind: 'conflict', pending: true } : { kind: 'unavailable', error: asError(error) };
      }
      return this.settleUnknown(groups, flight, session, deadline, asError(error));
    }
  }

  /**
   * The commit was sent and nobody knows. Fly the same flight again instead of reading: the next transaction of the same session ends
   * the old one for good, and its conditional writes then tell whether that had been committed.
   */
  private async settleUnknown(groups: readonly DocumentWrite[], flight: unknown, first: Session, deadline: number, cause: Error): Promise<CommitOutcome> {
    let session = first;
    let reason = cause;
    for (;;) {
      if (reason instanceof StepTimeoutError || session.inTransaction() || session.hasEnded) {
        // its command may still be under way: this session cannot be used again
        if (!session.hasEnded) await this.sessions.kill(session);
        session = await this.anotherSession(session, deadline);
      }
      if (performance.now() >= deadline) {
        void this.sessions.kill(session);
        return { kind: 'unknown', error: cause };
      }
      try {
        const outcome = await this.refly(groups, flight, session, deadline);
        this.sessions.giveBack(session);
        return outcome;
      } catch (error) {
        reason = asError(error);
        if (session.inTransaction() && !(error instanceof StepTimeoutError)) await this.abort(session, false);
        await pause(settlePauseMs);
      }
    }
  }

  /** A fresh session; the old one again while none is to be had, which the next try then finds out. */
  private async anotherSession(old: Session, deadline: number): Promise<Session> {
    try {
      return await this.takeSession(deadline);
    } catch {
      return old;
    }
  }

  private async takeSession(deadline: number): Promise<Session> {
    const taking = this.sessions.take();
    try {
      return await this.step('opening a session', deadline, taking);
    } catch (error) {
      taking.then((session) => this.sessions.giveBack(session)).catch(() => undefined); // too late for this flight
      throw error;
    }
  }

  private async refly(groups: readonly DocumentWrite[], flight: unknown, session: Session, deadline: number): Promise<CommitOutcome> {
    session.startTransaction(majorityTransaction);
    const hits = await this.step('writing documents again', deadline, this.writeDocuments(groups, session));
    if (hits === groups.length) {
      try {
        await this.step('inserting events again', deadline, this.insertEvents(groups, flight, session));
      } catch (error) {
        if (isTransient(error) || isUnavailable(error) || error instanceof StepTimeoutError) throw error;
        // the documents were untouched, so the first flight was not committed; why this one is refused shows when it is decided anew
        await this.abort(session, false);
        return { kind: 'conflict', pending: false };
      }
      await this.step('the commit', deadline, session.commitTransaction());
      return { kind: 'committed' };
    }
    if (hits > 0) {
      await this.abort(session, false);
      return { kind: 'conflict', pending: false };
    }
    const [group] = groups as [DocumentWrite];
    const record = await this.step(
      'reading the mark',
      deadline,
      this.events.findOne({ _id: eventKey(group.first.documentId, group.first.event.serverSeq) } as object, { session, projection: { flight: 1 } }),
    );
    // only a committed read is known not to be rolled back
    await this.step('the commit of the read', deadline, session.commitTransaction());
    return record !== null && String(record.flight) === String(flight) ? { kind: 'committed' } : { kind: 'conflict', pending: false };
  }

  // ---- steps and sessions

  private step<R>(name: string, deadline: number, work: Promise<R>): Promise<R> {
    return within(name, Math.max(1, Math.min(longestStepMs, deadline - performance.now())), work);
  }

  private async abandon(session: Session, error: unknown): Promise<void> {
    if (error instanceof StepTimeoutError) void this.sessions.kill(session);
    else await this.abort(session);
  }

  private async abort(session: Session, giveBack = true): Promise<void> {
    try {
      await within('the abort', longestStepMs, session.abortTransaction());
      if (giveBack) this.sessions.giveBack(session);
    } catch {
      void this.sessions.kill(session);
    }
  }

  private get documents(): Collection {
    return rawCollection(this.connection, this.options.collection);
  }

  private get events(): EventCollection {
    return rawCollection<EventRecord>(this.connection, this.options.eventsCollection);
  }
}

function settle(groups: readonly DocumentWrite[], outcome: CommitOutcome): (readonly [DocumentWrite, readonly CommitOutcome[]])[] {
  return groups.map((group) => [group, group.changes.map(() => outcome)]);
}

function halves(groups: readonly DocumentWrite[]): (readonly DocumentWrite[])[] {
  const middle = Math.ceil(groups.length / 2);
  return [groups.slice(0, middle), groups.slice(middle)];
}

/** Those left behind before the events lost their race whatever became of the others. */
function withLeft(landing: Landing, groups: readonly DocumentWrite[], aboard: readonly DocumentWrite[], phase: Phase): Landing {
  if (phase === 'documents' || aboard.length === groups.length) return landing;
  const left = groups.filter((group) => !aboard.includes(group));
  return { ...landing, settled: [...landing.settled, ...settle(left, { kind: 'conflict', pending: false })] };
}
