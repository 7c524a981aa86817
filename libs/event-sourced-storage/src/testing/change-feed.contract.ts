import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { idKey } from '../model/bson-values.js';
import type { DocumentId } from '../model/document-id.js';
import type { ChangeFeed, FeedNotice, FeedSubscription, ResumeToken } from '../watch/change-feed.js';

/** A feed over one empty store with two collections of events, and the means to commit to them. */
export interface ChangeFeedFixture {
  readonly feed: ChangeFeed;
  readonly collections: readonly [string, string];
  newId(): DocumentId;
  /** Commits one event each, in order, in one transaction. */
  commit(eventsCollection: string, events: readonly { readonly documentId: DocumentId; readonly serverSeq: number }[]): Promise<void>;
  /** A position that the store does not know (any more). */
  readonly lostPosition: ResumeToken;
  /** How many change streams are open on the store; left out by stores that have none. */
  openStreams?(): Promise<number>;
  close(): Promise<void>;
}

const patienceMs = 20_000;

/** What every {@link ChangeFeed} does. */
export function describeChangeFeed(name: string, create: () => Promise<ChangeFeedFixture>): void {
  describe(`${name} as a change feed`, () => {
    let fixture: ChangeFeedFixture;
    let feed: ChangeFeed;
    let games: string;
    let players: string;

    beforeEach(async () => {
      fixture = await create();
      ({ feed } = fixture);
      [games, players] = fixture.collections;
    });
    afterEach(() => fixture.close());

    const listen = async (collection: string, after?: ResumeToken): Promise<{ notices: FeedNotice[]; seen: () => string[]; subscription: FeedSubscription }> => {
      const notices: FeedNotice[] = [];
      const subscription = feed.subscribe(collection, (notice) => notices.push(notice), after);
      await subscription.ready;
      return { notices, seen: () => notices.flatMap((notice) => (notice.kind === 'committed' ? [`${idKey(notice.documentId)}@${notice.serverSeq}`] : [])), subscription };
    };
    const numbers = (documentId: DocumentId, from: number, to: number): { documentId: DocumentId; serverSeq: number }[] =>
      Array.from({ length: to - from + 1 }, (_, index) => ({ documentId, serverSeq: from + index }));
    const keys = (documentId: DocumentId, from: number, to: number): string[] => numbers(documentId, from, to).map(({ serverSeq }) => `${idKey(documentId)}@${serverSeq}`);

    it('tells every commit after ready, once, in the order of the numbers, to each who listens', async () => {
      const first = await listen(games);
      const second = await listen(games);
      const [a, b] = [fixture.newId(), fixture.newId()];
      await fixture.commit(games, [...numbers(a, 1, 3), ...numbers(b, 1, 2)]);
      await fixture.commit(games, numbers(a, 4, 4));
      for (const { seen } of [first, second]) await eventually(() => expect(seen()).toEqual([...keys(a, 1, 3), ...keys(b, 1, 2), ...keys(a, 4, 4)]));
    });

    it('tells a listener nothing of another collection', async () => {
      const a = fixture.newId();
      const ofGames = await listen(games);
      const ofPlayers = await listen(players);
      await fixture.commit(players, numbers(a, 1, 1));
      await fixture.commit(games, numbers(a, 7, 7));
      await eventually(() => expect([ofGames.seen(), ofPlayers.seen()]).toEqual([keys(a, 7, 7), keys(a, 1, 1)]));
    });

    it('says what the event did', async () => {
      const { notices } = await listen(games);
      await fixture.commit(games, numbers(fixture.newId(), 1, 1));
      await eventually(() => expect(notices).toContainEqual(expect.objectContaining({ kind: 'committed', operation: 'create' })));
    });

    it('goes on from any position it told, without a hole', async () => {
      const a = fixture.newId();
      const { notices, seen } = await listen(games);
      await fixture.commit(games, numbers(a, 1, 4));
      await eventually(() => expect(seen()).toHaveLength(4));
      await fixture.commit(games, numbers(a, 5, 6));
      const second = notices.find((notice) => notice.kind === 'committed' && notice.serverSeq === 2);
      const later = await listen(games, second?.kind === 'committed' ? second.token : undefined);
      await fixture.commit(games, numbers(a, 7, 7));
      await eventually(() => expect(later.seen()).toEqual(keys(a, 3, 7)));
    });

    it('gives fresh positions while nothing happens, also while only others are told something', async () => {
      const { notices } = await listen(games);
      await listen(players);
      const a = fixture.newId();
      let serverSeq = 0;
      await eventually(async () => {
        await fixture.commit(players, numbers(a, ++serverSeq, serverSeq));
        expect(notices.filter(({ kind }) => kind === 'idle').length).toBeGreaterThan(1);
      });
      const idle = notices.findLast((notice) => notice.kind === 'idle');
      const later = await listen(games, idle?.token);
      await fixture.commit(games, numbers(a, 1, 1));
      await eventually(() => expect(later.seen()).toEqual(keys(a, 1, 1)));
    });

    it('says when a position is lost, and misses nothing after that', async () => {
      const { notices, seen, subscription } = await listen(games, fixture.lostPosition);
      await subscription.ready;
      expect(notices.at(-1)).toEqual({ kind: 'interrupted', reason: expect.any(String) });
      const a = fixture.newId();
      await fixture.commit(games, numbers(a, 1, 1));
      await eventually(() => expect(seen()).toEqual(keys(a, 1, 1)));
    });

    it('goes on telling the others when a listener throws', async () => {
      feed.subscribe(games, () => {
        throw new Error('a listener of its own kind');
      });
      const { seen } = await listen(games);
      const a = fixture.newId();
      await fixture.commit(games, numbers(a, 1, 1));
      await fixture.commit(games, numbers(a, 2, 2));
      await eventually(() => expect(seen()).toEqual(keys(a, 1, 2)));
    });

    it('tells a closed subscription nothing more, the others everything, and closing twice is harmless', async () => {
      const a = fixture.newId();
      const closed = await listen(games);
      const open = await listen(games);
      const own = await listen(games, await positionOf(open.notices));
      for (const { subscription } of [closed, closed, own, own]) await subscription.close();
      await fixture.commit(games, numbers(a, 1, 1));
      await eventually(() => expect(open.seen()).toEqual(keys(a, 1, 1)));
      expect([closed.seen(), own.seen()]).toEqual([[], []]);
    });

    it('leaves nothing open on the store, neither after the last subscription nor after its own end', async () => {
      const { subscription, notices } = await listen(games);
      await listen(players, await positionOf(notices));
      if (fixture.openStreams !== undefined) await eventually(async () => expect(await fixture.openStreams?.()).toBe(2));
      expect(feed.status().state).toBe('live');
      await subscription.close();
      await feed.close();
      await feed.close();
      expect(feed.status().state).toBe('off');
      if (fixture.openStreams !== undefined) await eventually(async () => expect(await fixture.openStreams?.()).toBe(0));
    });
  });

  async function positionOf(notices: readonly FeedNotice[]): Promise<unknown> {
    let token: unknown;
    await eventually(() => {
      const idle = notices.find((notice) => notice.kind === 'idle');
      expect(idle).toBeDefined();
      token = idle?.token;
    });
    return token;
  }
}

/** The expectation holds sooner or later. */
async function eventually(expectation: () => void | Promise<void>): Promise<void> {
  for (const end = performance.now() + patienceMs; ; await new Promise((resume) => setTimeout(resume, 10))) {
    try {
      await expectation();
      return;
    } catch (error) {
      if (performance.now() > end) throw error;
    }
  }
}
