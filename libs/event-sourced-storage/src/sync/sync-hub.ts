import { setTimeout as pause } from 'node:timers/promises';
import { idKey } from '../model/bson-values.js';
import type { DocumentId } from '../model/document-id.js';
import { RingBudget } from './frame-ring.js';
import { HotDocument } from './hot-document.js';
import { SyncMetrics } from './sync-metrics.js';
import type { ResolvedSyncOptions } from './sync-options.js';
import { refText } from './sync-ref.js';
import { unavailable } from './sync-request.js';
import type { SyncListening, SyncSource } from './sync-source.js';
import type { StreamInfo, SyncStream } from './sync-stream.js';

/** A document in use. */
export interface HeldDocument {
  readonly hot: HotDocument;
  /** Twice is harmless. */
  release(): void;
}

/** How long a first client waits for the feed; without it, its heartbeat finds what was missed. */
const feedPatienceMs = 2_000;
/** Documents of one head query. */
const perQuery = 1_000;

/** The one place of a process where commits become known to streams: one wake-up source and one set of reads, however many clients. */
export class SyncHub {
  readonly metrics: SyncMetrics = new SyncMetrics();
  private readonly documents = new Map<string, Held>();
  private readonly listenings = new Map<SyncSource, SyncListening>();
  private readonly streams = new Set<SyncStream>();
  private readonly endings = new Set<() => void>();
  private readonly budget: RingBudget;
  private readonly timers: NodeJS.Timeout[] = [];
  private closing: Promise<void> | undefined;
  private kickCount = 0;

  constructor(
    private readonly options: ResolvedSyncOptions,
    private readonly warn: (message: string) => void,
  ) {
    this.budget = new RingBudget(options.maxRingBytes);
  }

  get isClosed(): boolean {
    return this.closing !== undefined;
  }

  /** How often streams were ended by `kick()`: whoever was authorised before one of them has to be asked about again. */
  get kicks(): number {
    return this.kickCount;
  }

  /** Listens, then asks where the document's history stands. `undefined`: there is none. @throws Refusal 503 once the hub is closed */
  async hold(source: SyncSource, id: DocumentId, idText: string): Promise<HeldDocument | undefined> {
    this.refuseWhenClosed();
    // listen first, read then: a commit in between would fall through the gap
    const isListening = await Promise.race([this.listen(source).ready.then(() => true), pause(feedPatienceMs, false, { ref: false })]);
    this.refuseWhenClosed();
    const held = this.entry(source, id, idText);
    held.users++;
    clearTimeout(held.idle);
    let isHeld = true;
    const release = (): void => {
      if (isHeld) this.release(held);
      isHeld = false;
    };
    try {
      // without a feed nobody tells of the changes of others, and the hub asks only for documents that somebody follows
      const isTold = (isListening && source.hearsOthers) || held.hot.watchers.size > 0;
      const standing = await (isTold ? held.hot.standing() : held.hot.look());
      this.metrics.ringBytes = this.budget.bytes;
      if (standing !== undefined) return { hot: held.hot, release };
      release();
      return undefined;
    } catch (error) {
      release();
      throw error;
    }
  }

  /** Counts a stream in until it is over. */
  add(stream: SyncStream): void {
    this.streams.add(stream);
    void stream.closed.then(() => this.streams.delete(stream));
  }

  /** Is told when the hub closes; for requests that wait. @returns stops that */
  onEnding(end: () => void): () => void {
    this.endings.add(end);
    return () => this.endings.delete(end);
  }

  /** Ends streams, for example of somebody whose rights were taken: they say `bye token`, and their clients come back to be authorised. @returns how many */
  kick(predicate: (stream: StreamInfo) => boolean): number {
    this.kickCount++;
    const kicked = [...this.streams].filter((stream) => predicate(stream.info));
    for (const stream of kicked) stream.bye('token');
    return kicked.length;
  }

  /** Says `bye shutdown` to everybody. Twice is harmless. */
  close(): Promise<void> {
    this.closing ??= this.end();
    return this.closing;
  }

  private async end(): Promise<void> {
    for (const timer of this.timers) clearInterval(timer);
    for (const end of this.endings) end();
    const streams = [...this.streams];
    for (const stream of streams) stream.bye('shutdown');
    await Promise.all(streams.map(({ closed }) => closed));
    await Promise.all([...this.listenings.values()].map((listening) => listening.close()));
    for (const held of this.documents.values()) clearTimeout(held.idle);
    this.documents.clear();
  }

  /** @throws Refusal 503 */
  private refuseWhenClosed(): void {
    if (this.isClosed) throw unavailable();
  }

  private entry(source: SyncSource, id: DocumentId, idText: string): Held {
    const key = keyOf(source, id);
    let held = this.documents.get(key);
    if (held === undefined) {
      const ref = { collection: source.collection, id: idText, model: source.model };
      const facts = { ref: refText(ref), versionField: source.versionField, authorKey: this.options.authorKey };
      const hot = new HotDocument(source, id, ref, facts, { ...this.options, metrics: this.metrics, budget: this.budget });
      this.documents.set(key, (held = { key, hot, users: 0, idle: undefined }));
    }
    return held;
  }

  private release(held: Held): void {
    if (--held.users > 0) return;
    held.hot.rest();
    if (held.hot.head === 0 || this.options.lingerMs === 0) return this.forget(held);
    held.idle = setTimeout(() => this.forget(held), this.options.lingerMs);
    held.idle.unref();
  }

  private forget(held: Held): void {
    if (held.users > 0) return;
    this.documents.delete(held.key);
    held.hot.drop();
  }

  private listen(source: SyncSource): SyncListening {
    let listening = this.listenings.get(source);
    if (listening === undefined) {
      listening = source.listen({
        committed: (id, version) => this.documents.get(keyOf(source, id))?.hot.hear(version),
        interrupted: () => this.of(source).forEach((hot) => hot.doubt()),
      });
      this.listenings.set(source, listening);
      this.every(this.options.heartbeatMs, () => this.lookAt(source, true));
      if (!source.hearsOthers) this.every(this.options.pollMs, () => this.lookAt(source, false));
    }
    return listening;
  }

  private every(ms: number, run: () => Promise<void>): void {
    let isRunning = false;
    const timer = setInterval(() => {
      if (isRunning || this.isClosed) return;
      isRunning = true;
      void run()
        .catch((error: unknown) => this.warn(`Sync could not look for changes: ${String(error)}`))
        .finally(() => (isRunning = false));
    }, ms);
    timer.unref();
    this.timers.push(timer);
  }

  /** Repairs lost wake-ups with one query for all documents that somebody follows, and notices when the collection was set back. */
  private async lookAt(source: SyncSource, withEpoch: boolean): Promise<void> {
    const followed = this.of(source).filter(({ watchers }) => watchers.size > 0);
    const [first] = followed;
    if (first === undefined) return;
    for (let start = 0; start < followed.length; start += perQuery) await this.lookAtSome(source, followed.slice(start, start + perQuery));
    if (!withEpoch) return;
    const before = first.epoch;
    const { epoch } = await source.facts(first.id);
    // one of an erased document differs too; then the others look once in vain
    if (before !== undefined && before === first.epoch && before !== epoch) followed.forEach((hot) => hot.restart());
  }

  private async lookAtSome(source: SyncSource, documents: readonly HotDocument[]): Promise<void> {
    const versions = await source.versions(documents.map(({ id }) => id));
    for (const hot of documents) {
      const version = versions.get(idKey(hot.id));
      if (version === undefined) hot.doubt();
      else hot.hear(version);
    }
  }

  private of(source: SyncSource): HotDocument[] {
    return [...this.documents.values()].map(({ hot }) => hot).filter((hot) => hot.source === source);
  }
}

interface Held {
  readonly key: string;
  readonly hot: HotDocument;
  users: number;
  idle: NodeJS.Timeout | undefined;
}

/** Collections have no space in their names as idKeys have no end: typed parts, so that no two documents share a key. */
function keyOf(source: SyncSource, id: DocumentId): string {
  return JSON.stringify([source.collection, idKey(id)]);
}
