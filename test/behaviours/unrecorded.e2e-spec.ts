import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import mongoose from 'mongoose';
import type { BulkResult } from 'nestjs-event-sourced-storage';
import { commandsDuring } from '../support/commands.js';
import { consistent } from '../support/consistent.js';
import { databaseName, dropDatabase, type Game, type GamesApp, startGames } from '../support/games.js';
import { Log } from '../support/log.js';
import { gate, until } from '../support/until.js';

const database = databaseName('unrecorded');
const addGold = (game: Game): void => void (game.gold += 1);

describe('changes around the storage', () => {
  let app: GamesApp;
  let log: Log;

  beforeAll(() => dropDatabase(database));
  afterEach(() => app?.close());
  afterAll(() => dropDatabase(database));

  const start = async (onUnrecordedChange?: 'warn' | 'record' | 'ignore'): Promise<void> => {
    log = new Log();
    app = await startGames({ database, logger: log, feature: onUnrecordedChange === undefined ? {} : { onUnrecordedChange } });
  };
  const create = async (): Promise<mongoose.Types.ObjectId> => (await app.games.findOneAndUpsert({ name: 'raid' }, 'creator')).document._id;
  /** Another process. What it would warn of is not mixed with what the first one does. */
  const writer = (): Promise<GamesApp> => startGames({ database, logger: log, feature: { onUnrecordedChange: 'ignore' } });
  const warned = (id: unknown): string[] => log.warnings.filter((line) => line.includes(String(id)));

  it('by default are told in the log, address first, and the cache forgets the document', async () => {
    await start();
    const id = await create();
    await app.games.findOne(id);
    await app.documents().updateOne({ _id: id }, { $set: { gold: 99 } });
    await until(() => warned(id).length > 0, 'the warning');
    expect(warned(id)[0]).toMatch(new RegExp(`^games/${id.toHexString()} was changed around the storage`));
    expect((await app.games.findOne(id))?.gold).toBe(99);
  });

  it('the writes of the storage itself are never taken for them: creates, updates, deletes, transactions, crowds', async () => {
    await start('record');
    const id = await create();
    await Promise.all(Array.from({ length: 30 }, () => app.games.findOneAndUpdate(id, addGold, 'crowd')));
    await app.games.withTransaction(async (session) => {
      await app.games.findOneAndUpdate(id, addGold, 'transaction', { session });
      await app.games.findOneAndUpsert({ name: 'second' }, 'transaction', { session });
    });
    await app.games.deleteOne(id, 'deleter');
    await app.games.findOneAndUpsert({ _id: id, name: 'again' }, 'creator');
    const marker = await create();
    await app.documents().updateOne({ _id: marker }, { $set: { gold: 1 } });
    await until(() => warned(marker).length > 0, 'the marker after all of them was seen');
    expect(log.warnings.filter((line) => line.includes('around the storage'))).toHaveLength(1);
    expect((await app.games.getMissingEvents(id, 0)).filter(({ clientId }) => clientId === 'unrecorded-change')).toEqual([]);
  });

  it('the writes of another process neither: none of its documents is even looked at', async () => {
    log = new Log();
    app = await startGames({ database, logger: log, client: { monitorCommands: true } });
    const other = await writer();
    try {
      const { games } = other;
      const ids: mongoose.Types.ObjectId[] = [];
      const marker = await create();
      const commands = await commandsDuring(app.connection, async () => {
        const { _id } = (await games.findOneAndUpsert({ name: 'life' }, 'creator')).document;
        const many = await games.createMany([{ name: 'first' }, { name: 'second' }], 'creator');
        ids.push(_id, ...many.map(made));
        for (const id of ids) await app.games.findOne(id);
        for (let turn = 0; turn < 3; turn++) await games.findOneAndUpdate(_id, addGold, 'writer');
        await games.updateMany(ids, addGold, 'writer');
        await games.revert(_id, { toVersion: 2 }, 'writer');
        await games.findOneAndUpsert({ _id, name: 'is there' }, 'writer');
        await games.deleteOne(_id, 'deleter');
        await games.findOneAndUpsert({ _id, name: 'again' }, 'creator');
        await games.revert(_id, { toVersion: 2 }, 'writer');
        await games.withTransaction(async (session) => {
          await games.findOneAndUpdate(_id, addGold, 'transaction', { session });
          await games.findOneAndUpdate(_id, addGold, 'transaction', { session });
          for (const id of ids.slice(1)) await games.deleteOne(id, 'transaction', { session });
          ids.push((await games.findOneAndUpsert({ name: 'third' }, 'transaction', { session })).document._id);
        });
        await app.documents().updateOne({ _id: marker }, { $set: { gold: 1 } });
        await until(() => warned(marker).length > 0, 'the marker after all of them was seen');
      });
      // whoever is told of looks at its history; a cache that is kept up does not
      const looksAt = (id: mongoose.Types.ObjectId): number => commands.filter(({ collection, filter }) => collection === 'games_events' && JSON.stringify(filter ?? '').includes(id.toHexString())).length;
      expect(looksAt(marker)).toBeGreaterThan(0);
      expect([ids.length, ...ids.map(looksAt)]).toEqual([4, 0, 0, 0, 0]);
      for (const id of ids) await consistent(other, id);
    } finally {
      await other.close();
    }
  });

  it('in a transaction of the storage are told as well: what the application does in its session is its own', async () => {
    await start();
    const id = await create();
    await app.games.findOneAndUpdate(id, addGold, 'writer');
    await app.games.findOne(id);
    // the flights of this process are left out of the feed by now
    await until(() => app.games.feedStatus().restarts > 0, 'the feed knows the sessions of this process');
    await app.games.withTransaction(async (session) => {
      await app.documents().updateOne({ _id: id }, { $set: { gold: 77 } }, { session: session as mongoose.ClientSession });
    });
    await until(() => warned(id).length > 0, 'the warning');
    await until(async () => (await app.games.findOne(id))?.gold === 77, 'the stored state');
  });

  const heard: [string, (id: mongoose.Types.ObjectId) => Promise<unknown>][] = [
    ['was told', (id) => until(() => warned(id).length > 0, 'the warning')],
    ['was read', (id) => until(async () => (await app.games.findOne(id))?.gold === 99, 'the stored value')],
  ];
  it.each(heard)('are served in the end also after the commit of a write whose edit was under way when the change %s', async (_, isHeard) => {
    log = new Log();
    app = await startGames({ database, logger: log, root: { cacheTTL: 0 } });
    const other = await writer();
    try {
      const id = await create();
      await app.games.findOne(id);
      const [entered, held] = [gate(), gate()];
      const write = app.games.findOneAndUpdate(
        id,
        async (game) => {
          entered.open();
          await held.passed;
          game.experience += 1;
        },
        'slow',
      );
      await entered.passed;
      await app.documents().updateOne({ _id: id }, { $set: { gold: 99 } });
      await isHeard(id);
      held.open();
      expect((await write).document.version).toBe(2);
      await other.games.findOneAndUpdate(id, (game) => void (game.tags = ['x']), 'other');
      await until(async () => (await app.games.findOne(id))?.version === 3, 'the write of the other');
      const stored = await app.documents().findOne({ _id: id });
      expect(stored).toMatchObject({ gold: 99, experience: 1, tags: ['x'], version: 3 });
      expect(await app.games.findOne(id)).toEqual(stored);
    } finally {
      await other.close();
    }
  });

  it('of many documents at once are all served in the end, also of those that were written since', async () => {
    log = new Log();
    app = await startGames({ database, logger: log, root: { cacheTTL: 0 } });
    const other = await writer();
    try {
      const ids = (await other.games.createMany(Array.from({ length: 300 }, (_, index) => ({ name: `many ${index}` })), 'creator')).map(made);
      await Promise.all(ids.map((id) => app.games.findOne(id)));
      await app.documents().updateMany({ _id: { $in: ids } }, { $set: { gold: 99 } });
      const written = ids.filter((_, index) => index % 3 === 0);
      await other.games.updateMany(written, (game) => void (game.experience += 1), 'other');
      await until(async () => (await Promise.all(ids.map((id) => app.games.findOne(id)))).every((game) => game?.gold === 99), 'all of them');
      await until(async () => (await Promise.all(written.map((id) => app.games.findOne(id)))).every((game) => game?.version === 2), 'those that were written');
      const stored = await app.documents().find({ _id: { $in: ids } }).sort({ _id: 1 }).toArray();
      const served = (await Promise.all(ids.map((id) => app.games.findOne(id)))).toSorted((a, b) => String(a?._id).localeCompare(String(b?._id)));
      expect(served).toEqual(stored);
    } finally {
      await other.close();
    }
  });

  const changes: [string, (id: mongoose.Types.ObjectId) => Promise<unknown>, string][] = [
    ['an update', (id) => app.documents().updateOne({ _id: id }, { $set: { gold: 50 }, $unset: { tags: '' } }), 'update'],
    ['a replacement without a version', (id) => app.documents().replaceOne({ _id: id }, { name: 'other', gold: 5 }), 'update'],
    ['a removal', (id) => app.documents().deleteOne({ _id: id }), 'delete'],
  ];
  it.each(changes)("with 'record' %s becomes an event, after which number, history and document fit again", async (_, change, operation) => {
    await start('record');
    const id = await create();
    await app.games.findOneAndUpdate(id, addGold, 'writer');
    await change(id);
    await until(async () => (await app.games.getMissingEvents(id, 2)).length > 0, 'the event');
    expect(await app.games.getMissingEvents(id, 2)).toEqual([expect.objectContaining({ operation, serverSeq: 3, clientId: 'unrecorded-change' })]);
    await consistent(app, id);
    const { document } = await app.games.findOneAndUpsert({ _id: id, name: 'on it goes' }, 'writer');
    await app.games.findOneAndUpdate(document._id, addGold, 'writer');
    await consistent(app, id);
  });

  it("with 'record' an update that counts the version itself is told, and not recorded: nobody can tell it from a history that lost its end", async () => {
    await start('record');
    const id = await create();
    await app.documents().updateOne({ _id: id }, { $set: { gold: 50 }, $inc: { version: 1 } });
    await until(() => warned(id).length > 0, 'the warning');
    expect(warned(id)[0]).toContain('could not be recorded: History of');
    expect(await app.games.getMissingEvents(id, 0)).toHaveLength(1);
  });

  it("with 'record' a document that was made around the storage gets its first event", async () => {
    await start('record');
    const _id = new mongoose.Types.ObjectId();
    await app.documents().insertOne({ _id, name: 'foundling', gold: 3 });
    await until(async () => (await app.games.getMissingEvents(_id, 0)).length > 0, 'the event');
    expect(await app.games.findOneAndUpdate(_id, addGold, 'writer')).toMatchObject({ document: { gold: 4, version: 2 } });
    await consistent(app, _id);
  });

  it("with 'record' in two processes one event is enough", async () => {
    await start('record');
    const second = await startGames({ database, feature: { onUnrecordedChange: 'record' } });
    try {
      const id = await create();
      for (let turn = 0; turn < 5; turn++) await app.documents().updateOne({ _id: id }, { $inc: { gold: 10 } });
      await until(async () => (await app.games.findOne(id, { fresh: true }))?.gold === 50 && (await app.games.stateAt(id, { at: new Date(Date.now() + 60_000) }))?.gold === 50, 'the history has caught up');
      const events = await app.games.getMissingEvents(id, 1);
      expect(events.every(({ operation, clientId }) => operation === 'update' && clientId === 'unrecorded-change')).toBe(true);
      await consistent(app, id);
    } finally {
      await second.close();
    }
  });

  it("with 'ignore' they are not told", async () => {
    await start('ignore');
    const other = new Log();
    const teller = await startGames({ database, logger: other });
    try {
      const id = await create();
      await app.documents().updateOne({ _id: id }, { $set: { gold: 99 } });
      await until(() => other.warnings.some((line) => line.includes(String(id))), 'the other one tells');
      expect(warned(id)).toEqual([]);
    } finally {
      await teller.close();
    }
  });
});

/** The id of a document that was created. */
function made(result: BulkResult<Game>): mongoose.Types.ObjectId {
  if (!result.ok) throw result.error;
  return result.value._id;
}
