import { IndeterminateOutcomeError } from '../errors/indeterminate-outcome.error.js';
import { OperationTimeoutError } from '../errors/operation-timeout.error.js';
import { OverloadError } from '../errors/overload.error.js';
import { StorageClosedError } from '../errors/storage-closed.error.js';
import type { EventStore } from '../history/event-store.js';
import type { ResolvedFeatureOptions } from '../options/resolve-storage-options.js';
import type { MaybePromise } from '../model/promises.js';
import type { CachedDocument } from '../read/document-cache.js';
import type { DocumentReader } from '../read/document-reader.js';
import type { DocumentState } from '../read/document-state.js';
import type { ReadPath } from '../read/read-path.js';
import type { AfterCommit } from './after-commit.js';
import { boarding, changesOf, takeLeadingAnswers } from './boarding.js';
import { Contention } from './contention.js';
import type { CommitOutcome, DocumentChange } from './document-change.js';
import type { DocumentCommitter } from './document-committer.js';
import { Lane, type StagedWrite } from './lane.js';
import { loadState } from './load-state.js';
import { outageDelay, retryDelay } from './retry-delay.js';
import { Slices } from './slices.js';
import { TakeOff } from './take-off.js';
import type { Decision, WriteCommand, WriteRequest } from './write-command.js';
import { TaskEndings } from './task-endings.js';
import { type TaskLimits, WriteTask } from './write-task.js';

/** What the queue works with. */
export interface QueueParts {
  readonly options: ResolvedFeatureOptions;
  readonly committer: DocumentCommitter;
  readonly reader: DocumentReader;
  readonly readPath: ReadPath;
  readonly events: EventStore;
  readonly afterCommit: AfterCommit;
  readonly random: () => number;
  /** Whether a failed read may succeed later: the database cannot be reached or is changing its primary. */
  readonly isUnavailable: (error: unknown) => boolean;
}

/** How long a call whose time is over waits for the answer of a commit that may be under way, in ms. */
const graceMs = 500;
/** How long a flight of contended documents waits for their edits, in ms: what was read gets old meanwhile. */
const longestBoardingMs = 20;

/**
 * Every write of a feature goes through here: decided on the newest state this process can know, committed in flights, answered in order
 * per document. One flight is one transaction; what arrives while it is in the air forms the next one. No timer: a lone write leaves at once.
 */
export class CommitQueue {
  private readonly lanes = new Map<string, Lane>();
  /** Lanes with something to commit and nothing in the air, longest waiting first. */
  private readonly ready = new Set<Lane>();
  /** Lanes that stopped deciding because enough is staged. */
  private readonly blocked = new Set<Lane>();
  /** Lanes of documents that other processes write too: they are read and decided only when their flight is about to leave. */
  private readonly onCall = new Set<Lane>();
  private readonly contention = new Contention();
  private readonly endings: TaskEndings;
  private readonly takeOff: TakeOff;
  private readonly slices = new Slices((row) => this.launch(row));
  private onCallFlying = false;
  private queued = 0;
  private stagedChanges = 0;
  private loading = 0;
  private flying = 0;
  private closed = false;
  private drained: (() => void) | undefined;

  constructor(private readonly parts: QueueParts) {
    this.endings = new TaskEndings(parts);
    this.takeOff = new TakeOff(parts.options.maxFlightChanges);
  }

  /** Settles once the write is durable, refused, or known to be unknown. */
  submit<R>(command: WriteCommand<R>, limits: TaskLimits): Promise<R> {
    const refusal = this.refusal(command, limits);
    if (refusal !== undefined) return Promise.reject(refusal);
    const lane = this.laneOf(command.request.key);
    const task = new WriteTask<R>(command, limits, (reason) => this.giveUp(lane, task as WriteTask, reason), () => this.settled());
    this.queued++;
    lane.waiting.push(task as WriteTask);
    this.stage(lane);
    return task.promise;
  }

  /** Takes no more writes; resolves once every one taken is settled. After `drainMs` the rest is refused. */
  async close(drainMs: number): Promise<void> {
    this.closed = true;
    if (this.queued === 0) return;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((done) => {
      timer = setTimeout(done, drainMs);
    });
    await Promise.race([new Promise<void>((done) => (this.drained = done)), late]);
    clearTimeout(timer);
    for (const lane of this.lanes.values()) this.refuseAll(lane);
  }

  private refusal(command: WriteCommand<unknown>, limits: TaskLimits): Error | undefined {
    const { collection, maxQueued } = this.parts.options;
    if (this.closed) return new StorageClosedError(collection);
    if (limits.signal?.aborted === true) return new OperationTimeoutError(command.request.address, 'aborted', 'before it began', { cause: limits.signal.reason });
    return this.queued >= maxQueued ? new OverloadError(collection, maxQueued) : undefined;
  }

  private laneOf(key: string): Lane {
    let lane = this.lanes.get(key);
    if (lane === undefined) this.lanes.set(key, (lane = new Lane(key)));
    return lane;
  }

  private settled(): void {
    this.queued--;
    if (this.closed && this.queued === 0) this.drained?.();
  }

  // ---- deciding

  private stage(lane: Lane): void {
    if (lane.staging || lane.pause !== undefined || lane.waiting.length === 0) return;
    if (this.contention.has(lane.key)) {
      if (lane.inFlight.length > 0 || lane.staged.length > 0) return;
      this.onCall.add(lane);
      this.launchSoon();
      return;
    }
    lane.staging = true;
    void this.stageWaiting(lane, lane.run);
  }

  private async stageWaiting(lane: Lane, run: number): Promise<void> {
    for (let task = nextOf(lane); task !== undefined; task = nextOf(lane)) {
      if (this.room <= 0) {
        this.blocked.add(lane);
        break;
      }
      const turn = lane.isOnCall ? undefined : this.slices.next(); // a flight waits for those on call
      if (turn !== undefined) await turn;
      if (lane.run !== run) return;
      const staging = this.stageOne(lane, task, run);
      if (staging !== undefined) await staging;
      if (lane.run !== run) return;
    }
    lane.staging = false;
    this.disposeIfIdle(lane);
    this.launchSoon(); // there may be room again for lanes that were blocked
  }

  /** How many more may be decided before something flies: what is staged, being read or waiting for its turn takes memory. */
  private get room(): number {
    return this.parts.options.maxFlightChanges - this.stagedChanges - this.loading - this.slices.length;
  }

  private stageOne(lane: Lane, task: WriteTask, run: number): Promise<void> | undefined {
    const isOver = (): boolean => lane.run !== run || task.isSettled; // the lane may have gone on without this loop: its tip is not ours to set
    const failed = (error: unknown): void => {
      if (!isOver()) this.readFailed(lane, task, error);
    };
    try {
      return this.stageNow(lane, task, isOver)?.catch(failed);
    } catch (error) {
      failed(error);
      return undefined;
    }
  }

  /** Without a promise where nothing has to be waited for: a cached document and an edit that is a plain function. */
  private stageNow(lane: Lane, task: WriteTask, isOver: () => boolean): Promise<void> | undefined {
    const base = task.command.request.mayBeRepeated ? undefined : (lane.tip ?? this.load(lane, task));
    if (base === undefined || base instanceof Promise) return this.stageLate(lane, task, base, isOver);
    const decision = this.decide(lane, task, base);
    if (decision instanceof Promise) return decision.then((decided) => this.take(lane, task, base, decided, isOver));
    return this.take(lane, task, base, decision, isOver);
  }

  private async stageLate(lane: Lane, task: WriteTask, loading: Promise<DocumentState> | undefined, isOver: () => boolean): Promise<void> {
    if (loading === undefined && (await this.answeredBefore(lane, task, isOver))) return;
    const found = loading ?? lane.tip ?? this.load(lane, task);
    const base = found instanceof Promise ? await this.loaded(found) : found;
    if (isOver()) return;
    await this.take(lane, task, base, await this.decide(lane, task, base), isOver);
  }

  private decide(lane: Lane, task: WriteTask, base: DocumentState): MaybePromise<Decision<unknown>> {
    lane.tip = base;
    task.calls++;
    return decideSafely(task, base);
  }

  private take(lane: Lane, task: WriteTask, base: DocumentState, decision: Decision<unknown>, isOver: () => boolean): Promise<void> | undefined {
    if (isOver()) return undefined;
    if (decision.kind === 'answer') return this.takeAnswer(lane, task, base, decision.answer, isOver);
    this.takeChange(lane, task, base, decision);
    return undefined;
  }

  /** A write that may be a repetition is looked up before it is decided. */
  private async answeredBefore(lane: Lane, task: WriteTask, isOver: () => boolean): Promise<boolean> {
    const { request } = task.command;
    if (lane.hasOperation(request.operationId)) {
      lane.waiting.take();
      lane.stage({ task, change: undefined, answer: repetition, base: lane.tip as DocumentState });
      return true;
    }
    const event = await this.parts.events.findOperation(request.documentId, request.operationId, { level: 'newest' });
    if (event === null) return false;
    if (isOver()) return true;
    lane.waiting.take();
    await this.endings.answerFirstResult(task);
    return true;
  }

  private takeChange(lane: Lane, task: WriteTask, base: DocumentState, { change, answer }: Decision<unknown> & { readonly kind: 'change' }): void {
    lane.waiting.take();
    lane.stage({ task, change, answer, base });
    this.stagedChanges++;
    this.makeReady(lane);
    if (this.takeOff.hasAll(this.stagedChanges)) this.fill();
  }

  private async takeAnswer(lane: Lane, task: WriteTask, base: DocumentState, answer: () => unknown, isOver: () => boolean): Promise<void> {
    if (lane.hasChangesAhead) {
      lane.waiting.take();
      lane.stage({ task, change: undefined, answer, base });
      return;
    }
    if (base.source === 'fresh') {
      lane.tip = undefined; // fresh for this one only
      // the state may be what this very operation made of it, by another process, after it was looked up
      if (task.command.request.mayBeRepeated && (await this.answeredBefore(lane, task, isOver))) return;
      if (isOver()) return;
      lane.waiting.take();
      task.answer(answer);
      return;
    }
    // "no change" and refusals are believed on current data only
    const fresh = await loadState(this.parts, task.command.request);
    if (!isOver()) lane.tip = fresh;
  }

  private load(lane: Lane, task: WriteTask): MaybePromise<DocumentState> {
    const { request, isNewId } = task.command;
    if (isNewId && task.calls === 0) return { image: null, version: 0, timestamp: 0, source: 'fresh' };
    if (lane.mustBeFresh) return loadState(this.parts, request);
    const entry = this.parts.readPath.base(request.key);
    return entry instanceof Promise ? entry.then((found) => this.stateOf(found, request)) : this.stateOf(entry, request);
  }

  private async loaded(state: Promise<DocumentState>): Promise<DocumentState> {
    this.loading++;
    try {
      return await state;
    } finally {
      this.loading--;
      this.launchSoon();
    }
  }

  private stateOf(entry: CachedDocument | undefined, request: WriteRequest): MaybePromise<DocumentState> {
    if (entry === undefined) return loadState(this.parts, request);
    return { image: entry.image, bytes: entry.bytes, version: entry.version, timestamp: entry.timestamp, source: 'cached' };
  }

  private readFailed(lane: Lane, task: WriteTask, error: unknown): void {
    const cause = error instanceof Error ? error : new Error(String(error));
    if (!this.parts.isUnavailable(error)) {
      lane.waiting.take();
      task.reject(error);
      return;
    }
    task.failures++;
    task.obstacle = { kind: 'unavailable', error: cause };
    if (task.failures > task.limits.maxRetries) {
      lane.waiting.take();
      this.endings.refuseFor(task, 'timeout', `after ${task.failures} failed reads`);
      return;
    }
    this.pause(lane, task);
  }

  // ---- committing

  private makeReady(lane: Lane): void {
    if (lane.isOnCall) return;
    if (lane.inFlight.length === 0 && lane.staged.length > 0) this.ready.add(lane);
    this.launchSoon();
  }

  /** In the next turn of the event loop: callers that an ended flight has just answered get on board of the next one. */
  private launchSoon(): void {
    if (this.ready.size + this.onCall.size + this.blocked.size > 0) this.slices.schedule();
  }

  private launch(row: number): void {
    if (!this.takeOff.waitsForMore(this.stagedChanges, row)) this.fill();
    if (!this.onCallFlying && this.onCall.size > 0 && this.stagedChanges < this.parts.options.maxFlightChanges) void this.flyOnCall();
    this.unblock();
  }

  /** Starts as many flights as may be in the air, if there is something to carry. */
  private fill(): void {
    while (this.flying < this.parts.options.flights && this.ready.size > 0) {
      const lanes = this.board(this.ready);
      if (lanes.length === 0) break;
      void this.fly(lanes);
    }
  }

  /** One flight of contended documents at a time, beside the others: what they lose must not hold up those who lose nothing. */
  private async flyOnCall(): Promise<void> {
    this.onCallFlying = true;
    const called = [...this.onCall].slice(0, this.contention.widthFor(this.onCall.size));
    for (const lane of called) this.onCall.delete(lane);
    const lanes = called.filter((lane) => !lane.staging); // one that is being decided already flies with the others
    await this.stageOnCall(lanes);
    const boarded = this.board(lanes.filter((lane) => lane.staged.length > 0 && lane.inFlight.length === 0));
    for (const lane of lanes) lane.isOnCall = false;
    if (boarded.length > 0) {
      const outcomes = await this.carry(boarded);
      this.contention.landed(!outcomes.flat().some(({ kind }) => kind === 'conflict'));
      this.answer(this.land(boarded, outcomes), boarded);
    }
    this.onCallFlying = false;
    for (const lane of lanes) this.makeReady(lane);
    for (const lane of lanes) this.stage(lane);
    this.launchSoon();
  }

  /** Reads the documents again and decides what waits for them. An edit that takes its time catches another flight. */
  private async stageOnCall(lanes: readonly Lane[]): Promise<void> {
    const staging = lanes.map((lane) => {
      lane.mustBeFresh = true;
      lane.isOnCall = true;
      lane.staging = true;
      if (!lane.hasChangesAhead) lane.tip = undefined;
      return this.stageWaiting(lane, lane.run);
    });
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((leave) => {
      timer = setTimeout(leave, longestBoardingMs);
    });
    await Promise.race([Promise.all(staging), late]);
    clearTimeout(timer);
  }

  /** Moves staged writes into the air, lane by lane, until a flight is full. */
  private board(candidates: Iterable<Lane>): Lane[] {
    const { maxFlightChanges, maxFlightBytes } = this.parts.options;
    const lanes: Lane[] = [];
    let room = maxFlightChanges;
    let bytes = 0;
    for (const lane of candidates) {
      const count = boarding(lane.staged, room, lanes.length === 0 ? Infinity : maxFlightBytes - bytes, maxFlightBytes);
      if (count === 0) continue;
      this.ready.delete(lane);
      lane.inFlight = lane.staged.splice(0, count);
      const changes = changesOf(lane.inFlight);
      room -= changes.length;
      bytes += changes.reduce((sum, change) => sum + change.bytes, 0);
      this.unstaged(changes.length);
      lanes.push(lane);
      if (room <= 0 || bytes >= maxFlightBytes) break;
    }
    return lanes;
  }

  private async fly(lanes: readonly Lane[]): Promise<void> {
    this.flying++;
    const outcomes = await this.carry(lanes);
    this.flying--;
    const answers = this.land(lanes, outcomes);
    this.takeOff.landed(outcomes.flat().length, this.stagedChanges);
    // first the next flight, then the answers: the server works while they are given
    if (this.takeOff.hasAll(this.stagedChanges)) this.fill();
    this.answer(answers, lanes);
    this.launchSoon();
  }

  /** Commits what is on board of these lanes. @returns what became of the changes of each lane */
  private async carry(lanes: readonly Lane[]): Promise<CommitOutcome[][]> {
    const boarded = lanes.map((lane) => changesOf(lane.inFlight));
    let deadline = 0;
    for (const { inFlight } of lanes) for (const { task } of inFlight) deadline = Math.max(deadline, task.deadline);
    const outcomes = await this.commit(boarded.flat(), deadline);
    let next = 0;
    return boarded.map((changes) => outcomes.slice(next, (next += changes.length)));
  }

  private async commit(changes: readonly DocumentChange[], deadline: number): Promise<readonly CommitOutcome[]> {
    try {
      return await this.parts.committer.commit(changes, { deadline });
    } catch (error) {
      // an adapter that breaks its contract: nothing is known about any of them
      return changes.map(() => ({ kind: 'unknown', error: error instanceof Error ? error : new Error(String(error)) }));
    }
  }

  /** @returns the writes that are to be answered, in order */
  private land(lanes: readonly Lane[], outcomes: readonly (readonly CommitOutcome[])[]): StagedWrite[] {
    return lanes.flatMap((lane, index) => {
      const landed = lane.inFlight;
      const found = outcomes[index] as readonly CommitOutcome[];
      lane.inFlight = [];
      if (found.every((outcome) => outcome.kind === 'committed')) return this.landCommitted(lane, landed);
      this.landFailed(lane, landed, found);
      return [];
    });
  }

  private landCommitted(lane: Lane, landed: readonly StagedWrite[]): StagedWrite[] {
    lane.mustBeFresh = false;
    this.contention.won(lane.key);
    const last = changesOf(landed).at(-1);
    if (last !== undefined) void this.parts.readPath.committed(lane.key, last.event.serverSeq, last.event.timestamp.getTime(), last.after, last.documentBytes);
    const answers = [...landed, ...takeLeadingAnswers(lane)];
    if (lane.staged.length > 0) this.makeReady(lane);
    else if (lane.tip !== undefined) lane.tip = { ...lane.tip, source: 'cached' };
    return answers;
  }

  private answer(writes: readonly StagedWrite[], lanes: readonly Lane[]): void {
    for (const { task, change, answer } of writes) {
      if (answer === repetition) void this.endings.answerFirstResult(task);
      else task.answer(answer);
      if (change !== undefined) this.parts.afterCommit.notify({ event: change.event, document: change.after });
    }
    for (const lane of lanes) {
      this.stage(lane);
      this.disposeIfIdle(lane);
    }
  }

  private landFailed(lane: Lane, landed: readonly StagedWrite[], outcomes: readonly CommitOutcome[]): void {
    void this.parts.readPath.forget(lane.key);
    if (outcomes.some(({ kind }) => kind === 'conflict')) this.contention.lost(lane.key);
    let next = 0;
    const again = landed.filter(({ task, change }) => change === undefined || this.endings.mayTryAgain(task, change, outcomes[next++] as CommitOutcome));
    this.unstaged(changesOf(lane.staged).length);
    this.ready.delete(lane);
    lane.restart(again);
    const hurt = again.find(({ task }) => task.failures > 0);
    if (hurt !== undefined) this.pause(lane, hurt.task);
  }

  // ---- waiting, giving up, ending

  private pause(lane: Lane, hurt: WriteTask): void {
    if (lane.pause !== undefined) return;
    lane.interrupt();
    if (!lane.hasChangesAhead) lane.tip = undefined;
    const delay =
      hurt.obstacle?.kind === 'unavailable' ? outageDelay(hurt.failures, this.parts.random) : retryDelay(hurt.failures + 1, this.parts.options, this.parts.random);
    lane.pause = setTimeout(() => {
      lane.pause = undefined;
      this.stage(lane);
      this.disposeIfIdle(lane);
    }, delay);
  }

  private giveUp(lane: Lane, task: WriteTask, reason: 'timeout' | 'aborted'): void {
    if (task.isSettled) return;
    const { address, documentId, operationId } = task.command.request;
    if (lane.inFlight.some((write) => write.task === task && write.change !== undefined)) {
      task.overdue = reason;
      // the commit may be on its way: its own outcome, if it comes soon, says more than "unknown"
      setTimeout(() => task.reject(new IndeterminateOutcomeError(address, documentId, operationId, { cause: new Error(reason) })), graceMs);
      return;
    }
    this.endings.refuseFor(task, reason, `after ${Math.round(performance.now() - task.startedAt)} ms`);
    const staged = lane.staged.length;
    const changesBefore = changesOf(lane.staged).length;
    if (staged > 0 && lane.unstage(task)) this.unstaged(changesBefore - changesOf(lane.staged).length);
    else if (lane.waiting.peek() === task) lane.interrupt(); // its edit may hang: the others need not wait for it
    if (lane.staged.length === 0) this.ready.delete(lane);
    this.stage(lane);
    this.disposeIfIdle(lane);
  }

  private refuseAll(lane: Lane): void {
    const { collection } = this.parts.options;
    clearTimeout(lane.pause);
    lane.interrupt();
    for (const { task, change } of lane.inFlight) {
      const { address, documentId, operationId } = task.command.request;
      task.reject(change === undefined ? new StorageClosedError(collection) : new IndeterminateOutcomeError(address, documentId, operationId));
    }
    // off the lane as well: what was refused must not take the next flight
    const staged = lane.staged.splice(0);
    this.unstaged(changesOf(staged).length);
    this.ready.delete(lane);
    for (const { task } of staged) task.reject(new StorageClosedError(collection));
    for (let task = lane.waiting.take(); task !== undefined; task = lane.waiting.take()) task.reject(new StorageClosedError(collection));
  }

  private unstaged(changes: number): void {
    this.stagedChanges -= changes;
    this.launchSoon(); // lanes that were blocked may go on
  }

  private unblock(): void {
    for (const lane of this.blocked) {
      if (this.room <= 0) return;
      this.blocked.delete(lane);
      this.stage(lane);
    }
  }

  private disposeIfIdle(lane: Lane): void {
    if (lane.isIdle && this.lanes.get(lane.key) === lane) {
      this.lanes.delete(lane.key);
      this.blocked.delete(lane);
      this.onCall.delete(lane);
    }
  }
}

/** The first of a lane that still waits. */
function nextOf({ waiting }: Lane): WriteTask | undefined {
  while (waiting.peek()?.isSettled === true) waiting.take();
  return waiting.peek();
}

/** Stands for "answer what the write ahead with the same operationId answered". */
function repetition(): never {
  throw new Error('a repetition is answered from the history');
}

/** A throw of the command is an answer like any other: it has to be true on current data. */
function decideSafely({ command, calls }: WriteTask, base: DocumentState): MaybePromise<Decision<unknown>> {
  try {
    const decision = command.decide(base, calls);
    return decision instanceof Promise ? decision.catch(refusalWith) : decision;
  } catch (error) {
    return refusalWith(error);
  }
}

function refusalWith(error: unknown): Decision<never> {
  return {
    kind: 'answer',
    answer: () => {
      throw error;
    },
  };
}
