import type { DocumentState } from '../read/document-state.js';
import type { DocumentChange } from './document-change.js';
import { Fifo } from './fifo.js';
import type { WriteTask } from './write-task.js';

/** A decided write that waits for its commit, or for the commit of those ahead that it relied on. */
export interface StagedWrite {
  readonly task: WriteTask;
  /** Absent: nothing is to be written, but the answer holds only if the changes ahead commit. */
  readonly change: DocumentChange | undefined;
  readonly answer: () => unknown;
  /** What it was decided on. */
  readonly base: DocumentState;
}

/** All writes of one document in this process, in order: waiting, then staged, then in the air. At most one flight carries a lane. */
export class Lane {
  readonly waiting: Fifo<WriteTask> = new Fifo();
  staged: StagedWrite[] = [];
  inFlight: StagedWrite[] = [];
  /** What the document is after everything staged; `undefined`: ask the cache or the database. */
  tip: DocumentState | undefined;
  /** The cache has been wrong: read the database. */
  mustBeFresh = false;
  /** Is being decided for a flight that waits for it. */
  isOnCall = false;
  /** A staging loop runs; it is told to end by a new `run`. */
  staging = false;
  run = 0;
  /** Waits after a lost race. */
  pause: NodeJS.Timeout | undefined;

  constructor(readonly key: string) {}

  get isIdle(): boolean {
    return !this.staging && this.pause === undefined && this.waiting.length === 0 && this.staged.length === 0 && this.inFlight.length === 0;
  }

  get hasChangesAhead(): boolean {
    return this.inFlight.length > 0 || this.staged.some((write) => write.change !== undefined);
  }

  stage(write: StagedWrite): void {
    this.staged.push(write);
    if (write.change === undefined) return;
    const { event, after, documentBytes } = write.change;
    this.tip = { image: after, bytes: documentBytes, version: event.serverSeq, timestamp: event.timestamp.getTime(), source: 'staged' };
  }

  /** Whether a change with this operation is under way already. */
  hasOperation(operationId: string): boolean {
    const same = (write: StagedWrite): boolean => write.change?.event.operationId === operationId;
    return this.inFlight.some(same) || this.staged.some(same);
  }

  /** Takes a staged write out again; what was decided on top of it has to be decided anew. */
  unstage(task: WriteTask): boolean {
    const index = this.staged.findIndex((write) => write.task === task);
    if (index < 0) return false;
    const removed = this.staged.splice(index);
    this.tip = removed[0]?.base;
    this.backToWaiting(removed.slice(1));
    return true;
  }

  /** Everything not committed is decided anew, on what the database holds then. */
  restart(again: readonly StagedWrite[]): void {
    const writes = [...again, ...this.staged];
    this.staged = [];
    this.tip = undefined;
    this.mustBeFresh = true;
    this.backToWaiting(writes);
  }

  /** Ends a running staging loop: what it is about to find no longer holds. */
  interrupt(): void {
    this.run++;
    this.staging = false;
  }

  private backToWaiting(writes: readonly StagedWrite[]): void {
    this.interrupt();
    this.waiting.putBack(writes.map((write) => write.task).filter((task) => !task.isSettled));
  }
}
