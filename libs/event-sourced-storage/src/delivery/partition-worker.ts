import { HistoryCorruptError } from '../errors/history-corrupt.error.js';
import { IndeterminateOutcomeError } from '../errors/indeterminate-outcome.error.js';
import { StaleLeaseError } from '../errors/stale-lease.error.js';
import type { EventStore } from '../history/event-store.js';
import { firstKept, type StreamStore } from '../history/stream-store.js';
import { byteSize, idKey } from '../model/bson-values.js';
import type { Image } from '../model/diff.js';
import type { DocumentEvent } from '../model/document-event.js';
import type { DocumentId } from '../model/document-id.js';
import type { ResumeToken } from '../watch/change-feed.js';
import { retryDelay } from '../write/retry-delay.js';
import { callHandler } from './call-handler.js';
import { CheckpointMoved, type Claim, type DeliverySource, type DeliveryStore, type HandlerState, type ParkedDocument, type ParkedWish, type PartitionProgress } from './delivery-store.js';
import { deliveryIdOf, type DurableHandler, type ResolvedHandlerOptions } from './durable-handler.js';
import { type Lane, Lanes } from './lanes.js';
import { PartitionLedger, saveEveryMs } from './partition-ledger.js';
import { partitionOf } from './partition-of.js';

/** What all parts of one handler share. */
export interface DeliveryParts {
  readonly options: ResolvedHandlerOptions;
  readonly handler: DurableHandler<Image>;
  readonly collection: string;
  readonly store: DeliveryStore;
  readonly source: DeliverySource;
  readonly events: EventStore;
  readonly streams: StreamStore;
  readonly isUnavailable: (error: unknown) => boolean;
  readonly now: () => number;
  readonly random: () => number;
  readonly warn: (message: string) => void;
}

/** How a worker reaches what is around it. */
export interface WorkerSurroundings {
  /** The newest position of the feed; `undefined` while it is not live. */
  readonly position: () => ResumeToken;
  /** The worker dropped what it was told: tell it again from this position. */
  readonly rejoin: (worker: PartitionWorker) => void;
  /** The part belongs to somebody else now, or its generation is over. */
  readonly lost: (worker: PartitionWorker) => void;
  /** The handler shall stop everywhere. */
  readonly stop: (because: string) => Promise<void>;
}

const mostLanes = 20_000;
/** How many documents are looked up at a time, and how many events of each. */
const takeLanes = 32;
const takeEvents = 100;
/** After so many bytes of one document what was read is handled first. */
const takeBytes = 1_048_576;
/** After a failure that is not the handler's, in ms. */
const troublePauseMs = 250;

/** What was read of a document: the events before the first that cannot be read, and why that one cannot. Never rejects. */
interface Batch {
  readonly events: readonly DocumentEvent<Image>[];
  readonly failure: { readonly error: unknown } | undefined;
}

/** Handles the events of one part, one at a time, as long as the part is in the hands of this process. */
export class PartitionWorker {
  readonly lanes: Lanes = new Lanes(mostLanes);
  private readonly ledger: PartitionLedger;
  private isJoined = false;
  private hasOverflowed = false;
  private mark: { readonly token: ResumeToken; readonly targets: Map<string, number> } | undefined;
  private scanMark: { readonly after: DocumentId | undefined; readonly isEnd: boolean; readonly targets: Map<string, number> } | undefined;
  private isStopping = false;
  private isLost = false;
  private hasNews = false;
  private wakeUp: (() => void) | undefined;
  private readonly timers = new Set<NodeJS.Timeout>();
  private readonly ending = new AbortController();
  private running: Promise<void> | undefined;

  constructor(
    private readonly parts: DeliveryParts,
    private readonly state: HandlerState,
    private readonly claim: Claim,
    progress: PartitionProgress,
    private readonly around: WorkerSurroundings,
  ) {
    this.ledger = new PartitionLedger(parts.store, claim, this.lanes, progress);
  }

  get partition(): number {
    return this.claim.partition;
  }

  /** Where the feed has to go on for this part; `undefined`: from now, the scan does the rest. */
  get position(): ResumeToken {
    return this.ledger.progress.position;
  }

  /** It handles nothing any more, for whichever reason. */
  get hasEnded(): boolean {
    return this.isStopping || this.isLost;
  }

  start(): void {
    this.running ??= this.run();
  }

  /** Finishes the event under way, within `graceMs`, and writes what was handled. Twice is harmless. */
  async stop(graceMs: number): Promise<void> {
    this.isStopping = true;
    this.wake();
    const timer = setTimeout(() => this.ending.abort(new Error('the application shuts down')), graceMs);
    await this.running;
    clearTimeout(timer);
    for (const each of this.timers) clearTimeout(each);
  }

  /** An event is committed. */
  told(key: string, documentId: DocumentId, serverSeq: number): void {
    if (this.hasOverflowed) return;
    if (!this.lanes.add(key, documentId, serverSeq, true)) {
      this.hasOverflowed = true;
      this.mark = undefined;
    }
    this.wake();
  }

  /** Everything from the position on has been told, and will be. */
  joined(): void {
    this.isJoined = true;
    this.wake();
  }

  /** The position is gone: from here on everything is told again, and what came before is looked up. */
  positionLost(): void {
    this.mark = undefined;
    this.scanMark = undefined;
    this.ledger.startOver();
    this.isJoined = true;
    this.wake();
  }

  /** An operator wants something of a parked document. */
  wanted({ documentId, serverSeq }: ParkedDocument, wish: ParkedWish): void {
    const key = idKey(documentId);
    if (!this.lanes.add(key, documentId, serverSeq, false)) return; // asked again at the next look
    const lane = this.lanes.get(key) as Lane;
    if (lane.wish !== undefined) return;
    lane.wish = { kind: wish, serverSeq, isGranted: false };
    if (lane.isWaiting) this.lanes.again(lane);
    this.wake();
  }

  private async run(): Promise<void> {
    while (!this.isStopping && !this.isLost) {
      this.hasNews = false;
      try {
        const worked = await this.turn();
        if (!worked) await this.sleep(this.ledger.hasHandled ? saveEveryMs : 500);
      } catch (error) {
        await this.trouble(error);
      }
    }
    if (!this.isLost) await this.ledger.save().catch((error: unknown) => this.trouble(error));
  }

  /** @returns whether there may be more to do at once */
  private async turn(): Promise<boolean> {
    await this.look();
    const worked = this.lanes.hasReady && (await this.work());
    this.advance();
    await this.ledger.saveIfDue(!worked);
    return worked;
  }

  /** The next documents of the scan, once those of the last look are done. */
  private async look(): Promise<void> {
    const { scan } = this.ledger.progress;
    // what is committed while this looks must be told: the feed is listened to first
    if (scan === undefined || this.scanMark !== undefined || this.around.position() === undefined || !this.isJoined || this.lanes.size > mostLanes / 2) return;
    const heads = await this.parts.source.heads(scan.after);
    if (this.ledger.progress.scan !== scan) return;
    const mine = heads.map((each) => ({ ...each, key: idKey(each.documentId) })).filter(({ key }) => partitionOf(key, this.state.partitions) === this.partition);
    const keys: string[] = [];
    for (const { key, documentId, head } of mine) {
      if (!this.lanes.add(key, documentId, head, false)) return; // no room now: the same look again later
      keys.push(key);
    }
    this.scanMark = { after: heads.at(-1)?.documentId, isEnd: heads.length === 0, targets: this.lanes.targets(keys) };
  }

  private async work(): Promise<boolean> {
    const lanes = this.lanes.take(takeLanes);
    const open = new Set(lanes);
    try {
      await this.lookUp(lanes);
      const waiting = lanes.filter((lane) => this.isBehind(lane));
      for (const lane of lanes) {
        if (this.isBehind(lane)) continue;
        open.delete(lane);
        this.finish(lane);
      }
      // one document is read while the one before it is handled: reading all at once would hold the events of all
      let next = waiting[0] && this.read(waiting[0]);
      for (const [index, lane] of waiting.entries()) {
        const batch = await (next as Promise<Batch>);
        if (this.isStopping || this.isLost) break;
        const following = waiting[index + 1];
        next = following && this.read(following);
        await this.handleAll(lane, batch);
        open.delete(lane);
        await this.ledger.saveIfDue(false);
      }
    } finally {
      for (const lane of open) this.lanes.again(lane);
    }
    return true;
  }

  /** What was handled of these documents, as far as it is not known. */
  private async lookUp(lanes: readonly Lane[]): Promise<void> {
    const unknown = lanes.filter((lane) => lane.handled === undefined || isUngranted(lane));
    const missing = unknown.filter((lane) => isUngranted(lane) || !this.ledger.recall(lane));
    if (missing.length === 0) return;
    const found = await this.parts.store.checkpoints(this.claim, missing.map(({ documentId }) => documentId));
    for (const lane of missing) {
      const checkpoint = found.get(lane.key);
      lane.stored = checkpoint?.serverSeq;
      lane.handled = this.ledger.handledOf(lane, checkpoint);
      if (lane.handled < 0) lane.handled = await this.startOf(lane);
      if (isUngranted(lane)) await this.grant(lane);
      // everything behind a parked event waits with it
      else if (lane.wish === undefined && this.ledger.isParked(lane, checkpoint)) lane.target = Math.min(lane.target, lane.handled);
    }
  }

  /** The last number that this handler does not want of a document it has never seen. */
  private async startOf({ documentId, lowest, target }: Lane): Promise<number> {
    const { from, begunAt } = this.state;
    if (from === 'beginning') return 0;
    const since = await this.parts.source.firstSince(documentId, from === 'now' ? (begunAt ?? new Date(0)) : from);
    const told = from === 'now' ? lowest : undefined;
    return Math.min(since ?? Infinity, told ?? Infinity, target + 1) - 1;
  }

  private async grant(lane: Lane): Promise<void> {
    const wish = lane.wish as NonNullable<Lane['wish']>;
    const handled = lane.handled ?? 0;
    if (wish.serverSeq <= handled) {
      // granted before; whether the document is parked again is seen at the next look
      lane.wish = undefined;
      lane.handled = undefined;
      lane.target = handled;
      return;
    }
    wish.isGranted = true;
    lane.failures = 0;
    lane.target = Math.max(lane.target, await this.parts.source.head(lane.documentId));
    if (wish.kind === 'skip') this.ledger.note(lane, wish.serverSeq);
    if (wish.kind === 'drop') this.ledger.note(lane, lane.target);
  }

  private isBehind(lane: Lane): boolean {
    return (lane.handled ?? 0) < lane.target;
  }

  private async read(lane: Lane): Promise<Batch> {
    const events: DocumentEvent<Image>[] = [];
    let bytes = 0;
    try {
      for await (const event of this.parts.events.stream(lane.documentId, { from: (lane.handled ?? 0) + 1, to: lane.target, limit: takeEvents })) {
        events.push(event);
        bytes += byteSize(event);
        if (bytes >= takeBytes) break;
      }
      return { events, failure: undefined };
    } catch (error) {
      return { events, failure: { error } };
    }
  }

  private async handleAll(lane: Lane, { events, failure }: Batch): Promise<void> {
    if (events.length === 0 && failure === undefined) return this.passHole(lane);
    for (const event of events) {
      if (this.isStopping || this.isLost) return this.lanes.again(lane);
      const compacted = await this.hole(lane, event);
      if (compacted === 'corrupt') return;
      if (!(await this.handle(lane, event, compacted))) return;
    }
    if (failure !== undefined) return this.unreadable(lane, failure.error);
    if (this.isBehind(lane)) this.lanes.again(lane);
    else this.finish(lane);
  }

  /** Only the event is to blame, never the way to the database: that one lets everything wait. */
  private async unreadable(lane: Lane, error: unknown): Promise<void> {
    if (this.parts.isUnavailable(error)) throw error;
    if (isOfDriver(error)) return this.doubt(lane, error);
    return this.failed(lane, (lane.handled ?? 0) + 1, error);
  }

  /** The numbers that are gone before this event; a hole that nothing explains parks the document. */
  private async hole(lane: Lane, event: DocumentEvent<Image>): Promise<{ readonly from: number; readonly to: number } | undefined | 'corrupt'> {
    const expected = (lane.handled ?? 0) + 1;
    if (event.serverSeq === expected) return undefined;
    const facts = await this.parts.streams.read(lane.documentId);
    if (event.serverSeq <= firstKept(facts)) return { from: expected, to: event.serverSeq - 1 };
    await this.failed(lane, expected, new HistoryCorruptError(this.address(lane, expected), 'the event is missing'));
    return 'corrupt';
  }

  /** Nothing is there though something was told: compacted away meanwhile, or gone. */
  private async passHole(lane: Lane): Promise<void> {
    // after a fail-over a read may lag behind what was told: only an answer that a majority confirms now decides
    const head = await this.parts.source.head(lane.documentId);
    const facts = await this.parts.streams.read(lane.documentId);
    if (head < lane.target) {
      // a collection that went back to an older state: nothing to handle
      lane.target = Math.min(lane.target, Math.max(lane.handled ?? 0, head));
    } else if (firstKept(facts) > (lane.handled ?? 0) + 1) {
      lane.target = Math.max(lane.target, firstKept(facts));
    } else {
      const { events, failure } = await this.read(lane);
      if (events.length > 0) return this.lanes.again(lane);
      if (failure !== undefined) return this.unreadable(lane, failure.error);
      return this.failed(lane, (lane.handled ?? 0) + 1, new HistoryCorruptError(this.address(lane, (lane.handled ?? 0) + 1), 'the event is missing'));
    }
    if (this.isBehind(lane)) this.lanes.again(lane);
    else this.finish(lane);
  }

  /** @returns whether the next event of the document may follow */
  private async handle(lane: Lane, event: DocumentEvent<Image>, compacted: { readonly from: number; readonly to: number } | undefined): Promise<boolean> {
    const { options, handler, store, collection } = this.parts;
    const step = { documentId: lane.documentId, serverSeq: event.serverSeq, stored: lane.stored, timeoutMs: options.timeoutMs };
    const call = { deliveryId: deliveryIdOf(options.name, collection, lane.documentId, event.serverSeq), attempt: lane.failures + 1, compacted };
    let thrown: { readonly error: unknown } | undefined;
    const outcome = { hasResolved: false };
    try {
      const isStored = await store.deliver(this.claim, step, async (session) => {
        thrown = undefined;
        outcome.hasResolved = false;
        try {
          await callHandler(handler, event, { ...call, session, ending: this.ending.signal, timeoutMs: options.timeoutMs });
          outcome.hasResolved = true;
        } catch (error) {
          thrown = { error };
          throw error;
        }
      });
      lane.failures = 0;
      if (isStored) this.ledger.stored(lane, event.serverSeq);
      else this.ledger.note(lane, event.serverSeq);
      return true;
    } catch (error) {
      if (error instanceof StaleLeaseError) throw error;
      // what it left in its session may be what cannot be committed
      const isToBlame = thrown === undefined ? outcome.hasResolved && isRefusal(error) : thrown.error === error;
      const isHandlers = isToBlame && !this.parts.isUnavailable(error) && !this.isStopping;
      if (isHandlers) await this.failed(lane, event.serverSeq, error);
      else this.doubt(lane, error);
      return false;
    }
  }

  /** What the database holds is not certain, or it was away: look again, and count nothing against the handler. */
  private doubt(lane: Lane, error: unknown): void {
    if (!(error instanceof CheckpointMoved) && !this.isStopping) this.parts.warn(`${this.address(lane, (lane.handled ?? 0) + 1)}: handling by "${this.parts.options.name}" is tried again: ${textOf(error)}`);
    lane.handled = undefined;
    this.ledger.forget(lane);
    this.later(lane, troublePauseMs);
  }

  private async failed(lane: Lane, serverSeq: number, error: unknown): Promise<void> {
    const { options, random, warn } = this.parts;
    lane.failures++;
    const story = `${this.address(lane, serverSeq)}: ${textOf(error)}`;
    this.ledger.noteError(story);
    if (lane.failures < options.maxAttempts) return this.later(lane, retryDelay(lane.failures + 1, options, random));
    warn(`${this.address(lane, serverSeq)}: "${options.name}" failed ${lane.failures} times, the document is parked: ${textOf(error)}`);
    if (this.ledger.progress.scan !== undefined && options.whileRebuilding === 'stop') {
      await this.around.stop(story);
      this.lanes.again(lane);
      this.isStopping = true;
      return;
    }
    this.ledger.park(lane.key, { documentId: lane.documentId, serverSeq, attempts: lane.failures, error: textOf(error).slice(0, 2_000), parkedAt: new Date(this.parts.now()) });
    this.lanes.done(lane);
    await this.ledger.save();
  }

  private later(lane: Lane, ms: number): void {
    lane.isWaiting = true;
    const timer = setTimeout(() => {
      this.timers.delete(timer);
      if (!lane.isWaiting) return;
      this.lanes.again(lane);
      this.wake();
    }, ms);
    this.timers.add(timer);
  }

  private finish(lane: Lane): void {
    this.lanes.done(lane);
    this.ledger.finish(lane);
  }

  /** Moves the position and the scan as far as everything before them is handled. */
  private advance(): void {
    if (this.hasOverflowed && this.isJoined && this.lanes.size < mostLanes / 2) this.tellAgain();
    if (this.mark !== undefined && this.lanes.reached(this.mark.targets)) {
      this.ledger.toPosition(this.mark.token);
      this.mark = undefined;
    }
    if (this.scanMark !== undefined && this.lanes.reached(this.scanMark.targets)) {
      this.ledger.toScan(this.scanMark.isEnd ? undefined : { after: this.scanMark.after });
      this.scanMark = undefined;
      this.wake();
    }
    const position = this.around.position();
    if (this.mark === undefined && this.isJoined && !this.hasOverflowed && position !== undefined && position !== this.ledger.progress.position) {
      this.mark = { token: position, targets: this.lanes.targets() };
      if (this.mark.targets.size === 0) this.advance();
    }
  }

  private tellAgain(): void {
    this.hasOverflowed = false;
    if (this.ledger.progress.position === undefined) return this.positionLost();
    this.isJoined = false;
    this.around.rejoin(this);
  }

  private async trouble(error: unknown): Promise<void> {
    if (error instanceof StaleLeaseError) {
      this.isLost = true;
      this.around.lost(this);
      return;
    }
    this.parts.warn(`Durable handler "${this.parts.options.name}", part ${this.partition}: ${textOf(error)}`);
    await this.sleep(troublePauseMs);
  }

  private address({ documentId }: Lane, serverSeq: number): string {
    return `${this.parts.collection}/${String(documentId)}@${serverSeq}`;
  }

  private wake(): void {
    this.hasNews = true;
    this.wakeUp?.();
  }

  private sleep(ms: number): Promise<void> {
    if (this.isStopping || this.hasNews) return Promise.resolve();
    return new Promise((resolve) => {
      const rise = (): void => {
        clearTimeout(timer);
        this.wakeUp = undefined;
        resolve();
      };
      const timer = setTimeout(rise, ms);
      this.wakeUp = rise;
    });
  }
}

function isUngranted({ wish }: Lane): boolean {
  return wish !== undefined && !wish.isGranted;
}

/** Certainly not committed: neither unknown, nor committed before. */
function isRefusal(error: unknown): boolean {
  return !(error instanceof CheckpointMoved) && !(error instanceof IndeterminateOutcomeError);
}

/** Of the driver or of Mongoose, by the names that all of their errors have. */
function isOfDriver(error: unknown): boolean {
  return error instanceof Error && error.name.startsWith('Mongo');
}

function textOf(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}
