import { describe, expect, it } from '@jest/globals';
import { idKey } from '../model/bson-values.js';
import { ChangeFeed, type FeedNotice, type FeedStatus, type FeedSubscription } from '../watch/change-feed.js';
import { FeedRouter } from './feed-router.js';
import type { PartitionWorker } from './partition-worker.js';
import { partitionOf } from './partition-of.js';

const partitions = 2;
const idOf = (partition: number): string => Array.from({ length: 100 }, (_, index) => `document-${index}`).find((id) => partitionOf(idKey(id), partitions) === partition) as string;

interface Stream {
  readonly after: unknown;
  readonly tell: (notice: FeedNotice) => void;
  isClosed: boolean;
}

/** Tells what the test says, when it says so, on each stream for itself. Positions are numbers. */
class ScriptedFeed extends ChangeFeed {
  readonly streams: Stream[] = [];

  override subscribe(_collection: string, tell: (notice: FeedNotice) => void, after?: unknown): FeedSubscription {
    const stream: Stream = { after, tell, isClosed: false };
    this.streams.push(stream);
    return {
      ready: Promise.resolve(),
      close: () => {
        stream.isClosed = true;
        return Promise.resolve();
      },
    };
  }
  override subscribeUnrecorded(): FeedSubscription {
    throw new Error('not here');
  }
  override status(): FeedStatus {
    throw new Error('not here');
  }
  override close(): Promise<void> {
    return Promise.resolve();
  }
}

/** Keeps what it is told. */
class Part {
  readonly heard: number[] = [];
  isJoined = false;
  isLost = false;

  constructor(
    readonly partition: number,
    readonly position: number | undefined,
  ) {}

  told(_key: string, _id: unknown, serverSeq: number): void {
    this.heard.push(serverSeq);
  }
  joined(): void {
    this.isJoined = true;
  }
  positionLost(): void {
    this.isLost = true;
  }
}

const idle = (token: number): FeedNotice => ({ kind: 'idle', token });
/** An event whose number is its position, so that what was heard is also what was committed where. */
const committed = (partition: number, at: number): FeedNotice => ({ kind: 'committed', documentId: idOf(partition), serverSeq: at, token: at });
const interrupted: FeedNotice = { kind: 'interrupted', reason: 'a test' };

describe('FeedRouter', () => {
  function open(): { router: FeedRouter; feed: ScriptedFeed; shared: Stream; join: (...parts: readonly Part[]) => void; lead: (index?: number) => Stream } {
    const feed = new ScriptedFeed();
    const router = new FeedRouter({ feed, eventsCollection: 'events', partitions, isAtOrAfter: (a, b) => (a as number) >= (b as number) });
    void router.open();
    return {
      router,
      feed,
      shared: feed.streams[0] as Stream,
      join: (...parts) => router.join(parts as unknown as readonly PartitionWorker[]),
      lead: (index = 1) => feed.streams[index] as Stream,
    };
  }

  it('a part that joins late is told by its own stream what the shared one told before it was there', () => {
    const { shared, join, lead } = open();
    shared.tell(idle(10));
    // nobody has the part: the shared stream tells this to nobody
    shared.tell(committed(0, 11));
    shared.tell(committed(0, 12));
    const part = new Part(0, 5);
    join(part);
    expect(lead().after).toBe(5);
    lead().tell(committed(0, 6));
    // where the shared stream began is not the end: 11 and 12 are still missing
    lead().tell(idle(10));
    expect([part.isJoined, lead().isClosed]).toEqual([false, false]);
    lead().tell(committed(0, 11));
    expect(part.isJoined).toBe(false);
    lead().tell(committed(0, 12));
    expect([part.isJoined, lead().isClosed]).toEqual([true, true]);
    shared.tell(committed(0, 13));
    expect(part.heard).toEqual([6, 11, 12, 13]);
  });

  it('what is committed while a part is led is told by the shared stream, and the end of its own does not move', () => {
    const { shared, join, lead } = open();
    shared.tell(idle(10));
    const part = new Part(0, 5);
    join(part);
    shared.tell(committed(0, 20));
    lead().tell(committed(0, 7));
    lead().tell(idle(10));
    expect(part.isJoined).toBe(true);
    expect(part.heard).toEqual([20, 7]);
  });

  it('nothing is led before the shared stream is live, and then from the earliest of the positions', async () => {
    const { router, feed, shared, join, lead } = open();
    const position = router.open();
    const parts = [new Part(0, 8), new Part(1, 3)] as const;
    join(...parts);
    expect(feed.streams).toHaveLength(1);
    shared.tell(idle(10));
    expect(await position).toBe(10);
    expect(lead().after).toBe(3);
    lead().tell(committed(1, 4));
    lead().tell(committed(0, 9));
    lead().tell(idle(10));
    expect(parts.map(({ heard }) => heard)).toEqual([[9], [4]]);
  });

  it('each part is told its own documents only', () => {
    const { shared, join } = open();
    const parts = [new Part(0, undefined), new Part(1, undefined)] as const;
    shared.tell(idle(1));
    join(...parts);
    shared.tell(committed(0, 2));
    shared.tell(committed(1, 3));
    expect(parts.map(({ heard, isJoined }) => [heard, isJoined])).toEqual([[[2], true], [[3], true]]);
  });

  it('a part that comes while others are led is led after them, up to where the shared stream is then', () => {
    const { shared, join, lead, feed } = open();
    shared.tell(idle(10));
    const [first, second] = [new Part(0, 5), new Part(1, 6)];
    join(first);
    join(second);
    expect(feed.streams).toHaveLength(2);
    shared.tell(committed(0, 15));
    lead().tell(idle(10));
    expect(lead(2).after).toBe(6);
    lead(2).tell(idle(10));
    expect(second.isJoined).toBe(false);
    lead(2).tell(idle(15));
    expect([first.isJoined, second.isJoined]).toEqual([true, true]);
  });

  it('when the shared stream is interrupted, those who live off it have to look, and those who are led go on up to its new beginning', () => {
    const { router, shared, join, lead } = open();
    shared.tell(idle(10));
    const [living, led] = [new Part(0, undefined), new Part(1, 5)];
    join(living);
    join(led);
    shared.tell(interrupted);
    expect(router.position).toBeUndefined();
    expect([living.isLost, led.isLost]).toEqual([true, false]);
    lead().tell(committed(1, 12)); // behind the old end: no end is known now
    expect(led.isJoined).toBe(false);
    shared.tell(idle(30));
    lead().tell(committed(1, 25));
    expect(led.isJoined).toBe(false);
    lead().tell(idle(30));
    expect(led.isJoined).toBe(true);
    expect(led.heard).toEqual([12, 25]);
  });

  it('a part whose position is gone looks into the database and is led no more', () => {
    const { shared, join, lead } = open();
    shared.tell(idle(10));
    const part = new Part(0, 5);
    join(part);
    lead().tell(interrupted);
    expect([part.isLost, lead().isClosed]).toEqual([true, true]);
    shared.tell(committed(0, 11));
    expect(part.heard).toEqual([11]);
  });

  it('a part that left is told nothing, and a closed router tells nobody and lets nobody wait', async () => {
    const { router, shared, join } = open();
    const waiting = router.open();
    const [left, stays] = [new Part(0, undefined), new Part(1, undefined)];
    join(left, stays);
    router.leave(left as unknown as PartitionWorker);
    await router.close();
    expect(await waiting).toBeUndefined();
    shared.tell(committed(0, 2));
    shared.tell(committed(1, 3));
    expect([left.heard, stays.heard]).toEqual([[], []]);
    expect(shared.isClosed).toBe(true);
  });
});
