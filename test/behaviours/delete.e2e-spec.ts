import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import mongoose from 'mongoose';
import { changesDuring } from '../support/commits.js';
import { consistent } from '../support/consistent.js';
import { databaseName, dropDatabase, type Game, type GamesApp, startGames } from '../support/games.js';
import { everythingStored } from '../support/traces.js';

const { ObjectId } = mongoose.Types;
const database = databaseName('delete');

describe('deleting documents', () => {
  let first: GamesApp;
  let second: GamesApp;

  beforeAll(async () => {
    await dropDatabase(database);
    first = await startGames({ database, root: { watchEnabled: false } });
    second = await startGames({ database });
  });
  afterAll(async () => {
    await first?.close();
    await second?.close();
  });

  /** The first application has it in its cache, for sure. */
  const create = async (data: Partial<Game> = {}): Promise<Game> => {
    const { document } = await first.games.findOneAndUpsert({ name: 'raid', ...data }, 'creator');
    await first.games.findOne(document._id);
    return document;
  };
  const addGold = (game: Game): void => void (game.gold += 1);

  it('row 28: a delete removes the document and leaves its last state as the next event, in one commit', async () => {
    const document = await create({ gold: 7, extra: { when: new Date(1) } });
    let answer: unknown;
    const changes = await changesDuring(first.connection, async () => {
      answer = await first.games.deleteOne(document._id, 'admin-panel');
    });
    expect(answer).toEqual({ deleted: true, version: 2 });
    expect(changes.map(({ collection, operation }) => `${operation} ${collection}`).toSorted()).toEqual(['delete games', 'insert games_events']);
    expect(new Set(changes.map(({ transaction }) => transaction)).size).toBe(1);
    expect(changes[0]?.transaction).toBeDefined();
    expect(await first.games.findOne(document._id)).toBeNull();
    expect(await second.games.findOne(document._id)).toBeNull();
    expect(await first.games.getMissingEvents(document._id, 1)).toEqual([
      {
        documentId: document._id,
        serverSeq: 2,
        operation: 'delete',
        clientId: 'admin-panel',
        timestamp: expect.any(Date),
        operationId: expect.stringMatching(/./),
        deletedDoc: document,
      },
    ]);
    expect(await consistent(first, document._id)).toMatchObject({ numbers: [1, 2], operations: ['create', 'delete'], stored: null });
  });

  it('row 28: a delete that was decided on an old copy removes, and remembers, what is there now', async () => {
    const { _id } = await create();
    await second.games.findOneAndUpdate(_id, addGold, 'other-process');
    expect(await first.games.deleteOne(_id, 'deleter')).toEqual({ deleted: true, version: 3 });
    expect(await first.games.getMissingEvents(_id, 2)).toMatchObject([{ serverSeq: 3, operation: 'delete', deletedDoc: { gold: 1, version: 2 } }]);
    expect(await consistent(first, _id)).toMatchObject({ numbers: [1, 2, 3], operations: ['create', 'update', 'delete'], stored: null });
  });

  it('row 29: deleting what was never there writes nothing', async () => {
    const before = await everythingStored(first.connection);
    expect(await first.games.deleteOne(new ObjectId(), 'deleter')).toEqual({ deleted: false, version: 0 });
    expect(await everythingStored(first.connection)).toEqual(before);
  });

  it('row 29: deleting twice leaves one delete event, and the second answer names its number', async () => {
    const { _id } = await create();
    await first.games.deleteOne(_id, 'deleter');
    const before = await everythingStored(first.connection);
    for (const app of [first, second]) expect(await app.games.deleteOne(_id, 'deleter')).toEqual({ deleted: false, version: 2 });
    expect(await everythingStored(first.connection)).toEqual(before);
  });

  it('row 29: "nothing to delete" is never believed on old knowledge: what another process created again is deleted', async () => {
    const { _id } = await create();
    await first.games.deleteOne(_id, 'deleter');
    await second.games.findOneAndUpsert({ _id, name: 'second life' }, 'other-process');
    expect(await first.games.deleteOne(_id, 'deleter')).toEqual({ deleted: true, version: 4 });
  });

  it('row 29: with throwIfMissing a delete of nothing is an error', async () => {
    const { _id } = await create();
    await first.games.deleteOne(_id, 'deleter', { throwIfMissing: true });
    const before = await everythingStored(first.connection);
    for (const id of [_id, new ObjectId()]) {
      await expect(first.games.deleteOne(id, 'deleter', { throwIfMissing: true })).rejects.toMatchObject({ name: 'DocumentNotFoundError', code: 'DOCUMENT_NOT_FOUND' });
    }
    expect(await everythingStored(first.connection)).toEqual(before);
  });

  it('row 30: an update that is overtaken by a delete finds the document gone, and is not written', async () => {
    const { _id } = await create();
    const edit = jest.fn(async (game: Game) => {
      await second.games.deleteOne(_id, 'faster');
      game.gold = 99;
    });
    await expect(first.games.findOneAndUpdate(_id, edit, 'slower')).rejects.toMatchObject({ code: 'DOCUMENT_NOT_FOUND' });
    expect(edit).toHaveBeenCalledTimes(1);
    expect(await consistent(first, _id)).toMatchObject({ numbers: [1, 2], operations: ['create', 'delete'], stored: null });
  });

  it('row 30: an update that is overtaken by a delete and a new create is made on the new life', async () => {
    const { _id } = await create({ gold: 5 });
    const { document } = await first.games.findOneAndUpdate(
      _id,
      async (game, { attempt }) => {
        if (attempt === 1) {
          await second.games.deleteOne(_id, 'faster');
          await second.games.findOneAndUpsert({ _id, name: 'second life', gold: 50 }, 'faster');
        }
        game.gold += 1;
      },
      'slower',
    );
    expect(document).toMatchObject({ name: 'second life', gold: 51, version: 4 });
    expect(await consistent(first, _id)).toMatchObject({ operations: ['create', 'delete', 'create', 'update'] });
  });

  it('row 30: deletes of two applications that race leave one delete event, and the losers learn its number', async () => {
    for (let round = 0; round < 10; round++) {
      const { _id } = await create();
      const answers = await Promise.all(Array.from({ length: 6 }, (_, index) => (index % 2 === 0 ? first : second).games.deleteOne(_id, `deleter-${index}`)));
      expect(answers.filter(({ deleted }) => deleted)).toEqual([{ deleted: true, version: 2 }]);
      expect(answers.map(({ version }) => version)).toEqual([2, 2, 2, 2, 2, 2]);
      expect(await consistent(first, _id)).toMatchObject({ numbers: [1, 2], stored: null });
    }
  });

  it('row 31: a document that is created again goes on with the next number, whoever does it', async () => {
    const { _id } = await create({ gold: 1 });
    for (const app of [first, second]) {
      await app.games.deleteOne(_id, 'deleter');
      await app.games.findOneAndUpsert({ _id, name: 'next life', gold: 2 }, 'creator');
    }
    expect(await first.games.findOne(_id, { fresh: true })).toEqual({ _id, name: 'next life', gold: 2, experience: 0, tags: [], version: 5 });
    expect(await consistent(first, _id)).toMatchObject({ operations: ['create', 'delete', 'create', 'delete', 'create'] });
  });

  it('row 31: several lives within one burst of calls are numbered in their order', async () => {
    const { _id } = await create();
    const answers = await Promise.all([
      first.games.findOneAndUpdate(_id, addGold, 'a'),
      first.games.deleteOne(_id, 'b'),
      first.games.findOneAndUpsert({ _id, name: 'second life' }, 'c'),
      first.games.findOneAndUpdate(_id, addGold, 'd'),
      first.games.deleteOne(_id, 'e'),
      first.games.deleteOne(_id, 'f'),
      first.games.findOneAndUpsert({ _id, name: 'third life' }, 'g'),
    ]);
    expect(answers).toMatchObject([
      { document: { gold: 1, version: 2 } },
      { deleted: true, version: 3 },
      { created: true, document: { name: 'second life', version: 4 } },
      { document: { gold: 1, version: 5 } },
      { deleted: true, version: 6 },
      { deleted: false, version: 6 },
      { created: true, document: { name: 'third life', version: 7 } },
    ]);
    expect(await consistent(first, _id)).toMatchObject({
      operations: ['create', 'update', 'delete', 'create', 'update', 'delete', 'create'],
      stored: { name: 'third life', version: 7 },
    });
  });

  it('row 31: questions are answered right across lives', async () => {
    const { _id } = await create({ gold: 1 });
    await first.games.findOneAndUpdate(_id, addGold, 'editor');
    await first.games.deleteOne(_id, 'deleter');
    await second.games.findOneAndUpsert({ _id, name: 'second life' }, 'creator');
    await second.games.findOneAndUpdate(_id, addGold, 'editor');
    for (const app of [first, second]) {
      expect((await app.games.getMissingEvents(_id, 1)).map(({ serverSeq, operation }) => `${serverSeq} ${operation}`)).toEqual(['2 update', '3 delete', '4 create', '5 update']);
      const states = await Promise.all([0, 1, 2, 3, 4, 5].map((version) => app.games.stateAt(_id, { version })));
      expect(states).toMatchObject([null, { gold: 1, version: 1 }, { gold: 2, version: 2 }, null, { name: 'second life', gold: 0, version: 4 }, { gold: 1, version: 5 }]);
      expect(states[3]).toBeNull();
      expect((await app.games.getEvents(_id, { operation: 'create' })).events.map(({ serverSeq }) => serverSeq)).toEqual([1, 4]);
      expect(await app.games.getEventsWithSnapshot(_id)).toMatchObject({ snapshot: null, events: [1, 2, 3, 4, 5].map((serverSeq) => ({ serverSeq })) });
    }
  });

  it('row 31: a process that still remembers the old life reads and edits the new one after its own write', async () => {
    const { _id } = await create({ gold: 5 });
    await second.games.deleteOne(_id, 'other-process');
    await second.games.findOneAndUpsert({ _id, name: 'second life' }, 'other-process');
    const { document } = await first.games.findOneAndUpdate(_id, addGold, 'editor');
    expect(document).toMatchObject({ name: 'second life', gold: 1, version: 4 });
    expect(await first.games.findOne(_id)).toEqual(document);
  });

  it('row 32: an update or delete for a version that is no longer there is refused at once, with what was missed', async () => {
    const { _id } = await create();
    await second.games.findOneAndUpdate(_id, addGold, 'faster');
    await second.games.findOneAndUpdate(_id, addGold, 'faster');
    const before = await everythingStored(first.connection);
    const edit = jest.fn(addGold);
    const refusal = { name: 'VersionConflictError', code: 'VERSION_CONFLICT', expected: 1, found: 3, missedEvents: [{ serverSeq: 2 }, { serverSeq: 3 }] };
    await expect(first.games.findOneAndUpdate(_id, edit, 'slower', { expectedVersion: 1 })).rejects.toMatchObject(refusal);
    await expect(first.games.deleteOne(_id, 'slower', { expectedVersion: 1 })).rejects.toMatchObject(refusal);
    expect(await everythingStored(first.connection)).toEqual(before);
  });

  it('row 32: an update or delete for the version that is there succeeds, also when the cache remembers an older one', async () => {
    const { _id } = await create();
    await second.games.findOneAndUpdate(_id, addGold, 'faster');
    const { document } = await first.games.findOneAndUpdate(_id, addGold, 'editor', { expectedVersion: 2 });
    expect(document).toMatchObject({ gold: 2, version: 3 });
    await second.games.findOneAndUpdate(_id, addGold, 'faster');
    expect(await first.games.deleteOne(_id, 'deleter', { expectedVersion: 4 })).toEqual({ deleted: true, version: 5 });
  });

  it('row 32: a version ahead of the document is refused too', async () => {
    const { _id } = await create();
    await expect(first.games.findOneAndUpdate(_id, addGold, 'editor', { expectedVersion: 2 })).rejects.toMatchObject({ code: 'VERSION_CONFLICT', expected: 2, found: 1 });
    await expect(first.games.deleteOne(_id, 'deleter', { expectedVersion: 2 })).rejects.toMatchObject({ code: 'VERSION_CONFLICT', expected: 2, found: 1 });
  });

  it('row 32: when the version goes away while the edit runs, the edit is not tried on another one', async () => {
    const { _id } = await create();
    const edit = jest.fn(async (game: Game) => {
      await second.games.findOneAndUpdate(_id, addGold, 'faster');
      game.name = 'too late';
    });
    await expect(first.games.findOneAndUpdate(_id, edit, 'slower', { expectedVersion: 1 })).rejects.toMatchObject({ code: 'VERSION_CONFLICT', expected: 1, found: 2 });
    expect(edit).toHaveBeenCalledTimes(1);
    expect(await consistent(first, _id)).toMatchObject({ numbers: [1, 2], stored: { name: 'raid', gold: 1 } });
  });

  it('row 32: of many who hold one version exactly one may change it', async () => {
    const { _id } = await create();
    const answers = await Promise.allSettled(
      Array.from({ length: 12 }, (_, index) => (index % 2 === 0 ? first : second).games.findOneAndUpdate(_id, (game) => void (game.gold = index + 1), `editor-${index}`, { expectedVersion: 1 })),
    );
    expect(answers.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    for (const answer of answers) if (answer.status === 'rejected') expect(answer.reason).toMatchObject({ code: 'VERSION_CONFLICT', expected: 1, found: 2 });
    expect(await consistent(first, _id)).toMatchObject({ numbers: [1, 2], stored: { gold: answers.findIndex(({ status }) => status === 'fulfilled') + 1 } });
  });

  it('row 32: a delete for a version of a document that is gone says so', async () => {
    const { _id } = await create();
    await second.games.deleteOne(_id, 'faster');
    await expect(first.games.deleteOne(_id, 'slower', { expectedVersion: 1 })).rejects.toMatchObject({ code: 'VERSION_CONFLICT', expected: 1, found: null });
    await expect(first.games.findOneAndUpdate(_id, addGold, 'slower', { expectedVersion: 1 })).rejects.toMatchObject({ code: 'DOCUMENT_NOT_FOUND' });
  });
});
