import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import mongoose from 'mongoose';
import { consistent } from '../support/consistent.js';
import { databaseName, dropDatabase, type Game, type GamesApp, startGames } from '../support/games.js';
import { Log } from '../support/log.js';
import { until } from '../support/until.js';

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
