import { Observable } from 'rxjs';
import type { Image } from '../model/diff.js';
import type { DocumentEvent } from '../model/document-event.js';
import type { DocumentId } from '../model/document-id.js';
import type { EventHub, WatchGap } from './event-hub.js';

/** Options of `watch()`. */
export interface WatchOptions {
  /**
   * Is told when events will not be told. Watching goes on after it; what was missed stands in the history.
   * @default a warning in the log
   */
  readonly onGap?: (gap: WatchGap) => void;
  /**
   * How many events wait for the loop of a `for await`, 1 to 1,000,000. One more than that, and all that wait are dropped, which is told as
   * a gap. A subscriber of the Observable is called at once: what waits behind it is its own affair. `0` is refused.
   * @default 1_000
   */
  readonly maxBuffered?: number;
}

/** The one document that is watched. */
export interface WatchedDocument {
  readonly documentId: DocumentId;
  /** `idKey` of it. */
  readonly key: string;
  /** The newest number that this process knows of: what comes after it is news. */
  readonly known: () => number;
}

/** Options, decided. */
export type WatchSettings = Required<WatchOptions>;

/**
 * Committed events, as an `Observable` for subscribers that keep up, and for `for await` loops that take their time. Each subscription and
 * each loop gets its own copy of everything committed after it began, per document in order, each event once. It completes when the
 * storage is closed, and never fails.
 */
export class EventWatch<T = Record<string, unknown>> extends Observable<DocumentEvent<T>> {
  /** Made by `watch()`. */
  constructor(
    private readonly hub: EventHub,
    private readonly watched: WatchedDocument | undefined,
    private readonly settings: WatchSettings,
  ) {
    super((subscriber) =>
      hub.listen({
        ...newsOf(watched),
        onEvent: (event) => subscriber.next(event as DocumentEvent<T>),
        onGap: settings.onGap,
        onEnd: () => subscriber.complete(),
      }),
    );
  }

  /** The events one by one. Leaving the loop ends the watching. */
  [Symbol.asyncIterator](): AsyncIterableIterator<DocumentEvent<T>> {
    return new EventBuffer(this.hub, this.watched, this.settings) as unknown as AsyncIterableIterator<DocumentEvent<T>>;
  }
}

/** Events between the hub and one loop, as many as the loop allows. */
class EventBuffer implements AsyncIterableIterator<DocumentEvent<Image>> {
  private events: DocumentEvent<Image>[] = [];
  private readonly waiting: ((result: IteratorResult<DocumentEvent<Image>>) => void)[] = [];
  private isOver = false;
  private readonly stop: () => void;

  constructor(hub: EventHub, watched: WatchedDocument | undefined, settings: WatchSettings) {
    this.stop = hub.listen({ ...newsOf(watched), onEvent: (event) => this.take(event, settings), onGap: settings.onGap, onEnd: () => this.end() });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<DocumentEvent<Image>>> {
    const event = this.events.shift();
    if (event !== undefined) return Promise.resolve({ done: false, value: event });
    if (this.isOver) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve) => this.waiting.push(resolve));
  }

  return(): Promise<IteratorResult<DocumentEvent<Image>>> {
    this.events = [];
    this.stop();
    this.end();
    return Promise.resolve({ done: true, value: undefined });
  }

  private take(event: DocumentEvent<Image>, { maxBuffered, onGap }: WatchSettings): void {
    const taker = this.waiting.shift();
    if (taker !== undefined) {
      taker({ done: false, value: event });
      return;
    }
    if (this.events.length >= maxBuffered) {
      const events = this.events.length;
      this.events = [];
      onGap({ kind: 'overflow', reason: `${events} events waited for a loop that is slower than its commits`, events });
    }
    this.events.push(event);
  }

  private end(): void {
    this.isOver = true;
    for (const resolve of this.waiting.splice(0)) resolve({ done: true, value: undefined });
  }
}

function newsOf(watched: WatchedDocument | undefined): { readonly documentId?: DocumentId; readonly key?: string; readonly after?: number } {
  return watched === undefined ? {} : { documentId: watched.documentId, key: watched.key, after: watched.known() };
}
