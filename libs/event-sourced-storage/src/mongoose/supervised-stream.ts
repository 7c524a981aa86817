import type { Connection, mongo } from 'mongoose';
import type { FeedStatus, ResumeToken } from '../watch/change-feed.js';
import { codeOf, isUnavailable } from './driver-errors.js';
import { databaseOf, driverDefaults } from './raw-collection.js';

/** How long the server keeps an empty answer back, in ms: how often a quiet stream gives a fresh position. */
const quietMs = 1_000;
/** A stream that was silent for so long, in ms, is given up: the driver may wait for a server that is gone. */
const silenceMs = 5_000;
/** Between two openings, in ms; it doubles from the first to the second. */
const firstPauseMs = 50;
const longestPauseMs = 2_000;
/** So many openings at one position that ended without anything new: it is the position. */
const mostFruitless = 3;

/** What is read of a change; the pipeline sends nothing else. */
export interface StreamedChange {
  readonly _id: ResumeToken;
  readonly operationType: string;
  readonly ns?: { readonly coll?: string };
  readonly documentKey?: { readonly _id: unknown };
  readonly operation?: unknown;
  readonly diff?: unknown;
  readonly lsid?: { readonly id: mongo.Binary };
  readonly txnNumber?: unknown;
  readonly wallTime?: Date;
  readonly clusterTime?: mongo.Timestamp;
}

/** A position between changes. The server finds a token only in a stream that lets its change through; a time it finds in any. */
export interface TimePosition {
  readonly operationTime: mongo.Timestamp;
}

/** Who is told what the stream brings. Nothing of it may throw. */
export interface StreamHandler {
  onChange(change: StreamedChange): void;
  /** Nothing more up to this position. */
  onQuiet(token: ResumeToken): void;
  /** The position was lost; the stream goes on from now. */
  onInterrupted(reason: string): void;
  onWarning(message: string): void;
}

/** What a stream is made for. */
export interface StreamSettings {
  readonly connection: Connection;
  /**
   * Asked at each opening: what is listened to may have grown.
   * @param isCareful the stream broke at something that the driver could not read: nothing may travel but what it can
   */
  readonly pipeline: (isCareful: boolean) => object[];
  readonly handler: StreamHandler;
  readonly after?: ResumeToken;
  /** Where to go on instead of at this token; left out: there. */
  readonly positionFor?: (token: ResumeToken) => ResumeToken;
  readonly now: () => number;
  readonly random: () => number;
}

type Stream = mongo.ChangeStream<mongo.Document, mongo.ChangeStreamDocument>;

/**
 * One change stream that never ends by itself: it is opened again at its last position after an error, a close, an end, and after
 * silence by our own clock. A position that the server refuses is dropped, told, and left behind.
 */
export class SupervisedStream {
  private token: ResumeToken;
  private isClosed = false;
  private stream: Stream | undefined;
  /** Counts the openings: a loop whose number is over ends without a word. */
  private run = 0;
  private isLive = false;
  private fruitless = 0;
  /** Something in the way could not be read; the openings leave it out until the stream has passed it. */
  private isCareful = false;
  private pauseMs = firstPauseMs;
  private watchdog: NodeJS.Timeout | undefined;
  private pause: NodeJS.Timeout | undefined;
  private opening: NodeJS.Immediate | undefined;
  private beatAt = 0;
  private heardAt: number | undefined;
  private lagMs: number | undefined;
  private restarts = -1;
  private interruptions = 0;
  /** Why the position was lost, until the stream listens again: what is read before then may be old news by then. */
  private loss: string | undefined;
  private readonly waiting: (() => void)[] = [];
  private readonly closings = new Set<Promise<void>>();
  /** Resolves after the first opening, successful or not. */
  readonly tried: Promise<void>;
  private hasTried = (): void => undefined;

  constructor(private readonly settings: StreamSettings) {
    this.token = settings.after;
    this.tried = new Promise((resolve) => (this.hasTried = resolve));
  }

  /** Opens the stream, or opens it again because what is listened to has changed. Resolves once it tells everything from then on. */
  open(): Promise<void> {
    const live = new Promise<void>((resolve) => this.waiting.push(resolve));
    this.watchdog ??= setInterval(() => this.lookForSilence(), quietMs).unref();
    // not at once: a change that the stream has counted already is still on its way through promises to its listeners
    this.opening ??= setImmediate(() => {
      this.opening = undefined;
      if (!this.isClosed) this.restart();
    });
    return live;
  }

  status(): FeedStatus {
    const state = this.isLive ? 'live' : this.restarts <= 0 && this.heardAt === undefined ? 'starting' : 'restarting';
    return { state, heardAt: this.heardAt, lagMs: this.lagMs, restarts: Math.max(0, this.restarts), interruptions: this.interruptions };
  }

  /** Ends it. Twice is harmless. */
  async close(): Promise<void> {
    if (!this.isClosed) {
      this.isClosed = true;
      this.isLive = false;
      clearInterval(this.watchdog);
      clearTimeout(this.pause);
      this.abandon();
      this.hasTried();
      for (const resolve of this.waiting.splice(0)) resolve();
    }
    await Promise.all(this.closings);
  }

  private restart(): void {
    clearTimeout(this.pause);
    this.pause = undefined;
    this.abandon();
    this.isLive = false;
    this.restarts++;
    this.beatAt = performance.now();
    void this.pull(++this.run);
  }

  private abandon(): void {
    const { stream } = this;
    if (stream === undefined) return;
    this.stream = undefined;
    const closing = stream.close().catch(() => undefined).finally(() => this.closings.delete(closing));
    this.closings.add(closing);
  }

  private lookForSilence(): void {
    if (this.isClosed || this.pause !== undefined || performance.now() - this.beatAt < silenceMs) return;
    this.settings.handler.onWarning(`The change stream was silent for ${Math.round((performance.now() - this.beatAt) / 1_000)} s and is opened again.`);
    this.hasTried();
    this.restart();
  }

  private async pull(run: number): Promise<void> {
    let isOpen = false;
    const openedAt = this.token;
    const opened = (): void => {
      if (isOpen || run !== this.run) return;
      isOpen = true;
      this.nowLive();
    };
    try {
      const stream = this.watch();
      this.stream = stream;
      stream.once('resumeTokenChanged', () => {
        opened();
        if (run === this.run) this.token = stream.resumeToken;
      });
      for (;;) {
        const change = (await stream.tryNext()) as StreamedChange | null;
        if (run !== this.run || this.isClosed) return;
        opened();
        if (stream.closed) throw new Error('the server ended the change stream');
        this.heard(change);
        if (change === null) this.quiet(stream.resumeToken);
        else if (this.took(change)) return;
      }
    } catch (error) {
      if (run === this.run && !this.isClosed) this.failed(error, isOpen, openedAt);
    }
  }

  private watch(): Stream {
    const { connection, pipeline, positionFor = same } = this.settings;
    const stages = pipeline(this.isCareful);
    const token = positionFor(this.token);
    // the application's read preference does not count: a secondary may be as far behind as it likes
    const database = connection.getClient().db(databaseOf(connection).databaseName, { readPreference: 'primary' });
    // as resumeAfter, and it also leads past an `invalidate`
    const from = token === undefined ? {} : isTime(token) ? { startAtOperationTime: token.operationTime } : { startAfter: token };
    return database.watch(stages, { ...driverDefaults, ...from, maxAwaitTimeMS: quietMs });
  }

  private heard(change: StreamedChange | null): void {
    this.beatAt = performance.now();
    this.heardAt = this.settings.now();
    this.pauseMs = firstPauseMs;
    if (change?.wallTime !== undefined) this.lagMs = this.heardAt - change.wallTime.getTime();
  }

  private quiet(token: ResumeToken): void {
    this.passed(token);
    this.settings.handler.onQuiet(token);
  }

  /** @returns whether the stream is over by this change */
  private took(change: StreamedChange): boolean {
    this.passed(change._id);
    this.settings.handler.onChange(change);
    const isOver = change.operationType === 'invalidate';
    if (isOver) this.restart();
    return isOver;
  }

  private passed(token: ResumeToken): void {
    this.token = token;
    this.fruitless = 0;
    this.isCareful = false;
  }

  private nowLive(): void {
    this.isLive = true;
    this.beatAt = performance.now();
    this.heardAt = this.settings.now();
    this.hasTried();
    const { loss } = this;
    this.loss = undefined;
    if (loss !== undefined) this.settings.handler.onInterrupted(loss);
    for (const resolve of this.waiting.splice(0)) resolve();
  }

  private failed(error: unknown, wasOpen: boolean, openedAt: ResumeToken): void {
    const { handler, random } = this.settings;
    const reason = error instanceof Error ? error.message : String(error);
    const isOutage = isUnavailable(error);
    // what the server refuses has a number; the rest may read well without what can be left out
    const mayReadWell = !isOutage && typeof codeOf(error) !== 'number' && !this.isCareful;
    this.isCareful ||= mayReadWell;
    const isPosition = openedAt !== undefined && !isOutage && !mayReadWell && !(wasOpen && ++this.fruitless < mostFruitless);
    this.isLive = false;
    this.abandon();
    if (isPosition) {
      this.token = undefined;
      this.fruitless = 0;
      this.interruptions++;
      this.loss = reason;
      handler.onInterrupted(reason);
    } else if (!isOutage) {
      handler.onWarning(`The change stream broke and is opened again: ${reason}`);
    }
    this.hasTried();
    this.pauseMs = Math.min(longestPauseMs, this.pauseMs * 2);
    this.pause = setTimeout(() => this.restart(), Math.round(this.pauseMs * (0.5 + random() / 2)));
  }
}

function isTime(token: ResumeToken): token is TimePosition {
  return typeof token === 'object' && token !== null && 'operationTime' in token;
}

function same(token: ResumeToken): ResumeToken {
  return token;
}
