import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import mongoose from 'mongoose';
import { databaseName, dropDatabase, type GamesApp, startGames } from '../support/games.js';
import { recount } from '../support/recount.js';

const database = databaseName('races');

describe('races between two applications on one replica set', () => {
  let first: GamesApp;
  let second: GamesApp;

  beforeAll(async () => {
    await dropDatabase(database);
    first = await startGames({ database });
    second = await startGames({ database });
  });
  afterAll(async () => {
    await first?.close();
    await second?.close();
  });

  it('row 12: 16 writers of two applications make 50 increments each, and none is lost, doubled or out of order', async () => {
    const { document } = await first.games.findOneAndUpsert({ name: 'hot' }, 'creator');
    const writer = async (app: GamesApp, name: string): Promise<void> => {
      for (let edit = 0; edit < 50; edit++) {
        await app.games.findOneAndUpdate(document._id, (game) => void (game.gold += 1), name);
      }
    };
    await Promise.all(Array.from({ length: 16 }, (_, index) => writer(index % 2 === 0 ? first : second, `writer-${index}`)));

    const found = await recount(first.documents(), first.events(), document._id);
    expect(found.stored).toMatchObject({ gold: 800, version: 801 });
    expect(found.numbers).toEqual(Array.from({ length: 801 }, (_, index) => index + 1));
    expect(found.operations).toEqual(['create', ...Array.from({ length: 800 }, () => 'update')]);
    expect(new Set(found.operationIds).size).toBe(801);
    expect(found.state).toEqual(found.stored);
  });

  it('row 3: 16 racing creators of one id make one document and one create event, and all get the document', async () => {
    const _id = new mongoose.Types.ObjectId();
    const answers = await Promise.all(
      Array.from({ length: 16 }, (_, index) => (index % 2 === 0 ? first : second).games.findOneAndUpsert({ _id, name: `by ${index}` }, `creator-${index}`)),
    );
    const winners = answers.filter(({ created }) => created);
    expect(winners).toHaveLength(1);
    for (const { document } of answers) expect(document).toEqual(winners[0]?.document);
    const found = await recount(first.documents(), first.events(), _id);
    expect(found).toMatchObject({ numbers: [1], operations: ['create'] });
  });

  it('row 30: racing deletes leave one delete event, the others learn that there was nothing to delete', async () => {
    const { document } = await first.games.findOneAndUpsert({ name: 'doomed' }, 'creator');
    const answers = await Promise.all(Array.from({ length: 16 }, (_, index) => (index % 2 === 0 ? first : second).games.deleteOne(document._id, `deleter-${index}`)));
    expect(answers.filter(({ deleted }) => deleted)).toEqual([{ deleted: true, version: 2 }]);
    expect(answers.filter(({ deleted }) => !deleted)).toHaveLength(15);
    expect(await recount(first.documents(), first.events(), document._id)).toMatchObject({ numbers: [1, 2], operations: ['create', 'delete'], stored: null });
  });

  it('row 30: deletes that race with updates and re-creates leave a strictly ordered history that folds to the document', async () => {
    const _id = new mongoose.Types.ObjectId();
    const step = async (app: GamesApp, turn: number): Promise<void> => {
      if (turn % 3 === 0) await app.games.findOneAndUpsert({ _id, name: `life ${turn}` }, 'creator');
      else if (turn % 3 === 1) await app.games.findOneAndUpdate(_id, (game) => void (game.gold += 1), 'editor').catch(ignoreMissing);
      else await app.games.deleteOne(_id, 'deleter');
    };
    await Promise.all(
      Array.from({ length: 12 }, async (_, writer) => {
        for (let turn = 0; turn < 20; turn++) await step(writer % 2 === 0 ? first : second, turn + writer);
      }),
    );
    const found = await recount(first.documents(), first.events(), _id);
    expect(found.numbers).toEqual(Array.from({ length: found.numbers.length }, (_, index) => index + 1));
    expect(found.numbers.length).toBeGreaterThan(3);
    expect(found.state).toEqual(found.stored);
  });
});

function ignoreMissing(error: Error & { code?: string }): void {
  if (error.code !== 'DOCUMENT_NOT_FOUND') throw error;
}
