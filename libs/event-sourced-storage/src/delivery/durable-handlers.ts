import { InvalidArgumentError } from '../errors/invalid-argument.error.js';
import { idKey } from '../model/bson-values.js';
import type { DocumentId } from '../model/document-id.js';
import { checkInteger } from '../write/check-arguments.js';
import type { DeliveryStore, HandlerState, ParkedDocument, ParkedWish } from './delivery-store.js';
import { type HandlerStart, isStart } from './durable-handler.js';
import { partitionOf } from './partition-of.js';

/** One document whose events wait. */
export interface ParkedEvents {
  /** The `_id` of the document. */
  readonly documentId: DocumentId;
  /** The event that failed; it and every later one of this document wait. */
  readonly serverSeq: number;
  /** How often it was tried. */
  readonly attempts: number;
  /** What the handler threw, the last time. */
  readonly error: string;
  /** When it was parked. */
  readonly parkedAt: Date;
}

/** How a durable handler is doing, over all processes. */
export interface HandlerStatus {
  /** As given to `@DurableEventsHandler()`. */
  readonly name: string;
  /** The model whose events it handles. */
  readonly model: string;
  /** Paused by `pause()`, or by itself, see `pausedBecause`. */
  readonly isPaused: boolean;
  /** The failure for which it stopped itself (`whileRebuilding: 'stop'`). */
  readonly pausedBecause: string | undefined;
  /** How many processes work on it. */
  readonly processes: number;
  /** Goes up with every `reset()`. */
  readonly generation: number;
  /** Its parts: which process works on each, whether it still looks through old events, up to when everything was handled. */
  readonly partitions: readonly { readonly partition: number; readonly holder: string; readonly isRebuilding: boolean; readonly caughtUpAt: Date | undefined }[];
  /** The parts that this process works on. */
  readonly ownPartitions: readonly number[];
  /**
   * Everything committed before so long ago is handled, in milliseconds; `undefined` while it goes through old events. Written every few
   * seconds, so that it is never exactly `0`.
   */
  readonly lagMs: number | undefined;
  /** How many documents are parked. */
  readonly parked: number;
  /** How long the oldest of them has been parked, in milliseconds; `undefined`: none is. */
  readonly oldestParkedMs: number | undefined;
  /** The last failure that a part remembers. */
  readonly lastError: string | undefined;
}

/** A handler as this process knows it. */
export interface KnownHandler {
  /** As in `@DurableEventsHandler()`. */
  readonly name: string;
  /** As the options say; what is kept counts until the next reset. */
  readonly partitions: number;
  /** Where it begins when nothing is stored of it. */
  readonly from: HandlerStart;
  /** What is stored of it. */
  readonly store: DeliveryStore;
  /** The parts in this process. */
  readonly held: () => readonly number[];
  /** An id as the model's schema casts it. @throws InvalidArgumentError */
  readonly castId: (id: unknown) => DocumentId;
}

/**
 * Inject it to look after durable handlers. What it is told is stored and acts in every process within about a second.
 *
 * Every method that takes a name throws `InvalidArgumentError` for one that no `@DurableEventsHandler()` of this application has.
 */
export class DurableHandlers {
  private readonly handlers = new Map<string, KnownHandler>();

  /** Made by `EventSourcedStorageModule.forRoot()`. @param now the clock, in ms since 1970 */
  constructor(private readonly now: () => number) {}

  /** Adds a handler of this application; called at its start. */
  add(handler: KnownHandler): void {
    this.handlers.set(handler.name, handler);
  }

  /** The names of the durable handlers of this application. */
  list(): string[] {
    return [...this.handlers.keys()].toSorted();
  }

  /** How a handler is doing, over all processes. */
  async status(name: string): Promise<HandlerStatus> {
    const { store, held } = this.get(name);
    const state = await this.stateOf(name);
    const [partitions, parked, [oldest]] = await Promise.all([
      store.partitions(name, state.generation),
      store.countParked(name, state.generation),
      store.parked(name, state.generation, { limit: 1 }),
    ]);
    const isComplete = partitions.length === state.partitions && partitions.every(({ caughtUpAt, scanning }) => caughtUpAt !== undefined && !scanning);
    const caughtUpAt = Math.min(...partitions.map((each) => each.caughtUpAt?.getTime() ?? 0));
    return {
      name,
      model: state.model,
      isPaused: state.paused,
      pausedBecause: state.pausedBecause,
      processes: state.members,
      generation: state.generation,
      partitions: partitions.map(({ partition, holder, scanning, caughtUpAt: at }) => ({ partition, holder, isRebuilding: scanning, caughtUpAt: at })),
      ownPartitions: held(),
      lagMs: isComplete ? Math.max(0, this.now() - caughtUpAt) : undefined,
      parked,
      oldestParkedMs: oldest === undefined ? undefined : Math.max(0, this.now() - oldest.parkedAt.getTime()),
      lastError: partitions.findLast(({ lastError }) => lastError !== undefined)?.lastError,
    };
  }

  /** Lets events under way end and handles no more, in no process, until `resume()`. Restarts change nothing about it. */
  async pause(name: string): Promise<void> {
    await this.get(name).store.setPaused(name, true);
  }

  /** Goes on where it stopped. */
  async resume(name: string): Promise<void> {
    await this.get(name).store.setPaused(name, false);
  }

  /**
   * Forgets everything the handler has handled and begins again. When it resolves, nothing that was under way before can be committed in
   * `context.session` any more; other effects of the handler are yours to remove, best while it is paused.
   * @param options `from` as in `@DurableEventsHandler()`; left out: as given there
   */
  async reset(name: string, options: { readonly from?: HandlerStart } = {}): Promise<void> {
    const { store, partitions, from } = this.get(name);
    const start = options.from ?? from;
    if (!isStart(start)) throw new InvalidArgumentError('from', '"beginning", "now" or a valid Date is needed');
    await this.stateOf(name);
    const state = await store.reset(name, start, partitions);
    if (state !== null) await store.dropBefore(name, state.generation);
  }

  /** The parked documents, the oldest first. @param options `limit`: at most so many, 1,000 by default */
  async parked(name: string, options: { readonly limit?: number } = {}): Promise<ParkedEvents[]> {
    const limit = options.limit === undefined ? 1_000 : checkInteger(options.limit, 'limit', 1);
    const { generation } = await this.stateOf(name);
    return (await this.get(name).store.parked(name, generation, { limit })).map(withoutWish);
  }

  /**
   * Handles what waits of a parked document, or of all of them, in order; then the document is as any other.
   * @returns of how many documents
   */
  redeliver(name: string, documentId?: DocumentId): Promise<number> {
    return this.wish(name, 'redeliver', documentId);
  }

  /**
   * Gives up the event that failed and handles what waits behind it; with `{ events: 'all' }` gives up everything that waits.
   * @returns whether the document was parked
   */
  async discard(name: string, documentId: DocumentId, options: { readonly events?: 'first' | 'all' } = {}): Promise<boolean> {
    const { events = 'first' } = options;
    if (!['first', 'all'].includes(events)) throw new InvalidArgumentError('events', '"first" or "all" is needed');
    return (await this.wish(name, events === 'all' ? 'drop' : 'skip', documentId)) > 0;
  }

  private async wish(name: string, wish: ParkedWish, documentId: DocumentId | undefined): Promise<number> {
    const { store, castId } = this.get(name);
    const { generation, partitions } = await this.stateOf(name);
    if (documentId === undefined) return store.wish(name, generation, wish);
    const id = castId(documentId);
    return store.wish(name, generation, wish, { documentId: id, partition: partitionOf(idKey(id), partitions) });
  }

  private get(name: string): KnownHandler {
    const handler = this.handlers.get(name);
    if (handler === undefined) throw new InvalidArgumentError('name', `no durable handler of this application has it; there are: ${this.list().join(', ') || 'none'}`);
    return handler;
  }

  private async stateOf(name: string): Promise<HandlerState> {
    const state = await this.get(name).store.state(name);
    if (state === null) throw new InvalidArgumentError('name', 'this durable handler has not started yet');
    return state;
  }
}

function withoutWish({ documentId, serverSeq, attempts, error, parkedAt }: ParkedDocument): ParkedEvents {
  return { documentId, serverSeq, attempts, error, parkedAt };
}
