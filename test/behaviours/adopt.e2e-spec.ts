import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import mongoose from 'mongoose';
import { canonical } from '../support/canonical.js';
import { consistent } from '../support/consistent.js';
import { databaseName, dropDatabase, type Game, type GamesApp, startGames } from '../support/games.js';
import { everythingStored } from '../support/traces.js';
import { until } from '../support/until.js';

const { ObjectId } = mongoose.Types;
const { Double, Long } = mongoose.mongo;
const database = databaseName('adopt');

describe('adopting a collection that was there before the storage', () => {
  let app: GamesApp;
  let other: GamesApp;

  beforeAll(async () => {
    await dropDatabase(database);
    app = await startGames({ database });
    other = await startGames({ database });
  });
  afterEach(() => Promise.all([app.documents().deleteMany({}), app.events().deleteMany({})]));
  afterAll(async () => {
    await app?.close();
    await other?.close();
  });

  async function plant(count: number, fields: (index: number) => object = () => ({})): Promise<mongoose.Types.ObjectId[]> {
    const documents = Array.from({ length: count }, (_, index) => ({ _id: new ObjectId(), name: `game ${index}`, gold: index, ...fields(index) }));
    await app.documents().insertMany(documents);
    return documents.map(({ _id }) => _id);
  }

  /** How many events every document has. */
  async function counts(): Promise<number[]> {
    const found = await app.events().aggregate<{ n: number }>([{ $group: { _id: '$_id.d', n: { $sum: 1 } } }]).toArray();
    return found.map(({ n }) => n);
  }

  it('before it, a write says what to do; after it, the ordinary verbs work', async () => {
    const [id] = (await plant(1)) as [mongoose.Types.ObjectId];
    const addGold = (game: Game): void => void (game.gold += 1);
    await expect(app.games.findOneAndUpdate(id, addGold, 'c')).rejects.toMatchObject({ code: 'HISTORY_MISSING', message: expect.stringContaining('adopt()') });
    expect((await app.games.verify(id)).problems).toMatchObject([{ kind: 'history-missing', repairable: false }]);
    await expect(app.games.rebuild(id)).rejects.toMatchObject({ code: 'HISTORY_MISSING' });
    expect(await app.games.adopt({ clientId: 'operator' })).toEqual({ checked: 1, adopted: 1, failed: 0, failures: [] });
    expect(await app.games.getMissingEvents(id, 0)).toMatchObject([{ operation: 'create', serverSeq: 1, clientId: 'operator', createdDoc: { name: 'game 0', version: 1 } }]);
    await app.games.findOneAndUpdate(id, addGold, 'c');
    expect(await app.games.stateAt(id, { version: 1 })).toMatchObject({ gold: 0 });
    expect(await app.games.verify(id)).toMatchObject({ ok: true, head: 2 });
    await consistent(app, id);
  });

  it('many documents in batches, again, and by two at once: one event each, and those with a history are left alone', async () => {
    const ids = await plant(400);
    const { document } = await app.games.findOneAndUpsert({ name: 'known' }, 'c');
    const progress: number[] = [];
    const reports = await Promise.all([
      app.games.adopt({ clientId: 'a', batch: 20, onProgress: ({ checked }) => progress.push(checked) }),
      other.games.adopt({ clientId: 'b', batch: 70 }),
    ]);
    expect(reports.reduce((sum, { adopted }) => sum + adopted, 0)).toBe(400);
    expect(reports.map(({ failed }) => failed)).toEqual([0, 0]);
    expect(progress.at(-1)).toBe(401);
    expect(progress.length).toBeGreaterThanOrEqual(20);
    expect(new Set(await counts())).toEqual(new Set([1]));
    const before = await everythingStored(app.connection);
    expect(await app.games.adopt({ clientId: 'again' })).toMatchObject({ adopted: 0, failed: 0 });
    expect(await everythingStored(app.connection)).toEqual(before);
    expect(await app.games.verifyAll()).toMatchObject({ ok: true, checkedDocuments: 401 });
    expect(await app.games.findOne(document._id)).toEqual(document);
    expect(ids).toHaveLength(400);
  });

  it('aborted in the middle and run again it goes on, and gives none a second event', async () => {
    await plant(300);
    const abort = new AbortController();
    const first = app.games.adopt({ clientId: 'a', batch: 20, signal: abort.signal, onProgress: ({ adopted }) => void (adopted >= 60 && abort.abort()) });
    await expect(first).rejects.toMatchObject({ code: 'OPERATION_TIMEOUT', reason: 'aborted' });
    const done = (await counts()).length;
    expect(done).toBeGreaterThanOrEqual(60);
    expect(done).toBeLessThan(300);
    expect(await app.games.adopt({ clientId: 'b' })).toMatchObject({ adopted: 300 - done, checked: 300 });
    expect(await counts()).toEqual(Array.from({ length: 300 }, () => 1));
    expect(await app.games.verifyAll()).toMatchObject({ ok: true });
  });

  it('whatever stands in the version field, it becomes 1; BSON types survive exactly', async () => {
    const odd = ['7', new Double(2.5), 0, 7, null, Long.fromNumber(3), { a: 1 }];
    const ids = await plant(odd.length + 1, (index) => ({ extra: { whole: new Double(5), long: Long.fromNumber(5) }, ...(index < odd.length ? { version: odd[index] } : {}) }));
    expect(await app.games.adopt({ clientId: 'a' })).toMatchObject({ adopted: ids.length, failed: 0 });
    for (const id of ids) {
      const { stored } = await consistent(app, id);
      expect(stored).toMatchObject({ version: 1 });
      const exact = await app.documents().findOne({ _id: id }, { promoteValues: false });
      expect(canonical(exact?.['extra'])).toBe(canonical({ whole: new Double(5), long: Long.fromNumber(5) }));
    }
    expect(await app.games.verifyAll()).toMatchObject({ ok: true });
  });

  it('documents that cannot be adopted are reported, and the others adopted', async () => {
    await plant(5);
    await app.documents().insertMany([
      { _id: 'text', name: 'another type of id' },
      { _id: new Date(5), name: 'a date' },
      { _id: { a: 1 }, name: 'an object' },
      { _id: '665f1c2e9b1e8a0012345678', name: 'looks like one' },
      { _id: new ObjectId(), name: 'large', extra: 'x'.repeat(15 * 1_048_576) },
    ] as never);
    await app.documents().updateOne({ name: 'game 1' }, [{ $replaceWith: { $setField: { field: 'a.b', input: '$$ROOT', value: 1 } } }]);
    const report = await app.games.adopt({ clientId: 'a' });
    expect(report).toMatchObject({ checked: 10, adopted: 4, failed: 6 });
    const reasons = report.failures.map(({ documentId, reason }) => `${String(documentId)}: ${reason}`).join('\n');
    for (const text of ['text:', 'looks like one', 'maxDocumentBytes', 'a.b', '[object Object]:']) expect(reasons).toContain(text === 'looks like one' ? '665f1c2e9b1e8a0012345678' : text);
    expect(await counts()).toEqual([1, 1, 1, 1]);
  });

  it('while old code writes, every document gets one event, and what was written before it is in it', async () => {
    const ids = await plant(150, () => ({ experience: 0 }));
    const over = new AbortController();
    let writes = 0;
    const old = async (start: number): Promise<void> => {
      for (let index = start; !over.signal.aborted; index += 7, writes++) await app.documents().updateOne({ _id: ids[index % ids.length] as mongoose.Types.ObjectId }, { $inc: { experience: 1 } });
    };
    const writing = Promise.all([old(0), old(3)]);
    await until(() => writes > 20, 'old code writes');
    const reports = await Promise.all([app.games.adopt({ clientId: 'a', batch: 40 }), other.games.adopt({ clientId: 'b', batch: 40 })]);
    over.abort();
    await writing;
    expect(reports.reduce((sum, { adopted }) => sum + adopted, 0)).toBe(150);
    expect(await counts()).toEqual(Array.from({ length: 150 }, () => 1));
    const stored = await app.documents().find({}).toArray();
    expect(stored.reduce((sum, document) => sum + Number(document['experience']), 0)).toBe(writes);
    expect(new Set(stored.map((document) => document['version']))).toEqual(new Set([1]));
    const { documents } = await app.games.verifyAll();
    expect(documents.flatMap(({ problems }) => problems).filter(({ kind }) => kind !== 'document-differs')).toEqual([]);
    for (const { documentId } of documents) await app.games.rebuild(documentId, { prefer: 'document', clientId: 'operator' });
    expect(await app.games.verifyAll()).toMatchObject({ ok: true });
  });

  it.each([undefined, {}, { clientId: '' }, { clientId: 'a', batch: 0 }, { clientId: 'a', onProgress: 1 }])('refuses %p', async (options) => {
    await expect(app.games.adopt(options as never)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });
});
