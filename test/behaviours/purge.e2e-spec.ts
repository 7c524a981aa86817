import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import mongoose from 'mongoose';
import { databaseName, dropDatabase, type GamesApp, startGames } from '../support/games.js';
import { numbers, upTo } from '../support/numbers.js';
import { everythingStored } from '../support/traces.js';
import { gate } from '../support/until.js';
import { updateAt } from '../support/update-record.js';

const { ObjectId } = mongoose.Types;
type Id = mongoose.Types.ObjectId;
const database = databaseName('purge');
/** How many events the long history has: `npm run proof` takes 100,000. */
const longHistory = Number(process.env['PROOF_EVENTS'] ?? '3000');

describe('purge', () => {
  let app: GamesApp;
  /** Another process, with a cache of its own. */
  let other: GamesApp;

  beforeAll(async () => {
    await dropDatabase(database);
    app = await startGames({ database });
    other = await startGames({ database });
  });
  afterAll(async () => {
    await other?.close();
    await app?.close();
  });

  async function withHistory(length: number, id: Id = new ObjectId(), operationId?: string): Promise<Id> {
    await app.games.findOneAndUpsert({ _id: id, name: 'a very secret name', gold: 1 }, 'secret-creator', operationId === undefined ? {} : { operationId });
    await Promise.all(upTo(length, 2).map(() => app.games.findOneAndUpdate(id, (game) => void (game.gold += 1), 'secret-editor')));
    return id;
  }

  const textOf = async (id: Id): Promise<string> => {
    const all = Object.values(await everythingStored(app.connection)).flat();
    return all.filter((record) => record.includes(id.toHexString())).join('\n');
  };

  it('row 44: everything of the document goes; left are its id, a new epoch and who erased it', async () => {
    const id = await withHistory(5, new ObjectId(), 'secret-operation');
    await app.games.createSnapshot(id);
    expect(await textOf(id)).toContain('secret');
    expect(await app.games.purge(id, 'data-protection')).toEqual({ purged: true, version: 6, removed: 5 });
    const left = await textOf(id);
    expect(left).not.toContain('secret');
    expect(left).toContain('data-protection');
    expect(await app.raw('games_snapshots').countDocuments({ documentId: id })).toBe(0);
    for (const { games } of [app, other]) {
      expect(await games.findOne(id, { fresh: true })).toBeNull();
      expect(await games.getEvents(id)).toMatchObject({ floor: 5, events: [{ serverSeq: 6, operation: 'delete', clientId: 'data-protection', deletedDoc: { _id: id, version: 5 } }] });
      await expect(games.stateAt(id, { version: 5 })).rejects.toMatchObject({ name: 'HistoryCompactedError', floor: 6 });
      await expect(games.stateAt(id, { at: new Date(0) })).rejects.toMatchObject({ name: 'HistoryCompactedError', floor: 6 });
      await expect(games.getMissingEvents(id, 3)).rejects.toMatchObject({ name: 'HistoryCompactedError', floor: 6, head: 6 });
      expect(await games.stateAt(id, { version: 6 })).toBeNull();
      expect(await games.getEventsWithSnapshot(id)).toMatchObject({ snapshot: { serverSeq: 6, state: null }, events: [] });
    }
    expect(await app.games.findOne(id)).toBeNull(); // also from the cache
  });

  it('row 44: a client that knows numbers only learns of the erasure as of a delete, or that the history is gone', async () => {
    const id = await withHistory(4);
    await app.games.purge(id);
    expect(await app.games.getMissingEvents(id, 4)).toMatchObject([{ serverSeq: 5, operation: 'delete', deletedDoc: { _id: id } }]);
    expect(await app.games.getMissingEvents(id, 5)).toEqual([]);
    await expect(app.games.getMissingEvents(id, 0)).rejects.toMatchObject({ code: 'HISTORY_COMPACTED' });
  });

  it('row 44: a document created again has a history of its own, whose numbers go on', async () => {
    const id = await withHistory(4);
    await app.games.purge(id);
    expect(await other.games.findOneAndUpsert({ _id: id, name: 'new life' }, 'creator')).toMatchObject({ created: true, document: { version: 6 } });
    await other.games.findOneAndUpdate(id, (game) => void (game.gold = 7), 'editor');
    expect(numbers(await app.games.getMissingEvents(id, 5))).toEqual([6, 7]);
    expect(await app.games.stateAt(id, { version: 6 })).toMatchObject({ name: 'new life', gold: 0 });
    expect(await app.games.stateAt(id, { version: 5 })).toBeNull();
    expect(await app.games.compact(id, { keepLast: 1 })).toEqual({ floor: 6, removed: 2, snapshot: 6 });
    expect(await app.games.stateAt(id, { version: 7 })).toMatchObject({ gold: 7 });
    expect(await app.games.purge(id)).toMatchObject({ purged: true, version: 8 });
    expect(await textOf(id)).not.toContain('new life');
  });

  it('row 44: erasing what is erased, deleted, compacted or was never there', async () => {
    const [erased, deleted, compacted] = [await withHistory(2), await withHistory(2), await withHistory(6)];
    await app.games.purge(erased);
    expect(await app.games.purge(erased)).toEqual({ purged: false, version: 3, removed: 0 });
    await app.games.deleteOne(deleted, 'deleter');
    expect(await app.games.purge(deleted)).toEqual({ purged: true, version: 4, removed: 3 });
    await app.games.compact(compacted, { keepLast: 2 });
    expect(await app.games.purge(compacted)).toEqual({ purged: true, version: 7, removed: 2 });
    for (const id of [erased, deleted, compacted]) expect(await textOf(id)).not.toContain('secret');
    const unknown = new ObjectId();
    expect(await app.games.purge(unknown)).toEqual({ purged: false, version: 0, removed: 0 });
    expect(await textOf(unknown)).toBe('');
    await expect(app.games.purge(erased, '')).rejects.toMatchObject({ name: 'InvalidArgumentError' });
  });

  it('row 44: a process that still remembers the document can neither change, delete nor resurrect it', async () => {
    const id = await withHistory(3);
    expect(await other.games.findOne(id)).toMatchObject({ gold: 3 }); // in its cache now
    await app.games.purge(id);
    await expect(other.games.findOneAndUpdate(id, (game) => void (game.gold += 1), 'stale')).rejects.toMatchObject({ name: 'DocumentNotFoundError' });
    const third = await startGames({ database });
    try {
      await app.games.findOneAndUpsert({ _id: id, name: 'new life' }, 'creator');
      await third.games.findOne(id);
      await app.games.purge(id);
      expect(await third.games.deleteOne(id, 'stale')).toEqual({ deleted: false, version: 6 });
      await app.games.findOneAndUpsert({ _id: id, name: 'third life' }, 'creator');
      expect(await third.games.findOneAndUpdate(id, (game) => void (game.gold += 1), 'stale')).toMatchObject({ document: { name: 'third life', gold: 1, version: 8 } });
    } finally {
      await third.close();
    }
    expect(await textOf(id)).not.toContain('secret');
  });

  it('row 44: an edit that is under way when the document is erased is not written', async () => {
    const id = await withHistory(3);
    const [begun, mayEnd] = [gate(), gate()];
    const edit = other.games.findOneAndUpdate(
      id,
      async (game) => {
        begun.open();
        await mayEnd.passed;
        game.gold += 1;
      },
      'slow',
    );
    await begun.passed;
    await app.games.purge(id);
    mayEnd.open();
    await expect(edit).rejects.toMatchObject({ name: 'DocumentNotFoundError' });
    expect(await app.games.findOne(id, { fresh: true })).toBeNull();
    expect(await textOf(id)).not.toContain('secret');
  });

  it('row 44: an open transaction and an erasure exclude each other', async () => {
    const id = await withHistory(3);
    let attempts = 0;
    const [written, mayEnd] = [gate(), gate()];
    const transaction = app.games.withTransaction(async (session) => {
      attempts++;
      await app.games.findOneAndUpdate(id, (game) => void (game.gold += 1), 'in-transaction', { session });
      written.open();
      await mayEnd.passed;
    });
    await written.passed;
    const erasing = other.games.purge(id);
    mayEnd.open();
    const [ended, erased] = await Promise.allSettled([transaction, erasing]);
    expect(erased).toMatchObject({ status: 'fulfilled', value: { purged: true } });
    if (ended.status === 'rejected') expect(ended.reason).toMatchObject({ name: 'DocumentNotFoundError' });
    expect(attempts).toBeGreaterThan(0);
    expect(await app.games.findOne(id, { fresh: true })).toBeNull();
    expect(await textOf(id)).not.toContain('secret');
  });

  it('row 44: the repetition of the operation that created an erased document is refused, and a new operation is not', async () => {
    const id = await withHistory(2, new ObjectId(), 'first-create');
    const repeat = (operationId: string): Promise<unknown> => other.games.findOneAndUpsert({ _id: id, name: 'a very secret name' }, 'secret-creator', { operationId });
    expect(await repeat('first-create')).toMatchObject({ created: true, document: { version: 1 } });
    await app.games.purge(id);
    await expect(repeat('first-create')).rejects.toMatchObject({ name: 'DocumentPurgedError', code: 'DOCUMENT_PURGED', operationId: 'first-create' });
    expect(await app.games.findOne(id, { fresh: true })).toBeNull();
    expect(await textOf(id)).not.toContain('first-create');
    expect(await other.games.findOneAndUpsert({ _id: id, name: 'new life' }, 'creator', { operationId: 'second-create' })).toMatchObject({ created: true, document: { version: 4 } });
    await app.games.purge(id);
    for (const operationId of ['first-create', 'second-create']) await expect(repeat(operationId)).rejects.toMatchObject({ code: 'DOCUMENT_PURGED' });
  });

  it('row 44: creators, editors and erasers of one document at once leave a history without a hole, and nothing from before the last erasure', async () => {
    const id = new ObjectId();
    const round = async (n: number): Promise<void> => {
      const { games } = n % 2 ? app : other;
      const work = [
        () => games.findOneAndUpsert({ _id: id, name: `life ${n}` }, 'creator'),
        () => games.findOneAndUpdate(id, (game) => void (game.gold += 1), 'editor'),
        () => games.purge(id, 'eraser'),
        () => games.deleteOne(id, 'deleter'),
      ];
      await (work[n % 4] as () => Promise<unknown>)().catch((error: unknown) => expect((error as Error).name).toBe('DocumentNotFoundError'));
    };
    await Promise.all(upTo(160).map(round));
    const { version } = await app.games.purge(id, 'last');
    expect((await app.events().find({ '_id.d': id }).toArray()).map((event) => [(event._id as unknown as { v: number }).v, event['clientId']])).toEqual([[version, expect.any(String)]]);
    expect(await textOf(id)).not.toContain('life');
    expect(await app.games.findOneAndUpsert({ _id: id, name: 'after all' }, 'creator')).toMatchObject({ document: { version: version + 1 } });
    expect(numbers(await other.games.getMissingEvents(id, version))).toEqual([version + 1]);
  });

  it(`row 44: a history of ${longHistory} events is erased in batches`, async () => {
    const id = await withHistory(1);
    const template = await app.events().findOne({ '_id.d': id });
    for (let from = 2; from <= longHistory; from += 10_000) {
      const batch = upTo(Math.min(longHistory, from + 9_999), from).map((v) => updateAt(v, id, template));
      await app.events().insertMany(batch, { ignoreUndefined: true });
    }
    await app.documents().updateOne({ _id: id }, { $set: { version: longHistory, gold: longHistory } });
    expect(await other.games.purge(id)).toEqual({ purged: true, version: longHistory + 1, removed: longHistory });
    expect(await app.events().countDocuments({ '_id.d': id })).toBe(1);
  });
});
