import type { ResetReason } from '../history/cursor.js';

/** What the sync server counts; a plain object to be read at any time, for example by a metrics endpoint of the application. */
export class SyncMetrics {
  /** Streams that are open now. */
  openStreams = 0;
  /** Long-polls that wait now for something to tell. */
  waitingPolls = 0;
  /** Streams that wait now for their client to read. */
  blockedStreams = 0;
  /** Bytes written to streams since the start. */
  bytesSent = 0;
  /** Frames written to streams since the start. */
  framesSent = 0;
  /** Resets since the start, by reason. */
  readonly resets: Record<Exclude<ResetReason, 'initial'>, number> = { compacted: 0, ahead: 0, epoch: 0, purged: 0 };
  /** Reads of events below the newest, since the start. */
  catchUpReads = 0;
  /** Times that a client was served from memory, since the start. */
  ringHits = 0;
  /** Times that it was not. */
  ringMisses = 0;
  /** Streams ended because their client did not read, since the start. */
  slowStreams = 0;
  /** Requests refused by a limit, since the start. */
  refusedByLimit = 0;
  /** From hearing of a commit to writing its frame, in ms: how many, their sum, and the longest. */
  readonly wakeToWrite: { count: number; totalMs: number; maxMs: number } = { count: 0, totalMs: 0, maxMs: 0 };
  /** Bytes that all rings hold now. */
  ringBytes = 0;

  /** Notes one delay. */
  noteDelay(ms: number): void {
    this.wakeToWrite.count++;
    this.wakeToWrite.totalMs += ms;
    if (ms > this.wakeToWrite.maxMs) this.wakeToWrite.maxMs = ms;
  }
}
