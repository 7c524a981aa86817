import { setTimeout as pause } from 'node:timers/promises';
import { LRUCache } from 'lru-cache';
import type { EventAddress, EventStore } from '../history/event-store.js';
import { cloneValue, idKey } from '../model/bson-values.js';
import type { Image } from '../model/diff.js';
import type { DocumentEvent } from '../model/document-event.js';
import type { DocumentId } from '../model/document-id.js';
import { AfterCommit, type CommittedChange } from '../write/after-commit.js';
import type { ChangeFeed, FeedNotice, FeedSubscription } from './change-feed.js';

/** Why a watcher has not been told something, and never will be. What it missed stands in the database. */
export interface WatchGap {
  /**
   * `'interrupted'`: the server could not say what was committed lately, in any document. `'overflow'`: events came faster than they were
   * taken. `'missing'`: events are not in the history any more, because it was compacted or erased.
   */
  readonly kind: 'interrupted' | 'overflow' | 'missing';
  /** For logs. */
  readonly reason: string;
  /** The document, where only one is concerned. */
  readonly documentId?: DocumentId;
  /** How many events, where that is known. */
  readonly events?: number;
}

/** Somebody who is told of committed events. */
export interface EventListener {
  /** The one document; left out: all. */
  readonly documentId?: DocumentId | undefined;
  /** `idKey` of it. */
  readonly key?: string | undefined;
  /** Is told nothing up to this number of the one document. Default 0. */
  readonly after?: number | undefined;
  /** Shared: clone before it is handed out. */
  onEvent(event: DocumentEvent<Image>): void;
  onGap(gap: WatchGap): void;
  /** The storage is closed. */
  onEnd(): void;
}

/** What the hub works with. */
export interface EventHubParts {
  readonly feed: ChangeFeed;
  readonly events: EventStore;
  readonly eventsCollection: string;
  readonly warn: (message: string) => void;
}

/** Events to be read of one document. */
interface Wanted {
  readonly documentId: DocumentId;
  readonly from: number;
  readonly to: number;
}

/** So many documents are remembered by the last number told; beyond it the oldest are forgotten. */
const rememberedDocuments = 100_000;
/** So many documents may wait for their events to be read. */
const mostWaiting = 10_000;
/** Events that one command reads. */
const batchEvents = 500;
/** Own commits whose events need not be read again. */
const keptCommits = 500;
const firstPauseMs = 50;
const longestPauseMs = 2_000;

/**
 * Committed events of one feature for any number of listeners: from the feed's keys, read once for all of them, per document in order and
 * without a hole. Works only while somebody listens.
 */
export class EventHub extends AfterCommit {
  private readonly listeners = new Set<EventListener>();
  private readonly waiting = new Map<string, Wanted>();
  private readonly told = new LRUCache<string, number>({ maxSize: rememberedDocuments, sizeCalculation: () => 1 });
  /** What this process committed while the feed has not told it yet. */
  private readonly own = new LRUCache<string, DocumentEvent<Image>>({ max: keptCommits });
  private subscription: FeedSubscription | undefined;
  private isReading = false;
  private isClosed = false;
  /** Aborted when nobody listens any more. */
  private listening = new AbortController();

  constructor(private readonly parts: EventHubParts) {
    super();
  }

  /** Tells everything committed from now on, at the latest. @returns how to stop */
  listen(listener: EventListener): () => void {
    if (this.isClosed) {
      listener.onEnd();
      return () => undefined;
    }
    this.listeners.add(listener);
    this.subscription ??= this.parts.feed.subscribe(this.parts.eventsCollection, (notice) => this.hear(notice));
    return () => this.leave(listener);
  }

  /** A commit of this process; the feed says when its turn is. */
  override notify({ event }: CommittedChange): void {
    if (this.listeners.size === 0) return;
    const key = idKey(event.documentId);
    if (this.isWanted(key) && (this.told.get(key) ?? 0) < event.serverSeq) this.own.set(ownKey(key, event.serverSeq), event);
  }

  /** Resolves when everything that this process committed has come back and was told, or after the time. */
  async settled(ms: number): Promise<void> {
    for (const end = performance.now() + ms; this.own.size > 0 && performance.now() < end; ) await pause(10);
  }

  /** Tells everybody that it is over. Twice is harmless. */
  async close(): Promise<void> {
    this.isClosed = true;
    const listeners = [...this.listeners];
    this.listeners.clear();
    for (const listener of listeners) this.contain(() => listener.onEnd());
    await this.rest();
  }

  private leave(listener: EventListener): void {
    this.listeners.delete(listener);
    if (this.listeners.size === 0) void this.rest();
  }

  private async rest(): Promise<void> {
    const { subscription } = this;
    this.subscription = undefined;
    this.waiting.clear();
    this.told.clear();
    this.own.clear();
    this.listening.abort();
    this.listening = new AbortController();
    await subscription?.close();
  }

  // ---- what the feed says

  private hear(notice: FeedNotice): void {
    if (notice.kind === 'interrupted') this.interrupted(notice.reason);
    if (notice.kind !== 'committed') return;
    const key = idKey(notice.documentId);
    if (this.isWanted(key)) this.want(key, notice.documentId, notice.serverSeq);
  }

  private want(key: string, documentId: DocumentId, serverSeq: number): void {
    const last = this.told.get(key);
    if (last !== undefined && serverSeq <= last) return;
    const before = this.waiting.get(key);
    // numbers that were skipped are read along: they are there before the one that is told
    const from = before?.from ?? (last === undefined ? serverSeq : last + 1);
    this.waiting.set(key, { documentId, from, to: Math.max(serverSeq, before?.to ?? 0) });
    this.shedLoad();
    if (!this.isReading) void this.readOn();
  }

  /** Who watches one document that was told of before misses nothing: its history says what came meanwhile. */
  private interrupted(reason: string): void {
    this.lost({ kind: 'interrupted', reason });
    const watched = new Map([...this.listeners].map(({ key, documentId }) => [key, documentId]));
    for (const [key, documentId] of watched) if (key !== undefined && documentId !== undefined && this.told.has(key)) void this.catchUp(key, documentId);
  }

  private async catchUp(key: string, documentId: DocumentId): Promise<void> {
    try {
      const head = await this.parts.events.head(documentId);
      if (head !== null && this.told.has(key)) this.want(key, documentId, head.serverSeq);
    } catch {
      // the next notice of the document fills the gap
    }
  }

  private isWanted(key: string): boolean {
    for (const listener of this.listeners) if (listener.key === undefined || listener.key === key) return true;
    return false;
  }

  /** The database does not answer, or not as fast as it is written: what waits must not grow for ever. */
  private shedLoad(): void {
    if (this.waiting.size <= mostWaiting) return;
    const [key, { documentId, from, to }] = this.waiting.entries().next().value as [string, Wanted];
    this.waiting.delete(key);
    this.told.set(key, to);
    this.lost({ kind: 'overflow', reason: 'events could not be read as fast as they were committed', documentId, events: to - from + 1 }, key);
  }

  private lost(gap: WatchGap, key?: string): void {
    for (const listener of this.listeners) {
      if (key === undefined || listener.key === undefined || listener.key === key) this.contain(() => listener.onGap(gap));
    }
  }

  // ---- reading and telling

  private async readOn(): Promise<void> {
    this.isReading = true;
    let pauseMs = firstPauseMs;
    while (this.waiting.size > 0) {
      const party = this.takeParty();
      try {
        await this.tellParty(party);
        pauseMs = firstPauseMs;
      } catch (error) {
        this.putBack(party);
        if (pauseMs === firstPauseMs) this.parts.warn(`${this.parts.eventsCollection}: events for those who watch could not be read and are tried again: ${String(error)}`);
        await this.sleep(pauseMs);
        pauseMs = Math.min(longestPauseMs, pauseMs * 2);
      }
    }
    this.isReading = false;
  }

  /** What is read next: of the documents that wait longest. */
  private takeParty(): Map<string, Wanted> {
    const party = new Map<string, Wanted>();
    let room = batchEvents;
    for (const [key, wanted] of this.waiting) {
      if (room === 0) break;
      const to = Math.min(wanted.to, wanted.from + room - 1);
      party.set(key, { ...wanted, to });
      room -= to - wanted.from + 1;
      if (to === wanted.to) this.waiting.delete(key);
      else this.waiting.set(key, { ...wanted, from: to + 1 });
    }
    return party;
  }

  /** Only what was not told yet; it goes before what came meanwhile. */
  private putBack(party: ReadonlyMap<string, Wanted>): void {
    if (this.listeners.size === 0) return;
    for (const [key, wanted] of party) {
      const from = Math.max(wanted.from, (this.told.get(key) ?? 0) + 1);
      const to = Math.max(wanted.to, this.waiting.get(key)?.to ?? 0);
      if (from <= to) this.waiting.set(key, { ...wanted, from, to });
    }
  }

  private async tellParty(party: ReadonlyMap<string, Wanted>): Promise<void> {
    const missing: EventAddress[] = [];
    for (const [key, { documentId, from, to }] of party) {
      const own = this.ownEvents(key, from, to);
      if (own !== undefined) for (const event of own) this.tell(key, event);
      else for (let serverSeq = from; serverSeq <= to; serverSeq++) missing.push({ documentId, serverSeq });
    }
    if (missing.length > 0) for await (const event of this.parts.events.pick(missing)) this.tellInOrder(party, event);
    for (const [key, { documentId, to }] of party) this.closeGap(key, documentId, to, party);
  }

  private ownEvents(key: string, from: number, to: number): DocumentEvent<Image>[] | undefined {
    const events: DocumentEvent<Image>[] = [];
    for (let serverSeq = from; serverSeq <= to; serverSeq++) {
      const event = this.own.get(ownKey(key, serverSeq));
      if (event === undefined) return undefined;
      events.push(event);
    }
    for (const { serverSeq } of events) this.own.delete(ownKey(key, serverSeq));
    return events;
  }

  private tellInOrder(party: ReadonlyMap<string, Wanted>, event: DocumentEvent<Image>): void {
    const key = idKey(event.documentId);
    this.closeGap(key, event.documentId, event.serverSeq - 1, party);
    this.tell(key, event);
  }

  /** Everything of the party up to `to` was told, or is not there any more. */
  private closeGap(key: string, documentId: DocumentId, to: number, party: ReadonlyMap<string, Wanted>): void {
    const from = Math.max(party.get(key)?.from ?? to + 1, (this.told.get(key) ?? 0) + 1);
    if (from > to || this.subscription === undefined) return;
    this.told.set(key, to);
    this.lost({ kind: 'missing', reason: `the events ${from} to ${to} are not in the history`, documentId, events: to - from + 1 }, key);
  }

  private tell(key: string, event: DocumentEvent<Image>): void {
    if (this.subscription === undefined || event.serverSeq <= (this.told.get(key) ?? 0)) return;
    this.told.set(key, event.serverSeq);
    for (const listener of this.listeners) {
      const isMeant = listener.key === undefined || (listener.key === key && event.serverSeq > (listener.after ?? 0));
      if (isMeant) this.contain(() => listener.onEvent(cloneValue(event)));
    }
  }

  private sleep(ms: number): Promise<void> {
    return pause(ms, undefined, { signal: this.listening.signal, ref: false }).catch(() => undefined);
  }

  private contain(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.parts.warn(`${this.parts.eventsCollection}: somebody who watches failed: ${String(error)}`);
    }
  }
}

function ownKey(key: string, serverSeq: number): string {
  return `${serverSeq} ${key}`;
}
