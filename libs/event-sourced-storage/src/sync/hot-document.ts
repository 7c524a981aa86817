import { setTimeout as pause } from 'node:timers/promises';
import type { CatchUpSnapshot } from '../history/cursor.js';
import type { StreamFacts } from '../history/stream-store.js';
import { isLargerThan } from '../model/bson-values.js';
import type { Image } from '../model/diff.js';
import type { DocumentEvent } from '../model/document-event.js';
import type { DocumentId } from '../model/document-id.js';
import { isContiguous, isErased, type Standing } from './catch-up.js';
import { type FrameEntry, FrameRing, type RingBudget } from './frame-ring.js';
import type { SyncMetrics } from './sync-metrics.js';
import type { SyncRef } from './sync-ref.js';
import type { SyncSource } from './sync-source.js';
import type { WireFacts } from './wire-event.js';

/** What the hub gives to each of its documents. */
export interface HotSettings {
  readonly ringLength: number;
  readonly pageEvents: number;
  readonly pageBytes: number;
  readonly metrics: SyncMetrics;
  readonly budget: RingBudget;
}

/** A state that was read, of the history that was current then. */
export interface HotState extends CatchUpSnapshot<Image> {
  readonly epoch: string;
  readonly readAt: Date;
}

/** How often a read that is behind what was heard of is made again: a majority read may lag for a moment. */
const lagPauses = [2, 5, 10, 25, 50, 100, 200];
/** A larger state is not kept for those who come a moment later, in bytes. */
const largestKeptState = 262_144;
/** How often a state is read again when the history changed under the read. */
const stateAttempts = 4;

/**
 * One document that somebody follows: its newest number, its newest events, and one read for all who need the same. Reads decide, what is
 * heard only says when to read. Everything in the ring belongs to the history of `standing.epoch`: each read begins with the event that is
 * known already, and an erased history does not have that one.
 */
export class HotDocument {
  readonly ring: FrameRing;
  /** Who wants to be told that there may be something new. */
  readonly watchers: Set<() => void> = new Set();
  private current: Standing | undefined;
  /** The event at the head, which is never compacted away. */
  private newest: EventMark | undefined;
  private isOpen = false;
  private heard = 0;
  private heardAt: number | undefined;
  /** Something may have been missed: look before the next answer. */
  private mustLook = false;
  private refreshing: Promise<void> | undefined;
  private readingState: Promise<HotState | null> | undefined;
  private lastState: HotState | undefined;
  private readonly pages = new Map<number, Promise<readonly FrameEntry[] | undefined>>();

  constructor(
    readonly source: SyncSource,
    readonly id: DocumentId,
    readonly ref: SyncRef,
    readonly facts: WireFacts,
    private readonly settings: HotSettings,
  ) {
    this.ring = new FrameRing(facts, settings.budget, settings.ringLength);
  }

  /** Where the history stands as far as was read, without asking; `undefined` when it has to be asked first. */
  get known(): Standing | undefined {
    return this.isOpen && !this.mustLook ? this.current : undefined;
  }

  /** The newest number that is known; `0` for none. */
  get head(): number {
    return this.current?.head ?? 0;
  }

  /** An event was heard of that is not read yet. */
  get isBehind(): boolean {
    return this.heard > this.head;
  }

  get epoch(): string | undefined {
    return this.current?.epoch;
  }

  /** Where the history stands; `undefined` when there is none. Asks the database only when there may be something new. */
  async standing(): Promise<Standing | undefined> {
    if (!this.isOpen || this.mustLook || this.heard > this.head) await this.refresh();
    return this.current;
  }

  /** The same after looking, whatever was heard. */
  async look(): Promise<Standing | undefined> {
    this.mustLook = true;
    return this.standing();
  }

  /** There is an event of this number. Reads only when somebody waits for it. */
  hear(version: number): void {
    if (version <= this.heard || version <= this.head) return;
    if (this.heardAt === undefined) this.heardAt = performance.now();
    this.heard = version;
    if (this.watchers.size > 0) this.refreshAndTell();
  }

  /** Something may have been missed, or the history may be another one. */
  doubt(): void {
    this.mustLook = true;
    if (this.watchers.size > 0) this.refreshAndTell();
  }

  /** All that is known is void: the collection went back to an older state. */
  restart(): void {
    this.reset();
    this.doubt();
  }

  /** Everything after `after`, or as much as a page holds; `undefined` when it is not there without a hole: ask for the standing again. */
  async following(after: number): Promise<readonly FrameEntry[] | undefined> {
    const found = this.ring.after(after, this.head);
    if (found !== undefined) {
      this.settings.metrics.ringHits++;
      return found;
    }
    this.settings.metrics.ringMisses++;
    if (this.head - after <= this.settings.ringLength && (await this.once(-1, () => this.backfill())) !== undefined) {
      const filled = this.ring.after(after, this.head);
      if (filled !== undefined) return filled;
    }
    return this.once(after, () => this.page(after));
  }

  /** The newest state, one read for all who ask meanwhile. `null`: there is nothing. */
  async state(): Promise<HotState | null> {
    const last = this.lastState;
    if (last !== undefined && last.epoch === this.current?.epoch && last.serverSeq === this.head && this.heard <= this.head) return last;
    this.readingState ??= this.readState().finally(() => (this.readingState = undefined));
    return this.readingState;
  }

  /** Nobody follows it any more: keeps what is cheap. */
  rest(): void {
    this.lastState = undefined;
  }

  /** Gives back all memory. */
  drop(): void {
    this.reset();
    this.settings.budget.forget(this.ring);
  }

  private refreshAndTell(): void {
    // a failure shows to whoever asks next, and the hub looks again with its next heartbeat
    void this.refresh().catch(() => undefined).finally(() => this.tell());
  }

  private tell(): void {
    for (const told of this.watchers) told();
  }

  private refresh(): Promise<void> {
    this.refreshing ??= this.readNew().finally(() => (this.refreshing = undefined));
    return this.refreshing;
  }

  private async readNew(): Promise<void> {
    for (let attempt = 0; ; ) {
      const before = this.head;
      if (await this.readOnce()) {
        this.tell();
        continue;
      }
      if (this.heard <= this.head) break;
      if (this.head > before) attempt = 0;
      const wait = lagPauses[attempt++];
      if (wait === undefined) break; // heard of what is not there any more
      await pause(wait);
    }
    this.heard = Math.min(this.heard, this.head);
    this.heardAt = undefined;
  }

  /** @returns whether there is more to read */
  private async readOnce(): Promise<boolean> {
    this.mustLook = false;
    try {
      const isFull = this.isOpen ? await this.extend() : await this.open();
      return isFull || this.mustLook;
    } catch (error) {
      this.mustLook = true;
      throw error;
    }
  }

  private async open(): Promise<false> {
    // the facts last: with an older head they lead to a reset, the other way round new events would count in an old history
    const newest = await this.source.head(this.id);
    const facts = await this.source.facts(this.id);
    this.ring.clear();
    this.newest = newest === null ? undefined : markOf(newest);
    this.isOpen = newest !== null;
    this.current = newest === null ? undefined : standingOf(facts, newest.serverSeq);
    if (newest !== null) this.ring.append([newest], this.heardAt);
    return false;
  }

  private async extend(): Promise<boolean> {
    const { newest, current } = this;
    if (current === undefined || newest === undefined) return this.open();
    const { pageEvents, pageBytes } = this.settings;
    const events = await this.source.events(this.id, current.head, { limit: pageEvents + 1, maxBytes: pageBytes });
    const first = events.shift();
    if (first === undefined || !isSameEvent(first, newest) || !isContiguous(current.head, events)) return this.void();
    const last = events.at(-1);
    if (last === undefined) return false;
    // an erasure is recorded as a delete, in a history of its own
    if (events.some(({ operation }) => operation === 'delete') && (await this.source.facts(this.id)).epoch !== current.epoch) return this.void();
    this.newest = markOf(last);
    this.current = { ...current, head: last.serverSeq };
    this.ring.append(events, this.heardAt);
    return last.serverSeq < this.heard || events.length >= pageEvents;
  }

  /** What we have is not the history any more. */
  private void(): true {
    this.reset();
    this.mustLook = true;
    return true;
  }

  private reset(): void {
    this.isOpen = false;
    this.newest = undefined;
    this.lastState = undefined;
    this.ring.clear();
  }

  /** Fills the ring, in one read for all who are not further behind than it is long. */
  private async backfill(): Promise<readonly FrameEntry[] | undefined> {
    const { current, ring } = this;
    const oldest = ring.oldest?.event;
    if (current === undefined || oldest === undefined) return undefined;
    const from = Math.max(current.floor + 1, current.head - this.settings.ringLength + 1);
    this.settings.metrics.catchUpReads++;
    const events = await this.source.events(this.id, from, { limit: oldest.serverSeq - from + 1, maxBytes: this.settings.pageBytes });
    const known = events.pop();
    // the event that we know proves that the others are of the same history
    const isUsable = known !== undefined && ring.oldest?.event === oldest && isSameEvent(known, oldest) && isContiguous(from - 1, events);
    if (!isUsable) return undefined;
    ring.prepend(events);
    return [];
  }

  /** Events below the ring. */
  private async page(after: number): Promise<readonly FrameEntry[] | undefined> {
    const { current } = this;
    if (current === undefined) return undefined;
    const { pageEvents, pageBytes, metrics } = this.settings;
    metrics.catchUpReads++;
    const events = await this.source.events(this.id, after + 1, { limit: pageEvents, maxBytes: pageBytes });
    const { epoch, floor } = await this.source.facts(this.id);
    if (epoch !== current.epoch) {
      this.void();
      return undefined;
    }
    if (events.length > 0 && isContiguous(after, events)) return events.map((event) => this.ring.loose(event));
    if (this.current !== undefined) this.current = { ...this.current, floor };
    return undefined;
  }

  private async readState(): Promise<HotState | null> {
    for (let attempt = 0; attempt < stateAttempts; attempt++) {
      const standing = await this.standing();
      if (standing === undefined || isErased(standing)) return null;
      const found = await this.source.state(this.id);
      const readAt = new Date();
      const { epoch } = await this.source.facts(this.id);
      if (found !== null && epoch === standing.epoch && found.serverSeq >= standing.head) {
        this.hear(found.serverSeq);
        const state = { ...found, epoch, readAt };
        if (!isLargerThan(found.state, largestKeptState)) this.lastState = state;
        return state;
      }
      this.void(); // erased, or created again, beside the read
    }
    throw new Error('the history changes faster than it can be read');
  }

  private once(key: number, read: () => Promise<readonly FrameEntry[] | undefined>): Promise<readonly FrameEntry[] | undefined> {
    let page = this.pages.get(key);
    if (page === undefined) this.pages.set(key, (page = read().finally(() => this.pages.delete(key))));
    return page;
  }
}

/** What tells an event from another one of the same number. */
type EventMark = Pick<DocumentEvent, 'serverSeq' | 'operationId' | 'timestamp'>;

/** Without what the event carries, which may be large. */
function markOf({ serverSeq, operationId, timestamp }: EventMark): EventMark {
  return { serverSeq, operationId, timestamp };
}

function standingOf({ epoch, floor, purgedAt }: StreamFacts, head: number): Standing {
  return { epoch, floor, head, ...(purgedAt === undefined ? {} : { erasedAt: purgedAt }) };
}

/** Whether it is the same event, not only one of the same number in a history that began anew. */
function isSameEvent(one: EventMark, other: EventMark): boolean {
  return one.serverSeq === other.serverSeq && one.operationId === other.operationId && one.timestamp.getTime() === other.timestamp.getTime();
}
