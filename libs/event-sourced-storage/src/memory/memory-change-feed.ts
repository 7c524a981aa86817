import type { Operation } from '../model/document-event.js';
import type { DocumentId } from '../model/document-id.js';
import { ChangeFeed, type FeedNotice, type FeedStatus, type FeedSubscription, type ResumeToken } from '../watch/change-feed.js';

/** What was committed. */
export interface ToldEvent {
  readonly documentId: DocumentId;
  readonly serverSeq: number;
  readonly operation: Operation;
}

interface Listener {
  readonly eventsCollection: string;
  readonly tell: (notice: FeedNotice) => void;
}

interface Entry extends ToldEvent {
  readonly eventsCollection: string;
  readonly token: number;
}

/** So many commits can be gone back over; an older position is lost, as on a server with a short oplog. */
const keptCommits = 10_000;

/** Tells of the commits of this process: what {@link tell} is called with. */
export class MemoryChangeFeed extends ChangeFeed {
  private readonly listeners = new Set<Listener>();
  private log: Entry[] = [];
  private position = 0;
  private told: number | undefined;

  constructor(private readonly now: () => number = Date.now) {
    super();
  }

  /** Something was committed. Listeners hear of it in the next turn, in the order of the calls, as from a server. */
  tell(eventsCollection: string, event: ToldEvent): void {
    const entry = { ...event, eventsCollection, token: ++this.position };
    this.log.push(entry);
    if (this.log.length > keptCommits * 2) this.log = this.log.slice(-keptCommits);
    setImmediate(() => {
      this.told = this.now();
      for (const listener of this.listeners) if (listener.eventsCollection === eventsCollection) pass(listener, entry);
    });
  }

  /** Loses its place, as a stream does whose position is not in the oplog any more. For tests. */
  interrupt(reason: string): void {
    for (const { tell } of this.listeners) contain(() => tell({ kind: 'interrupted', reason }));
  }

  override subscribe(eventsCollection: string, listener: (notice: FeedNotice) => void, after?: ResumeToken): FeedSubscription {
    const entry: Listener = { eventsCollection, tell: listener };
    const ready = new Promise<void>((resolve) => {
      // what was told in this turn is on its way to those who listened before
      setImmediate(() => {
        if (isOpen) this.start(entry, after);
        resolve();
      });
    });
    let isOpen = true;
    let position = this.position;
    const idle = setInterval(() => {
      position = this.position;
      if (this.listeners.has(entry)) contain(() => listener({ kind: 'idle', token: position }));
    }, 1_000).unref();
    return {
      ready,
      close: () => {
        isOpen = false;
        clearInterval(idle);
        this.listeners.delete(entry);
        return Promise.resolve();
      },
    };
  }

  /** Nobody writes around a memory. */
  override subscribeUnrecorded(): FeedSubscription {
    return { ready: Promise.resolve(), close: () => Promise.resolve() };
  }

  override status(): FeedStatus {
    return { state: this.listeners.size === 0 ? 'off' : 'live', heardAt: this.told, lagMs: this.told === undefined ? undefined : 0, restarts: 0, interruptions: 0 };
  }

  override close(): Promise<void> {
    this.listeners.clear();
    return Promise.resolve();
  }

  private start(listener: Listener, after: ResumeToken): void {
    this.listeners.add(listener);
    if (after === undefined || after === null) return;
    const oldest = (this.log[0]?.token ?? 1) - 1;
    if (typeof after !== 'number' || after < oldest || after > this.position) {
      contain(() => listener.tell({ kind: 'interrupted', reason: 'the position is not known any more' }));
      return;
    }
    for (const entry of this.log) if (entry.token > after && entry.eventsCollection === listener.eventsCollection) pass(listener, entry);
  }
}

function pass({ tell }: Listener, { documentId, serverSeq, operation, token }: Entry): void {
  contain(() => tell({ kind: 'committed', documentId, serverSeq, operation, token }));
}

/** What a listener throws is its own problem. */
function contain(work: () => void): void {
  try {
    work();
  } catch {
    // nobody to tell
  }
}
