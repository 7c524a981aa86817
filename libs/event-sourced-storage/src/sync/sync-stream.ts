import type { Writable } from 'node:stream';
import type { ResetReason } from '../history/cursor.js';
import { type Answer, decide, isErased, type Position, type Standing } from './catch-up.js';
import type { FrameEntry } from './frame-ring.js';
import type { HotDocument } from './hot-document.js';
import { snapshotAddress, snapshotBody } from './snapshot-frame.js';
import type { Principal, SyncLimits } from './sync-limits.js';
import { type ByeReason, cursorText, frameBody, idLine } from './sync-message.js';
import type { SyncMetrics } from './sync-metrics.js';
import type { ResolvedSyncOptions } from './sync-options.js';
import type { WireForm } from './wire-event.js';

/** How a client wants its stream. */
export interface StreamWishes {
  readonly isMulti: boolean;
  readonly mode: 'events' | 'latest';
  readonly snapshot: 'auto' | 'never';
}

/** One document of a stream, and where its client is. */
export interface StreamedDocument {
  readonly hot: HotDocument;
  readonly form: WireForm;
  /** Moves with every event that is written. */
  position: Position;
  /** The client was told that it is up to date, and has been since. */
  isLive: boolean;
  /** Nothing more is sent of it. */
  isOver: boolean;
  /** How often the history was not what it seemed to be, since the last event that was sent. */
  surprises: number;
}

/** What all streams share. */
export interface StreamTools {
  readonly options: ResolvedSyncOptions;
  readonly limits: SyncLimits;
  readonly metrics: SyncMetrics;
  /** The path under which the routes are. */
  readonly base: string;
}

/** What `kick()` chooses by. */
export interface StreamInfo extends Principal {
  /** The documents, as `collection/id`. */
  readonly refs: readonly string[];
}

/** Events of one document before it is another one's turn. */
const turn = 128;
/** Characters that are written at once. */
const chunkLength = 65_536;
/** Events of a stream of many documents between two `sync` frames. */
const eventsPerSync = 100;
/** The longest packed cursor, in characters: it comes back in a header. */
const longestSyncId = 4_096;
/** How long the last bytes may take after a `bye`, in ms. */
const farewellMs = 1_000;
/** After a failed read, in ms. */
const retryReadMs = 1_000;
/** Waits after `bye`, in ms: spread out after a shutdown, not at all where the client should come right back. */
const retryAfter: Readonly<Record<ByeReason, number>> = { rotate: 0, shutdown: 1_000, token: 0, slow: 5_000, limit: 5_000, purged: 0 };

/**
 * One connection. It has no queue: only the number that each document has reached. Whoever reads slowly is written to less often; what it
 * misses stays in the database.
 */
export class SyncStream {
  readonly info: StreamInfo;
  /** Resolves when the connection is over. */
  readonly closed: Promise<void>;
  private readonly dirty = new Set<StreamedDocument>();
  private readonly watching: (() => void)[] = [];
  private readonly timers = new Set<NodeJS.Timeout>();
  private isPumping = false;
  private isBlocked = false;
  private isOver = false;
  private isHeartbeatDue = false;
  private sinceSync = 0;
  private resolveClosed: () => void = () => undefined;

  constructor(
    private readonly out: Writable,
    private readonly documents: readonly StreamedDocument[],
    private readonly wishes: StreamWishes,
    private readonly principal: Principal,
    private readonly until: Date | undefined,
    private readonly tools: StreamTools,
  ) {
    this.info = { ...principal, refs: documents.map(({ hot }) => hot.facts.ref) };
    this.closed = new Promise((resolve) => (this.resolveClosed = resolve));
  }

  /** Says hello and begins. The documents must have been asked for their standing. */
  start(): void {
    this.out.once('close', () => this.dispose());
    this.out.on('error', () => this.dispose());
    if (this.out.destroyed) return this.dispose();
    this.tools.metrics.openStreams++;
    this.hello();
    for (const document of this.documents) {
      const told = (): void => this.wake(document);
      document.hot.watchers.add(told);
      this.watching.push(() => document.hot.watchers.delete(told));
      this.dirty.add(document);
      // heard of before this stream watched: it is not told again
      if (document.hot.isBehind) void document.hot.standing().catch(() => undefined).finally(told);
    }
    this.startTimers();
    void this.pump();
  }

  /** Says goodbye and ends. */
  bye(reason: ByeReason): void {
    if (this.isOver) return;
    this.write(frameBody('bye', { reason, retryAfter: retryAfter[reason] }));
    this.isOver = true;
    this.out.end();
    const last = setTimeout(() => this.out.destroy(), farewellMs);
    void this.closed.then(() => clearTimeout(last));
  }

  private hello(): void {
    const { heartbeatMs, retryMs } = this.tools.options;
    const [only] = this.documents;
    const standing = this.wishes.isMulti ? undefined : only?.hot.known;
    const facts = standing === undefined ? {} : { head: standing.head, floor: standing.floor, epoch: standing.epoch };
    // "now" is the head that is told here: what is heard of later is sent
    if (only?.position.kind === 'now' && standing !== undefined && !isErased(standing)) this.moveTo(only, standing.epoch, standing.head);
    this.write(`retry: ${retryMs}\n${frameBody('hello', { proto: 1, ...facts, hb: heartbeatMs })}`);
  }

  private wake(document: StreamedDocument): void {
    if (document.isOver || this.isOver) return;
    this.dirty.add(document);
    if (!this.isPumping) void this.pump();
  }

  /** At most one runs; whoever wakes it meanwhile has left its document in `dirty`. Runs without a pause while all is in memory. */
  private async pump(): Promise<void> {
    if (this.isPumping || this.isOver) return;
    this.isPumping = true;
    try {
      for (const document of this.inTurn()) {
        if (!this.sendKnown(document)) await this.send(document);
        if (this.out.writableNeedDrain) await this.drained();
      }
      this.heartbeatIfDue();
    } catch {
      this.out.destroy();
    } finally {
      this.isPumping = false;
    }
  }

  /** Round robin: one that still has more goes to the end. */
  private *inTurn(): Generator<StreamedDocument> {
    for (let [next] = this.dirty; next !== undefined && !this.isOver; [next] = this.dirty) {
      this.dirty.delete(next);
      if (!next.isOver) yield next;
    }
  }

  /** The usual case: the client is up to date but for what is in the ring. @returns whether that was all to be done */
  private sendKnown(document: StreamedDocument): boolean {
    const { hot, position } = document;
    const standing = hot.known;
    if (standing === undefined || position.kind !== 'after' || position.epoch !== standing.epoch || position.after > standing.head) return false;
    if (this.isTooFarBehind(position.after, standing)) return false;
    const entries = hot.ring.after(position.after, standing.head);
    if (entries === undefined) return false;
    if (entries.length > 0) this.tools.metrics.ringHits++;
    this.sendEntries(document, entries);
    this.sendLive(document);
    return true;
  }

  private async send(document: StreamedDocument): Promise<void> {
    try {
      await this.answer(document, await this.decide(document));
    } catch {
      // the database cannot be reached: the client stays, and so does its number
      this.later(retryReadMs, () => this.wake(document));
    }
  }

  private async decide({ hot, position }: StreamedDocument): Promise<Answer> {
    const standing = await hot.standing();
    if (standing === undefined) return { kind: 'purged' };
    const answer = decide(position, standing);
    if (answer.kind !== 'reset' || answer.reason !== 'ahead') return answer;
    const looked = await hot.look(); // what another process told the client may not have been heard of here
    return looked === undefined ? { kind: 'purged' } : decide(position, looked);
  }

  private async answer(document: StreamedDocument, answer: Answer): Promise<void> {
    if (this.isOver) return;
    switch (answer.kind) {
      case 'purged':
        return this.sendPurged(document);
      case 'reset':
        return this.sendReset(document, answer.reason);
      case 'snapshot':
        return this.sendSnapshot(document);
      case 'events':
        return this.sendEvents(document, answer.after);
    }
  }

  private sendPurged(document: StreamedDocument): void {
    this.noteReset(document, 'purged');
    document.isOver = true;
    if (this.documents.every(({ isOver }) => isOver)) this.bye('purged');
  }

  private async sendReset(document: StreamedDocument, reason: Exclude<ResetReason, 'initial'>): Promise<void> {
    this.noteReset(document, reason);
    if (this.wishes.snapshot === 'never') return this.bye('limit');
    return this.sendSnapshot(document);
  }

  private noteReset({ hot }: StreamedDocument, reason: Exclude<ResetReason, 'initial'>): void {
    this.tools.metrics.resets[reason]++;
    const { floor, head } = hot.known ?? { floor: 0, head: 0 };
    this.write(frameBody('reset', { ref: hot.facts.ref, reason, floor, head }));
  }

  private async sendSnapshot(document: StreamedDocument): Promise<void> {
    const { hot, form } = document;
    document.position = { kind: 'nothing' };
    document.isLive = false;
    const state = await hot.state();
    if (this.isOver) return;
    if (state === null) return this.surprised(document);
    const body = snapshotBody(hot, state, form, { maxFrameBytes: this.tools.options.maxFrameBytes, base: this.tools.base });
    this.write(this.withId(body, state.epoch, state.serverSeq));
    this.moveTo(document, state.epoch, state.serverSeq);
    this.sendLive(document);
    this.dirty.add(document);
  }

  private async sendEvents(document: StreamedDocument, after: number): Promise<void> {
    const { hot } = document;
    const standing = hot.known;
    if (standing === undefined) return void this.dirty.add(document);
    this.moveTo(document, standing.epoch, after, document.surprises);
    if (this.isTooFarBehind(after, standing)) return this.sendSnapshot(document);
    if (hot.ring.after(after, standing.head) === undefined) {
      document.isLive = false;
      if (!this.tools.limits.mayReplay(this.principal)) return this.wishes.snapshot === 'never' ? this.bye('limit') : this.sendSnapshot(document);
    }
    const entries = await hot.following(after);
    if (this.isOver) return;
    if (entries === undefined) return this.surprised(document);
    const before = this.tools.metrics.bytesSent;
    this.sendEntries(document, entries);
    if (entries.length > 0 && !document.isLive) this.tools.limits.noteReplay(this.principal, this.tools.metrics.bytesSent - before);
    this.sendLive(document);
    if (!document.isLive) this.dirty.add(document);
  }

  /** The history was not what it seemed to be: look again, and if that does not help, start the client anew. */
  private surprised(document: StreamedDocument): Promise<void> | void {
    if (++document.surprises <= 3) return void this.dirty.add(document);
    document.surprises = 0;
    return this.sendReset(document, 'compacted');
  }

  /** Never of a client that takes no snapshot: it gets every event. */
  private isTooFarBehind(after: number, standing: Standing): boolean {
    return this.wishes.snapshot !== 'never' && this.wishes.mode === 'latest' && standing.head - after > this.tools.options.latestAfter;
  }

  /** Writes a turn of events; what is left waits for the next one. */
  private sendEntries(document: StreamedDocument, entries: readonly FrameEntry[]): void {
    let text = '';
    let sent = 0;
    for (const entry of entries) {
      if (sent === turn || this.out.writableNeedDrain) break;
      text += this.frameOf(document, entry);
      sent++;
      this.moveTo(document, this.epochOf(document), entry.serverSeq);
      if (text.length >= chunkLength) {
        this.write(text);
        text = '';
      }
    }
    if (text !== '') this.write(text);
    if (sent === 0) {
      if (entries.length > 0) this.dirty.add(document);
      return;
    }
    this.tools.metrics.framesSent += sent;
    this.noteDelay(entries[sent - 1]);
    if (sent < entries.length) this.dirty.add(document);
    this.countForSync(sent);
  }

  private frameOf(document: StreamedDocument, entry: FrameEntry): string {
    const { hot, form } = document;
    const { maxFrameBytes } = this.tools.options;
    const epoch = this.epochOf(document);
    let body = entry.body(form);
    if (body.length > maxFrameBytes) body = frameBody('snapshot', snapshotAddress(hot, entry.serverSeq, epoch, entry.event.timestamp, form, this.tools.base));
    return this.withId(body, epoch, entry.serverSeq);
  }

  private epochOf({ hot, position }: StreamedDocument): string {
    return (position.kind === 'after' ? position.epoch : undefined) ?? hot.epoch ?? '';
  }

  private sendLive(document: StreamedDocument): void {
    const { hot, position, isLive } = document;
    if (isLive || position.kind !== 'after' || position.after < hot.head || this.isOver) return;
    document.isLive = true;
    this.write(frameBody('live', this.wishes.isMulti ? { ref: hot.facts.ref, v: position.after } : { v: position.after }));
  }

  private moveTo(document: StreamedDocument, epoch: string, after: number, surprises = 0): void {
    document.position = { kind: 'after', epoch, after };
    document.surprises = surprises;
  }

  private withId(body: string, epoch: string, version: number): string {
    return this.wishes.isMulti ? body : idLine(cursorText({ epoch, version })) + body;
  }

  private countForSync(sent: number): void {
    if (!this.wishes.isMulti) return;
    this.sinceSync += sent;
    if (this.sinceSync >= eventsPerSync) this.sendSync();
  }

  /** Where the client is with every document, as far as it was sent. */
  private sendSync(): void {
    this.sinceSync = 0;
    const docs = Object.fromEntries(
      this.documents.flatMap(({ hot, position, isOver }) => (position.kind === 'after' && !isOver ? [[hot.facts.ref, { v: position.after, epoch: position.epoch }]] : [])),
    );
    const id = Buffer.from(JSON.stringify(docs)).toString('base64url');
    const body = frameBody('sync', { docs });
    this.write(id.length <= longestSyncId ? idLine(id) + body : body);
  }

  private startTimers(): void {
    const { rotateMs, random } = this.tools.options;
    this.scheduleHeartbeat();
    this.later(rotateMs * (0.8 + 0.4 * random()), () => this.bye('rotate'));
    if (this.until !== undefined) this.later(Math.max(0, this.until.getTime() - Date.now()), () => this.bye('token'));
  }

  private scheduleHeartbeat(): void {
    const { heartbeatMs, random } = this.tools.options;
    this.later(heartbeatMs * (0.9 + 0.2 * random()), () => {
      this.scheduleHeartbeat();
      // a client that does not read needs no sign of life
      if (this.isBlocked) return;
      this.isHeartbeatDue = true;
      void this.pump(); // what is pending goes before it, so that a heartbeat ahead of the client means loss
    });
  }

  private heartbeatIfDue(): void {
    if (!this.isHeartbeatDue || this.isOver) return;
    this.isHeartbeatDue = false;
    if (this.wishes.isMulti) return this.sendSync();
    const position = this.documents[0]?.position;
    if (position?.kind === 'after') this.write(frameBody('hb', { v: position.after }));
  }

  private later(ms: number, run: () => void): void {
    const timer = setTimeout(() => {
      this.timers.delete(timer);
      run();
    }, Math.min(ms, 2_147_483_647));
    this.timers.add(timer);
  }

  private write(text: string): void {
    if (this.isOver || this.out.destroyed) return;
    this.tools.metrics.bytesSent += text.length;
    this.out.write(text);
  }

  private noteDelay(entry: FrameEntry | undefined): void {
    if (entry?.heardAt !== undefined) this.tools.metrics.noteDelay(performance.now() - entry.heardAt);
  }

  /** Waits until the client has read; settles whatever happens to the connection. */
  private async drained(): Promise<void> {
    if (this.out.destroyed) return;
    const { metrics, options } = this.tools;
    this.isBlocked = true;
    metrics.blockedStreams++;
    await new Promise<void>((resolve) => {
      const tooSlow = setTimeout(() => {
        metrics.slowStreams++;
        this.isOver = true;
        this.out.destroy();
        settle();
      }, options.slowMs);
      const settle = (): void => {
        clearTimeout(tooSlow);
        for (const event of ['drain', 'close', 'error']) this.out.off(event, settle);
        resolve();
      };
      for (const event of ['drain', 'close', 'error']) this.out.on(event, settle);
    });
    metrics.blockedStreams--;
    this.isBlocked = false;
  }

  private dispose(): void {
    if (this.watching.length > 0) this.tools.metrics.openStreams--;
    this.isOver = true;
    for (const stop of this.watching.splice(0)) stop();
    for (const timer of this.timers) clearTimeout(timer);
    this.timers.clear();
    this.resolveClosed();
  }
}
