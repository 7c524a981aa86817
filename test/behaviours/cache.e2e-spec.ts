import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import mongoose from 'mongoose';
import { commandsDuring, readsOf } from '../support/commands.js';
import { consistent } from '../support/consistent.js';
import { copyOf, databaseName, dropDatabase, type Game, type GamesApp, startGames } from '../support/games.js';
import { SharedCache } from '../support/shared-cache.js';
import { gate, nextTurn, until } from '../support/until.js';

const { ObjectId } = mongoose.Types;
const database = databaseName('cache');

describe('the cache', () => {
  let first: GamesApp;
  let second: GamesApp;

  beforeAll(async () => {
    await dropDatabase(database);
    first = await startGames({ database, client: { monitorCommands: true } });
    second = await startGames({ database });
  });
  afterAll(async () => {
    await first?.close();
    await second?.close();
  });

  const addGold = (game: Game): void => void (game.gold += 1);
  const create = async (data: Partial<Game> = {}): Promise<Game> => {
    const { document } = await first.games.findOneAndUpsert({ name: 'raid', ...data }, 'creator');
    await first.games.findOne(document._id);
    return document;
  };
  /** How often an application asks the database for a document while it looks for it. */
  const reads = async (app: GamesApp, id: mongoose.Types.ObjectId, run: () => Promise<unknown> = () => app.games.findOne(id)): Promise<number> => readsOf(await commandsDuring(app.connection, run), 'games', id);
  /** What a shared cache holds, once something was put: a put is not waited for. */
  const entriesOf = async (shared: SharedCache, count = 1): Promise<[string, string][]> => {
    await until(() => shared.entries.size === count, 'it is in the cache');
    return [...shared.entries] as [string, string][];
  };

  /** Changes everything in a document that can be changed. */
  function ruin(document: unknown): void {
    const game = document as Game & Record<string, unknown>;
    game.gold = -1;
    game.lastUpdated?.setTime(0);
    game.tags?.push('ruined');
    const extra = game.extra as { list: { when: Date }[]; bytes: mongoose.mongo.Binary };
    extra.list[0]?.when.setTime(0);
    extra.list.push({ when: new Date(0) });
    extra.bytes.buffer[0] = 0;
    game['another'] = 'field';
  }
  const rich = (): Partial<Game> => ({ gold: 5, lastUpdated: new Date(9), tags: ['a'], extra: { list: [{ when: new Date(7) }], bytes: Buffer.from([1, 2]) } });
  const intact = (version: number): object => ({
    name: 'raid',
    gold: 5,
    lastUpdated: new Date(9),
    tags: ['a'],
    extra: { list: [{ when: new Date(7) }], bytes: expect.objectContaining({ buffer: expect.objectContaining({ 0: 1, 1: 2 }) }) },
    version,
  });

  it('row 45: what a caller does to a document it was given reaches nobody: not the cache, not the history, not the next write', async () => {
    const { document } = await first.games.findOneAndUpsert({ name: 'raid', ...rich() }, 'creator');
    const id = document._id;
    await nextTurn(); // now the cache has what was written
    ruin(document);
    expect(await first.games.findOne(id)).toMatchObject(intact(1));

    ruin(await first.games.findOne(id));
    ruin(await first.games.findOne(id));
    ruin(await first.games.findOne(id, { fresh: true }));
    ruin(await second.games.findOne(id)); // not in its cache before
    expect(await second.games.findOne(id)).toMatchObject(intact(1));
    ruin((await first.games.findMany({ _id: id }))[0]);
    ruin((await first.games.findOneAndUpsert({ _id: id, name: 'x' }, 'creator')).document);
    ruin((await first.games.findOneAndUpdate(id, () => undefined, 'editor')).document);
    ruin(await first.games.stateAt(id, { version: 1 }));
    for (const event of await first.games.getMissingEvents(id, 0)) if (event.operation === 'create') ruin(event.createdDoc);
    expect(await first.games.findOne(id)).toMatchObject(intact(1));

    const { document: changed, diff } = await first.games.findOneAndUpdate(id, (game) => void (game.experience = 1), 'editor');
    expect(changed).toMatchObject(intact(2));
    expect(diff.set).toEqual({ experience: 1 });
    await nextTurn();
    ruin(changed);
    expect(await first.games.findOne(id)).toMatchObject(intact(2));
    expect(await consistent(first, id)).toMatchObject({ stored: intact(2) });
  });

  it('row 45: what a caller keeps from its own edit, or does to its input later, reaches nobody', async () => {
    const input = rich();
    const { document } = await first.games.findOneAndUpsert({ name: 'raid', ...input }, 'creator');
    const id = document._id;
    input.lastUpdated?.setTime(0);
    input.tags?.push('ruined');
    expect(await first.games.findOne(id)).toMatchObject(intact(1));

    const kept: unknown[] = [];
    const shared = { when: new Date(7) };
    await first.games.findOneAndUpdate(id, (game) => void kept.push(game, (game.extra = { list: [shared], bytes: Buffer.from([1, 2]) }), (game.experience = 1)), 'editor');
    const returned: { tags: string[] } = { tags: ['a'] };
    await first.games.findOneAndUpdate(id, (game) => copyOf(game, { ...returned, experience: 2 }), 'editor');
    shared.when.setTime(0);
    returned.tags.push('ruined');
    ruin(kept[0]);
    expect(await first.games.findOne(id)).toMatchObject({ ...intact(3), experience: 2 });
    expect(await consistent(first, id)).toMatchObject({ stored: { ...intact(3), experience: 2 } });
  });

  it('row 45: two readers of one document get two copies', async () => {
    const { _id } = await create({ tags: ['a'] });
    const [one, other] = await Promise.all([first.games.findOne(_id), first.games.findOne(_id)]);
    expect(one).not.toBe(other);
    one?.tags?.push('mine');
    expect(other?.tags).toEqual(['a']);
    const [fresh, alsoFresh] = await Promise.all([first.games.findOne(_id, { fresh: true }), first.games.findOne(_id, { fresh: true })]);
    expect(fresh?.tags).not.toBe(alsoFresh?.tags);
  });

  it('row 46: what another process wrote is seen at the latest when cacheTTL is over', async () => {
    let now = 1_000_000;
    const app = await startGames({ database, root: { now: () => now, cacheTTL: 60_000 } });
    try {
      const { _id } = await create();
      await app.games.findOne(_id);
      await second.games.findOneAndUpdate(_id, addGold, 'other-process');
      now += 60_001;
      expect(await app.games.findOne(_id)).toMatchObject({ gold: 1, version: 2 });
    } finally {
      await app.close();
    }
  });

  it('row 46: a cacheTTL of 0 keeps a document until it is evicted', async () => {
    let now = 1_000_000;
    const app = await startGames({ database, root: { now: () => now, cacheTTL: 0 }, client: { monitorCommands: true } });
    try {
      const { _id } = await create();
      await app.games.findOne(_id);
      now += 10 * 365 * 86_400_000;
      expect(await reads(app, _id)).toBe(0);
    } finally {
      await app.close();
    }
  });

  it('row 47: a slow reader does not replace a newer entry of a shared cache by the older document it had read', async () => {
    const shared = new SharedCache();
    const { passed, open } = gate();
    let asked = 0;
    const slow = {
      get: async (key: string) => {
        asked++;
        if (asked === 2) await passed; // the look before it puts what it has read
        return shared.get(key);
      },
      set: (key: string, value: unknown) => shared.set(key, value),
      del: (key: string) => shared.del(key),
    };
    // without feeds: those look into the cache and put into it as well
    const slowApp = await startGames({ database, root: { cache: slow, cacheTimeoutMs: 0, watchEnabled: false } });
    const quickApp = await startGames({ database, root: { cache: shared, watchEnabled: false } });
    try {
      const { _id } = await create();
      const reading = slowApp.games.findOne(_id);
      await until(() => asked === 2, 'the slow reader is about to put version 1');
      await quickApp.games.findOneAndUpdate(_id, addGold, 'quick');
      await until(() => shared.entries.size === 1, 'version 2 is in the cache');
      open();
      expect(await reading).toMatchObject({ version: 1 });
      expect(await slowApp.games.findOne(_id)).toMatchObject({ gold: 1, version: 2 });
      expect(await quickApp.games.findOne(_id)).toMatchObject({ gold: 1, version: 2 });
      expect(shared.calls.set).toBe(1);
    } finally {
      await slowApp.close();
      await quickApp.close();
    }
  });

  it('row 47: an old entry that turns up in a shared cache is not served by a process that knows better, and decides no write', async () => {
    const shared = new SharedCache();
    const app = await startGames({ database, root: { cache: shared } });
    try {
      const { document } = await app.games.findOneAndUpsert({ name: 'raid' }, 'creator');
      await app.games.findOne(document._id);
      const [[key, old]] = (await entriesOf(shared)) as [[string, string]];
      await app.games.findOneAndUpdate(document._id, addGold, 'editor');
      await until(() => shared.entries.has(key) && shared.entries.get(key) !== old, 'version 2 is in the cache');
      shared.entries.set(key, old);
      expect(await app.games.findOne(document._id)).toMatchObject({ gold: 1, version: 2 });
      shared.entries.set(key, old);
      expect((await app.games.findOneAndUpdate(document._id, addGold, 'editor')).document).toMatchObject({ gold: 2, version: 3 });
    } finally {
      await app.close();
    }
  });

  it('row 47: a cache that keeps answering an old entry, whatever is put or dropped, costs a retry and never the write', async () => {
    const shared = new SharedCache();
    const writer = await startGames({ database, root: { cache: shared } });
    const stubborn = { get: (key: string) => shared.get(key), set: () => Promise.resolve(), del: () => Promise.resolve() };
    const app = await startGames({ database, root: { cache: stubborn } });
    try {
      const { document } = await writer.games.findOneAndUpsert({ name: 'raid' }, 'creator');
      await writer.games.findOne(document._id);
      for (let gold = 1; gold <= 3; gold++) {
        await second.games.findOneAndUpdate(document._id, addGold, 'other-process');
        const attempts: number[] = [];
        const answer = await app.games.findOneAndUpdate(document._id, (game, { attempt }) => (attempts.push(attempt), addGold(game)), 'editor');
        expect(answer.document).toMatchObject({ gold: 2 * gold, version: 2 * gold + 1 });
        expect(attempts.length).toBeLessThanOrEqual(2);
      }
      expect(await consistent(first, document._id)).toMatchObject({ stored: { gold: 6, version: 7 } });
    } finally {
      await app.close();
      await writer.close();
    }
  });

  it.each<[string, (entry: string) => unknown]>([
    ['nonsense', () => 'nonsense'],
    ['an object', () => ({ version: 99, image: { gold: 99 } })],
    ['bytes', () => Buffer.from('x')],
    ['cut off', (entry) => entry.slice(0, -5)],
    ['a number', () => 0],
    ['null', () => null],
  ])('row 47: an entry of a shared cache that is %s counts as none', async (_, spoil) => {
    const shared = new SharedCache();
    const app = await startGames({ database, root: { cache: shared } });
    try {
      const { document } = await app.games.findOneAndUpsert({ name: 'raid', gold: 7 }, 'creator');
      await app.games.findOne(document._id);
      const [[key, entry]] = (await entriesOf(shared)) as [[string, string]];
      shared.entries.set(key, spoil(entry));
      expect(await app.games.findOne(document._id)).toEqual(document);
      shared.entries.set(key, spoil(entry));
      expect((await app.games.findOneAndUpdate(document._id, addGold, 'editor')).document).toMatchObject({ gold: 8, version: 2 });
    } finally {
      await app.close();
    }
  });

  it('row 47: an entry of one document under the key of another counts as none', async () => {
    const shared = new SharedCache();
    const app = await startGames({ database, root: { cache: shared } });
    try {
      const [one, other] = [await app.games.findOneAndUpsert({ name: 'one' }, 'creator'), await app.games.findOneAndUpsert({ name: 'other' }, 'creator')];
      await Promise.all([app.games.findOne(one.document._id), app.games.findOne(other.document._id)]);
      const [[key], [, value]] = (await entriesOf(shared, 2)) as [[string, string], [string, string]];
      shared.entries.set(key, value);
      for (const { document } of [one, other]) expect(await app.games.findOne(document._id)).toEqual(document);
    } finally {
      await app.close();
    }
  });

  it('row 48: a process reads what it wrote, at once and from the cache', async () => {
    const { _id } = await create();
    for (let gold = 1; gold <= 20; gold++) {
      const { document } = await first.games.findOneAndUpdate(_id, addGold, 'editor');
      expect(await first.games.findOne(_id)).toEqual(document);
    }
    expect(await reads(first, _id)).toBe(0);
    await first.games.deleteOne(_id, 'deleter');
    expect(await first.games.findOne(_id)).toBeNull();
    const { document } = await first.games.findOneAndUpsert({ _id, name: 'again' }, 'creator');
    expect(await first.games.findOne(_id)).toEqual(document);
  });

  it('row 48: a process never reads less than it wrote, however many readers load the document while it writes', async () => {
    const app = await startGames({ database, root: { cache: false } });
    try {
      const { _id } = await create();
      let written = 1;
      const run = { isOver: false };
      const reader = async (): Promise<void> => {
        while (!run.isOver) {
          const atLeast = written;
          const found = await app.games.findOne(_id);
          expect(found?.version).toBeGreaterThanOrEqual(atLeast);
        }
      };
      const writer = async (): Promise<void> => {
        for (let turn = 0; turn < 60; turn++) written = (await app.games.findOneAndUpdate(_id, addGold, 'editor')).document.version;
        run.isOver = true;
      };
      await Promise.all([writer(), reader(), reader(), reader()]);
      expect(written).toBe(61);
    } finally {
      await app.close();
    }
  });

  it('row 48: a fresh read sees what another process wrote, and so does every read after it', async () => {
    const { _id } = await create();
    await second.games.findOneAndUpdate(_id, addGold, 'other-process');
    expect(await first.games.findOne(_id, { fresh: true })).toMatchObject({ gold: 1, version: 2 });
    expect(await first.games.findOne(_id)).toMatchObject({ gold: 1, version: 2 });
    await second.games.deleteOne(_id, 'other-process');
    expect(await first.games.findOne(_id, { fresh: true })).toBeNull();
    expect(await first.games.findOne(_id)).toBeNull();
  });

  it('row 49: what was read with a projection is never served as the document', async () => {
    const { _id } = await create({ gold: 5, tags: ['a'] });
    const cold = await startGames({ database, client: { monitorCommands: true } });
    try {
      expect(await cold.games.findMany({ _id }, { projection: { gold: 1 } })).toEqual([{ _id, gold: 5 }]);
      expect(await cold.games.findOne(_id)).toEqual({ _id, name: 'raid', gold: 5, experience: 0, tags: ['a'], version: 1 });
      expect(await cold.games.findMany({ _id }, { projection: { tags: 0, version: 0 } })).toEqual([{ _id, name: 'raid', gold: 5, experience: 0 }]);
      expect(await cold.games.findOne(_id)).toEqual({ _id, name: 'raid', gold: 5, experience: 0, tags: ['a'], version: 1 });
      expect((await cold.games.findOneAndUpdate(_id, addGold, 'editor')).document).toMatchObject({ gold: 6, tags: ['a'], version: 2 });
    } finally {
      await cold.close();
    }
  });

  it('row 50: a hundred readers of a document that is in no cache make one read of the database, and each gets its own copy', async () => {
    const { _id } = await create({ tags: ['a'] });
    const cold = await startGames({ database, client: { monitorCommands: true } });
    try {
      let answers: (Game | null)[] = [];
      expect(await reads(cold, _id, async () => (answers = await Promise.all(Array.from({ length: 100 }, () => cold.games.findOne(_id)))))).toBe(1);
      expect(new Set(answers).size).toBe(100);
      expect(new Set(answers.map((answer) => answer?.tags)).size).toBe(100);
      expect(await reads(cold, _id)).toBe(0);
    } finally {
      await cold.close();
    }
  });

  it('row 50: a failed read is the failure of all who waited for it, and of nobody after them', async () => {
    const { _id } = await create();
    const cold = await startGames({ database, client: { monitorCommands: true } });
    try {
      await cold.connection.getClient().close();
      const failed = await Promise.allSettled(Array.from({ length: 5 }, () => cold.games.findOne(_id)));
      expect(failed.map(({ status }) => status)).toEqual(Array.from({ length: 5 }, () => 'rejected'));
      await cold.connection.getClient().connect();
      expect(await cold.games.findOne(_id)).toMatchObject({ name: 'raid' });
    } finally {
      await cold.close();
    }
  });

  it('row 50: the cache keeps to its bytes: the documents that were not used for longest go first', async () => {
    const documents = await Promise.all(Array.from({ length: 8 }, (_, index) => create({ name: `game ${index}`, extra: 'x'.repeat(2_000) })));
    const small = await startGames({ database, root: { cacheMaxBytes: 10_000 }, client: { monitorCommands: true } });
    try {
      const [oldest] = documents as [Game];
      const newest = documents.at(-1) as Game;
      for (const { _id } of documents) await small.games.findOne(_id);
      expect(await reads(small, newest._id)).toBe(0);
      expect(await reads(small, oldest._id)).toBe(1);
    } finally {
      await small.close();
    }
  });

  it('row 50: cache: false asks the database every time', async () => {
    const { _id } = await create();
    const app = await startGames({ database, root: { cache: false }, client: { monitorCommands: true } });
    try {
      for (let turn = 0; turn < 3; turn++) expect(await reads(app, _id)).toBe(1);
    } finally {
      await app.close();
    }
  });

  it('row 50: an unknown id is asked for each time, so that it is found once it exists', async () => {
    const _id = new ObjectId();
    expect(await first.games.findOne(_id)).toBeNull();
    await second.games.findOneAndUpsert({ _id, name: 'raid' }, 'other-process');
    expect(await first.games.findOne(_id)).toMatchObject({ name: 'raid', version: 1 });
  });

  it('row 51: the cache follows a transaction after its commit only: readers see the state before until then, and never what was aborted', async () => {
    const { _id } = await create();
    await first.games.withTransaction(async (session) => {
      await first.games.findOneAndUpdate(_id, addGold, 'editor', { session });
      await nextTurn();
      for (let look = 0; look < 5; look++) {
        expect(await first.games.findOne(_id)).toMatchObject({ gold: 0, version: 1 });
        expect(await first.games.findOne(_id, { session })).toMatchObject({ gold: 1, version: 2 });
      }
    });
    expect(await first.games.findOne(_id)).toMatchObject({ gold: 1, version: 2 });

    const aborted = first.games.withTransaction(async (session) => {
      await first.games.findOneAndUpdate(_id, (game) => void (game.gold = 99), 'editor', { session });
      expect(await first.games.findOne(_id, { session })).toMatchObject({ gold: 99 });
      throw new Error('changed my mind');
    });
    await expect(aborted).rejects.toThrow('changed my mind');
    expect(await first.games.findOne(_id)).toMatchObject({ gold: 1, version: 2 });
    expect((await first.games.findOneAndUpdate(_id, addGold, 'editor')).document).toMatchObject({ gold: 2, version: 3 });
    expect(await consistent(first, _id)).toMatchObject({ numbers: [1, 2, 3] });
  });

  it('row 51: a delete and a create in a transaction that is aborted leave the cache right, too', async () => {
    const { _id } = await create({ gold: 3 });
    const newcomer = new ObjectId();
    const aborted = first.games.withTransaction(async (session) => {
      await first.games.deleteOne(_id, 'deleter', { session });
      await first.games.findOneAndUpsert({ _id: newcomer, name: 'new' }, 'creator', { session });
      expect(await first.games.findOne(_id, { session })).toBeNull();
      throw new Error('no');
    });
    await expect(aborted).rejects.toThrow('no');
    expect(await first.games.findOne(_id)).toMatchObject({ gold: 3, version: 1 });
    expect(await first.games.findOne(newcomer)).toBeNull();
  });
});
