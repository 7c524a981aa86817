import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import mongoose from 'mongoose';
import { type DocumentEvent, DocumentUpdatedEvent, type WatchGap } from 'nestjs-event-sourced-storage';
import { CqrsModule, EventBus } from '@nestjs/cqrs';
import { copyOf, databaseName, dropDatabase, type Game, type GamesApp, startGames } from '../support/games.js';
import { killStreams } from '../support/streams.js';
import { gate, until } from '../support/until.js';

const database = databaseName('watch');

const addGold = (game: Game): void => void (game.gold += 1);
const seen = (events: readonly DocumentEvent<Game>[], id?: mongoose.Types.ObjectId): string[] =>
  events.filter(({ documentId }) => id === undefined || String(documentId) === id.toHexString()).map(({ operation, serverSeq }) => `${operation} ${serverSeq}`);

describe('watching', () => {
  let here: GamesApp;
  let there: GamesApp;
  const stops: (() => void)[] = [];

  beforeAll(async () => {
    await dropDatabase(database);
    [here, there] = await Promise.all([startGames({ database }), startGames({ database })]);
  });
  afterEach(() => {
    for (const stop of stops.splice(0)) stop();
  });
  afterAll(async () => {
    await here?.close();
    await there?.close();
  });

  const collect = (id?: mongoose.Types.ObjectId, onGap?: (gap: WatchGap) => void): DocumentEvent<Game>[] => {
    const events: DocumentEvent<Game>[] = [];
    const subscription = here.games.watch(id, onGap === undefined ? {} : { onGap }).subscribe((event) => events.push(event));
    stops.push(() => subscription.unsubscribe());
    return events;
  };
  const create = async (app: GamesApp = here): Promise<mongoose.Types.ObjectId> => (await app.games.findOneAndUpsert({ name: 'raid' }, 'creator')).document._id;

  it('row 52: every subscriber gets each event once, in order per document, whichever process wrote it', async () => {
    const first = collect();
    const second = collect();
    const ids = [await create(here), await create(there)] as const;
    for (let turn = 0; turn < 10; turn++) {
      for (const [index, app] of [here, there].entries()) await app.games.findOneAndUpdate(ids[(turn + index) % 2] as mongoose.Types.ObjectId, addGold, 'writer');
    }
    await there.games.deleteOne(ids[0], 'deleter');
    const updates = Array.from({ length: 10 }, (_, index) => `update ${index + 2}`);
    for (const events of [first, second]) {
      await until(() => seen(events).length >= 23, 'all events');
      expect(seen(events, ids[0])).toEqual(['create 1', ...updates, 'delete 12']);
      expect(seen(events, ids[1])).toEqual(['create 1', ...updates]);
    }
  });

  it('row 52: who watches one document hears of no other', async () => {
    const [mine, other] = [await create(), await create(there)];
    const events = collect(mine);
    await there.games.findOneAndUpdate(other, addGold, 'writer');
    await there.games.findOneAndUpdate(mine, addGold, 'writer');
    await until(() => events.length > 0, 'the event');
    expect(events.map(({ documentId }) => String(documentId))).toEqual([String(mine)]);
  });

  it('row 52: writes of many that share commits arrive without a hole, also under load', async () => {
    const id = await create();
    const events = collect(id);
    await Promise.all([here, there].flatMap((app) => Array.from({ length: 60 }, () => app.games.findOneAndUpdate(id, addGold, 'crowd'))));
    await until(() => events.length >= 120, 'all events');
    expect(events.map(({ serverSeq }) => serverSeq)).toEqual(Array.from({ length: 120 }, (_, index) => index + 2));
  });

  it('row 52: watching goes on without a hole after the stream was killed again and again', async () => {
    const id = await create();
    const gaps: WatchGap[] = [];
    const events = collect(id, (gap) => gaps.push(gap));
    for (let turn = 0; turn < 6; turn++) {
      await killStreams(here.connection);
      await there.games.findOneAndUpdate(id, addGold, 'writer');
    }
    await until(() => events.length >= 6, 'all events');
    expect(events.map(({ serverSeq }) => serverSeq)).toEqual([2, 3, 4, 5, 6, 7]);
    expect(gaps).toEqual([]);
  });

  it('row 52: a loop that is slower than the commits is told what it lost, goes on with the newest, and the buffer keeps its bound', async () => {
    const id = await create();
    const gaps: WatchGap[] = [];
    const numbers: number[] = [];
    const { passed, open } = gate();
    const loop = (async () => {
      for await (const { serverSeq } of here.games.watch(id, { maxBuffered: 3, onGap: (gap) => gaps.push(gap) })) {
        numbers.push(serverSeq);
        if (numbers.length === 1) await passed;
        if (serverSeq === 12) return;
      }
    })();
    const witness = collect(id);
    for (let turn = 0; turn < 10; turn++) await there.games.findOneAndUpdate(id, addGold, 'writer');
    await until(() => witness.length >= 10, 'all events are told');
    open();
    await there.games.findOneAndUpdate(id, addGold, 'writer');
    await loop;
    const lost = gaps.reduce((sum, { events = 0 }) => sum + events, 0);
    expect(gaps.map(({ kind }) => kind)).toEqual(gaps.map(() => 'overflow'));
    expect([gaps.length > 0, lost + numbers.length]).toEqual([true, 11]);
    expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
  });

  it('row 53: an event says number, difference, author and metadata, as the history does', async () => {
    const id = await create();
    const events = collect(id);
    await there.games.findOneAndUpdate(id, (game) => void (game.gold = 7), 'author', { metadata: { reason: 'a gift' } });
    await until(() => events.length > 0, 'the event');
    expect(events).toEqual(await here.games.getMissingEvents(id, 1));
    expect(events[0]).toMatchObject({ operation: 'update', serverSeq: 2, clientId: 'author', metadata: { reason: 'a gift' }, diff: { hasChanges: true, version: 2, set: { gold: 7 } } });
  });

  it('row 53: what a subscriber does to its event reaches nobody', async () => {
    const id = await create();
    const spoiled = collect(id);
    const subscription = here.games.watch(id).subscribe((event) => void ((event as { clientId: string }).clientId = 'nobody'));
    stops.push(() => subscription.unsubscribe());
    const other = collect(id);
    await here.games.findOneAndUpdate(id, addGold, 'author');
    await until(() => other.length > 0 && spoiled.length > 0, 'the event');
    expect([spoiled[0]?.clientId, other[0]?.clientId, (await here.games.getMissingEvents(id, 1))[0]?.clientId]).toEqual(['author', 'author', 'author']);
  });

  it.each([
    ['an id that the schema cannot cast', () => here.games.watch({ $ne: null } as never)],
    ['a buffer of nothing', () => here.games.watch(undefined, { maxBuffered: 0 })],
    ['a gap handler that is none', () => here.games.watch(undefined, { onGap: 'told' as never })],
  ])('%s is refused at once', (_, call) => {
    expect(call).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
  });

  it('says how the feed is doing', async () => {
    await there.games.findOneAndUpsert({ name: 'news' }, 'creator');
    const status = await until(() => [here.games.feedStatus()].find(({ state, lagMs }) => state === 'live' && lagMs !== undefined), 'a change has arrived'); // it is opened anew now and then
    expect(status).toEqual({ state: 'live', heardAt: expect.any(Number), lagMs: expect.any(Number), restarts: expect.any(Number), interruptions: 0 });
  });
});

describe('watching and the end of the application', () => {
  it('subscriptions complete, loops end, and no stream stays open', async () => {
    const app = await startGames({ database });
    let isComplete = false;
    app.games.watch().subscribe({ complete: () => (isComplete = true) });
    const loop = (async () => {
      for await (const event of app.games.watch()) return event;
      return 'over';
    })();
    await app.close();
    expect([isComplete, await loop]).toEqual([true, 'over']);
  });
});

describe('watching with watchEnabled: false', () => {
  let alone: GamesApp;
  let other: GamesApp;

  beforeAll(async () => {
    [alone, other] = await Promise.all([startGames({ database, root: { watchEnabled: false } }), startGames({ database })]);
  });
  afterAll(async () => {
    await alone?.close();
    await other?.close();
  });

  it('opens no stream, and tells the commits of this process only', async () => {
    const events: DocumentEvent<Game>[] = [];
    const subscription = alone.games.watch().subscribe((event) => events.push(event));
    const { document } = await other.games.findOneAndUpsert({ name: 'unheard' }, 'other');
    await alone.games.findOneAndUpdate(document._id, addGold, 'alone');
    await until(() => events.length > 0, 'its own event');
    subscription.unsubscribe();
    expect(seen(events)).toEqual(['update 2']);
    await until(() => other.games.feedStatus().state === 'live', 'the feed of the other one');
    expect(alone.games.feedStatus().state).toBe('off');
  });
});

describe("publish: 'everywhere'", () => {
  let apps: readonly GamesApp[];
  const published: DocumentUpdatedEvent<Game>[][] = [[], []];

  beforeEach(async () => {
    const start = async (index: number): Promise<GamesApp> => {
      const app = await startGames({ database, root: { publish: 'everywhere' }, imports: [CqrsModule.forRoot()] });
      app.app.get(EventBus, { strict: false }).subscribe((event) => {
        if (event instanceof DocumentUpdatedEvent) published[index]?.push(event as DocumentUpdatedEvent<Game>);
      });
      return app;
    };
    apps = await Promise.all([start(0), start(1)]);
  });
  afterEach(async () => {
    for (const app of apps) await app.close();
  });

  it('every process publishes every commit once, in order, with the document after it', async () => {
    const [first, second] = apps as [GamesApp, GamesApp];
    const { document } = await first.games.findOneAndUpsert({ name: 'shared' }, 'creator');
    for (let turn = 0; turn < 5; turn++) for (const app of [first, second]) await app.games.findOneAndUpdate(document._id, addGold, 'writer');
    for (const events of published) {
      await until(() => events.length >= 10, 'all are published');
      expect(events.map(({ serverSeq, document: after }) => [serverSeq, after.version, after.gold])).toEqual(Array.from({ length: 10 }, (_, index) => [index + 2, index + 2, index + 1]));
    }
    expect(copyOf(published[0]?.at(-1)?.document as Game)).toEqual(copyOf((await second.games.findOne(document._id, { fresh: true })) as Game));
  });
});
