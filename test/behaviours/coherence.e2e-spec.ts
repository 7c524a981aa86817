import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import mongoose from 'mongoose';
import { canonicalNumbers } from '../support/canonical.js';
import { commandsDuring, readsOf } from '../support/commands.js';
import { databaseName, dropDatabase, type Game, type GamesApp, startGames, testUri } from '../support/games.js';
import { startLossyProxy } from '../support/lossy-proxy.js';
import { killStreams, openStreams } from '../support/streams.js';
import { nextTurn, until } from '../support/until.js';

const database = databaseName('coherence');
const addGold = (game: Game): void => void (game.gold += 1);

/** What the copy is kept up with: a change of every kind. */
interface Followed extends Game {
  tags: string[];
  extra: { bag: { gems: number; coins?: number }; list: unknown[] };
}

/** Copies that were read before the feed was open are read again. */
async function listening({ games }: GamesApp): Promise<GamesApp['games']> {
  await until(() => games.feedStatus().state === 'live', 'the feed is open');
  await nextTurn();
  return games;
}

/** Waits until this process has read this document at this number without being asked: others, and an older state, may be read at the same time. */
async function readBehindTheScenes(here: GamesApp, id: mongoose.Types.ObjectId, version: number, write: () => Promise<unknown>): Promise<void> {
  let isRead = false;
  const client = here.connection.getClient();
  const look = ({ commandName, reply }: { commandName: string; reply: { cursor?: { firstBatch?: Game[] } } }): void => {
    if (commandName === 'find') isRead ||= reply.cursor?.firstBatch?.some((found) => String(found._id) === String(id) && found.version === version) === true;
  };
  client.on('commandSucceeded', look as never);
  try {
    await write();
    await until(() => isRead, 'it was read without being asked for');
  } finally {
    client.off('commandSucceeded', look as never);
  }
  await nextTurn();
}

describe('the cache of a process while others write', () => {
  let here: GamesApp;
  let there: GamesApp;
  let id: mongoose.Types.ObjectId;

  beforeAll(async () => {
    await dropDatabase(database);
    // without the feed a cached answer would stay for ever
    [here, there] = await Promise.all([startGames({ database, root: { cacheTTL: 0 }, client: { monitorCommands: true } }), startGames({ database, root: { cacheTTL: 0 } })]);
  });
  afterAll(async () => {
    await here?.close();
    await there?.close();
  });
  beforeEach(async () => {
    id = (await there.games.findOneAndUpsert({ name: 'raid' }, 'creator')).document._id;
    await here.games.findOne(id);
  });

  it('row 46: what another process wrote is served as soon as the change stream tells of it', async () => {
    await there.games.findOneAndUpdate(id, addGold, 'writer');
    await until(async () => (await here.games.findOne(id))?.version === 2, 'the new version');
    expect((await here.games.findOne(id))?.gold).toBe(1);
  });

  it('row 46: a small change of another process reaches the cached copy without a read', async () => {
    const { document } = await there.games.findOneAndUpsert({ name: 'followed', tags: ['a', 'b', 'c'], lastUpdated: new Date(5), extra: { bag: { gems: 1, coins: 2 }, list: [{ n: 1 }, { n: 2 }] } }, 'creator');
    const edits: ((game: Followed) => unknown)[] = [
      (game) => (game.extra.bag.gems = 7),
      (game) => delete game.lastUpdated,
      (game) => (game.tags[1] = 'other'),
      (game) => (game.extra.list[1] = { n: 3, at: new Date(9) }),
      (game) => game.tags.push('new'),
      (game) => delete game.extra.bag.coins,
      (game) => Object.assign(game.extra, { id: new mongoose.Types.ObjectId(), exact: mongoose.Types.Decimal128.fromString('1.50') }),
    ];
    expect(await (await listening(here)).findOne(document._id)).toMatchObject({ name: 'followed', version: 1 });
    const commands = await commandsDuring(here.connection, async () => {
      for (let turn = 0; turn < 20; turn++) await there.games.findOneAndUpdate(document._id, (game) => void (edits[turn] ?? addGold)(game as Followed), 'writer');
      await until(async () => (await here.games.findOne(document._id))?.version === 21, 'the last version');
    });
    expect(readsOf(commands, 'games', document._id)).toBe(0);
    const [served, stored] = [await here.games.findOne(document._id), await here.documents().findOne({ _id: document._id })];
    expect(served).toEqual(stored);
    expect(canonicalNumbers(served)).toBe(canonicalNumbers(stored));
    expect(stored).toMatchObject({ gold: 13, tags: ['a', 'other', 'c', 'new'], extra: { bag: { gems: 7 }, list: [{ n: 1 }, { n: 3 }] } });
    expect(stored).not.toHaveProperty('lastUpdated');
  });

  it('row 46: a large change of another process is read again behind the scenes, so that the next read comes from the cache', async () => {
    await readBehindTheScenes(here, id, 2, () => there.games.findOneAndUpdate(id, (game) => void (game.extra = 'x'.repeat(4_096)), 'writer'));
    const commands = await commandsDuring(here.connection, async () => expect(await here.games.findOne(id)).toMatchObject({ version: 2, extra: 'x'.repeat(4_096) }));
    expect(readsOf(commands, 'games', id)).toBe(0);
  });

  it('row 46: what was changed around the storage is served in the end, also when the storage has written since', async () => {
    await here.documents().updateOne({ _id: id }, { $set: { experience: 77 } });
    await there.games.findOneAndUpdate(id, addGold, 'writer');
    await until(async () => (await here.games.findOne(id))?.experience === 77, 'the change around the storage');
    await until(async () => (await here.games.findOne(id))?.version === 2, 'the change after it');
    expect(await here.games.findOne(id)).toEqual(await here.documents().findOne({ _id: id }));
  });

  it('row 46: a repair by another process is served in the end, also when the storage has written since', async () => {
    await here.documents().updateOne({ _id: id }, { $set: { experience: 77 } });
    await until(async () => (await here.games.findOne(id))?.experience === 77, 'the change around the storage');
    expect(await there.games.rebuild(id)).toMatchObject({ changed: true });
    await there.games.findOneAndUpdate(id, addGold, 'writer');
    await until(async () => (await here.games.findOne(id))?.experience === 0, 'the repair');
    await until(async () => (await here.games.findOne(id))?.version === 2, 'the change after it');
    expect(await here.games.findOne(id)).toEqual(await here.documents().findOne({ _id: id }));
  });

  it('row 46: a document that another process deleted is gone here too', async () => {
    await there.games.deleteOne(id, 'deleter');
    await until(async () => (await here.games.findOne(id)) === null, 'the document is gone');
  });

  it('row 46: a document that was deleted and created again elsewhere is the new one', async () => {
    await there.games.deleteOne(id, 'deleter');
    await there.games.findOneAndUpsert({ _id: id, name: 'second life' }, 'creator');
    await until(async () => (await here.games.findOne(id))?.name === 'second life', 'the new document');
  });

  it('row 46: while others write, the versions served never go back, and the last is served in the end', async () => {
    const served: number[] = [];
    const load = { isOver: false };
    const reader = (async () => {
      while (!load.isOver) {
        served.push((await here.games.findOne(id))?.version ?? 0);
        await new Promise((resume) => setImmediate(resume));
      }
    })();
    const writers = Array.from({ length: 4 }, async (_, index) => {
      for (let turn = 0; turn < 25; turn++) await (index === 0 ? here : there).games.findOneAndUpdate(id, addGold, 'writer');
    });
    await Promise.all(writers);
    await until(async () => (await here.games.findOne(id))?.version === 101, 'the last version');
    load.isOver = true;
    await reader;
    expect(served).toEqual(served.toSorted((a, b) => a - b));
  });

  it('row 46: commits between the death of the stream and its return are not missed', async () => {
    for (let turn = 2; turn <= 5; turn++) {
      await killStreams(here.connection);
      await there.games.findOneAndUpdate(id, addGold, 'writer');
      await until(async () => (await here.games.findOne(id))?.version === turn, 'the new version');
    }
    expect(here.games.feedStatus()).toMatchObject({ interruptions: 0 });
  });

  it('row 48: own writes are read at once, and stay, whatever the stream tells when', async () => {
    for (let turn = 1; turn <= 30; turn++) {
      await here.games.findOneAndUpdate(id, addGold, 'writer');
      expect((await here.games.findOne(id))?.version).toBe(turn + 1);
    }
  });
});

describe('a copy that is kept up with what others write', () => {
  let here: GamesApp | undefined;
  let there: GamesApp;

  beforeAll(async () => {
    await dropDatabase(database);
    there = await startGames({ database });
  });
  afterEach(() => here?.close());
  afterAll(() => there?.close());

  it('row 46: is read anew when cacheTTL is over, however often it was kept up', async () => {
    let now = 1_000_000;
    here = await startGames({ database, root: { now: () => now, cacheTTL: 60_000 }, client: { monitorCommands: true } });
    const { connection } = here;
    const games = await listening(here);
    const { _id } = (await there.games.findOneAndUpsert({ name: 'raid' }, 'creator')).document;
    await games.findOne(_id);
    now += 40_000;
    const kept = await commandsDuring(connection, async () => {
      await there.games.findOneAndUpdate(_id, addGold, 'writer');
      await until(async () => (await games.findOne(_id))?.version === 2, 'the new version');
      now += 19_999;
      expect((await games.findOne(_id))?.version).toBe(2);
    });
    expect(readsOf(kept, 'games', _id)).toBe(0);
    now += 1;
    const after = await commandsDuring(connection, () => games.findOne(_id));
    expect(readsOf(after, 'games', _id)).toBe(1);
  });

  it('row 46: is read anew after each change where the feed does not tell of changes around the storage', async () => {
    here = await startGames({ database, root: { cacheTTL: 0 }, feature: { onUnrecordedChange: 'ignore' }, client: { monitorCommands: true } });
    const documents = here.documents();
    const games = await listening(here);
    const { _id } = (await there.games.findOneAndUpsert({ name: 'raid' }, 'creator')).document;
    await games.findOne(_id);
    await documents.updateOne({ _id }, { $set: { experience: 77 } });
    await readBehindTheScenes(here, _id, 2, () => there.games.findOneAndUpdate(_id, addGold, 'writer'));
    expect(await games.findOne(_id)).toMatchObject({ version: 2, gold: 1, experience: 77 });
  });

  it('row 46: is read anew after each change where there are upcasters: its shape may be another than that of the event', async () => {
    here = await startGames({ database, root: { cacheTTL: 0 }, feature: { schemaVersion: 2, upcasters: [{ from: 1, to: 2, up: (event) => event }] }, client: { monitorCommands: true } });
    const games = await listening(here);
    const { _id } = (await there.games.findOneAndUpsert({ name: 'raid' }, 'creator')).document;
    await games.findOne(_id);
    await readBehindTheScenes(here, _id, 2, () => there.games.findOneAndUpdate(_id, addGold, 'writer'));
    expect(await games.findOne(_id)).toMatchObject({ version: 2, gold: 1 });
  });
});

describe('watchFullDocument', () => {
  it("'default' drops what changed, and the next read asks the database", async () => {
    const there = await startGames({ database });
    const here = await startGames({ database, root: { watchFullDocument: 'default', cacheTTL: 0 }, client: { monitorCommands: true } });
    try {
      const { document } = await there.games.findOneAndUpsert({ name: 'dropped' }, 'creator');
      await here.games.findOne(document._id);
      await there.games.findOneAndUpdate(document._id, addGold, 'writer');
      await until(async () => (await here.games.findOne(document._id))?.version === 2, 'the new version');
    } finally {
      await here.close();
      await there.close();
    }
  });

  it("'required' does not start on a collection without images, and says what to run; with images it starts", async () => {
    await dropDatabase(database);
    const refused = startGames({ database, root: { watchFullDocument: 'required' } });
    await expect(refused).rejects.toMatchObject({ code: 'INVALID_OPTIONS', message: expect.stringContaining('changeStreamPreAndPostImages') });
    const client = await mongoose.mongo.MongoClient.connect(testUri());
    await client.db(database).command({ collMod: 'games', changeStreamPreAndPostImages: { enabled: true } });
    await client.close();
    const app = await startGames({ database, root: { watchFullDocument: 'required' } });
    await app.close();
  });
});

describe('a feed that is cut', () => {
  /** How long it stays cut after that was noticed, in ms; `npm run proof` cuts for longer. */
  const cutMs = Number(process.env['PROOF_CUT_MS'] ?? 0);
  /** How often it is read at least while it is cut. */
  const fewestReads = 20;

  it('costs freshness until it heals, and never a version that was served before', async () => {
    const port = Number(new URL(testUri()).port);
    const proxy = await startLossyProxy(port);
    const here = await startGames({ database, uri: proxy.uri, root: { cacheTTL: 0 } });
    const there = await startGames({ database });
    try {
      const { document } = await there.games.findOneAndUpsert({ name: 'cut' }, 'creator');
      expect((await here.games.findOne(document._id))?.version).toBe(1);
      proxy.lose('request', 'getMore', 1_000_000);
      for (let turn = 0; turn < 5; turn++) await there.games.findOneAndUpdate(document._id, addGold, 'writer');
      await until(() => here.games.feedStatus().state !== 'live' || here.games.feedStatus().restarts > 0, 'the cut is noticed');
      const served = [1]; // before the cut
      const end = performance.now() + cutMs;
      do {
        served.push((await here.games.findOne(document._id))?.version ?? 0);
        await pause(5);
      } while (served.length <= fewestReads || performance.now() < end);
      expect(served).toEqual(served.toSorted((a, b) => a - b));
      expect((await here.games.findOneAndUpdate(document._id, addGold, 'truth')).document).toMatchObject({ version: 7, gold: 6 });
      proxy.lose('request', 'getMore', 0);
      await there.games.findOneAndUpdate(document._id, addGold, 'writer');
      await until(async () => (await here.games.findOne(document._id))?.version === 8, 'the new version');
      await until(() => here.games.feedStatus().state === 'live', 'it has healed');
    } finally {
      await here.close();
      await there.close();
      await proxy.close();
    }
  }, 60_000 + 2 * cutMs);

  it('leaves no cursor open after the application is closed', async () => {
    // of its own: a stream that was cut off keeps its cursor on the server for a while
    const quiet = databaseName('coherence_quiet');
    await dropDatabase(quiet);
    const app = await startGames({ database: quiet });
    await until(async () => (await openStreams(app.connection)).length > 0, 'its stream is open');
    const witness = await startGames({ database: quiet, root: { watchEnabled: false } });
    await app.close();
    await until(async () => (await openStreams(witness.connection)).length === 0, 'no stream is open');
    await witness.close();
  });
});
