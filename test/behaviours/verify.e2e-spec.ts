import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import mongoose from 'mongoose';
import { formatReport, type HistoryProblemKind } from 'nestjs-event-sourced-storage';
import { consistent } from '../support/consistent.js';
import { databaseName, dropDatabase, type Game, type GamesApp, startGames } from '../support/games.js';
import { everythingStored } from '../support/traces.js';

type Id = mongoose.Types.ObjectId;

const { ObjectId } = mongoose.Types;
const { Double, Long } = mongoose.mongo;
const database = databaseName('verify');
const key = (d: Id, v: number): never => ({ _id: { d, v: Long.fromNumber(v) } }) as never;

/** Chance that repeats. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

interface Corruption {
  readonly name: string;
  /** One of these has to be found. */
  readonly kinds: readonly HistoryProblemKind[];
  readonly plant: (app: GamesApp, id: Id, random: () => number) => Promise<unknown>;
  /** The document is deleted first. */
  readonly deleted?: true;
}

/** Every history goes to number 8, with a snapshot at 5; updates 2 to 8 all set the same field, so that the next one hides a wrong value. */
const length = 8;
const middle = (random: () => number): number => 2 + Math.floor(random() * (length - 3));
const snapshots = (app: GamesApp): mongoose.mongo.Collection => app.raw('games_snapshots');

const corruptions: readonly Corruption[] = [
  { name: 'an event missing', kinds: ['event-missing'], plant: (app, id, random) => app.events().deleteOne(key(id, middle(random))) },
  { name: 'the first event missing', kinds: ['event-missing'], plant: (app, id) => app.events().deleteOne(key(id, 1)) },
  { name: 'the newest event missing', kinds: ['event-missing'], plant: (app, id) => app.events().deleteOne(key(id, length)) },
  { name: 'a value changed that is overwritten later', kinds: ['event-changed'], plant: (app, id, random) => app.events().updateOne(key(id, middle(random)), { $set: { 'diff.set.gold': 4_711 } }) },
  { name: 'the author of an event changed', kinds: ['event-changed'], plant: (app, id, random) => app.events().updateOne(key(id, middle(random)), { $set: { clientId: 'somebody-else' } }) },
  { name: 'the time of an event changed', kinds: ['event-changed'], plant: (app, id, random) => app.events().updateOne(key(id, middle(random)), { $set: { timestamp: new Date(0) } }) },
  { name: 'the type of a value changed', kinds: ['event-changed'], plant: (app, id) => app.events().updateOne(key(id, 3), { $set: { 'diff.set.gold': Long.fromNumber(3) } }) },
  { name: 'a create image changed', kinds: ['event-changed'], plant: (app, id) => app.events().updateOne(key(id, 1), { $set: { 'createdDoc.version': 3 } }) },
  { name: 'a record that is no event', kinds: ['event-unreadable'], plant: (app, id, random) => app.events().updateOne(key(id, middle(random)), { $set: { operation: 'rename' } }) },
  { name: 'an event without its diff', kinds: ['event-unreadable'], plant: (app, id, random) => app.events().updateOne(key(id, middle(random)), { $unset: { diff: '' } }) },
  { name: 'an event that does not fit', kinds: ['event-unfoldable'], plant: (app, id) => forge(app, id, length + 1, { operation: 'create', createdDoc: { _id: id, name: 'x', version: length + 1 } }, length + 1) },
  { name: 'an event that changes nothing', kinds: ['event-without-effect'], plant: (app, id) => forge(app, id, length + 1, { operation: 'update', diff: { set: { name: 'raid' }, unset: [] } }, length + 1) },
  { name: 'an event after the tombstone', kinds: ['event-unfoldable'], deleted: true, plant: (app, id) => forge(app, id, length + 2, { operation: 'update', diff: { set: { gold: 1 }, unset: [] } }) },
  { name: 'a delete image that is not the state', kinds: ['image-differs'], plant: async (app, id) => {
    await app.documents().deleteOne({ _id: id });
    await forge(app, id, length + 1, { operation: 'delete', deletedDoc: { _id: id, name: 'raid', gold: -1, version: length } });
  } },
  { name: 'a number stored as double', kinds: ['number-wrong'], plant: (app, id) => retype(app, id, 4) },
  { name: 'a key with its fields in another order', kinds: ['number-wrong'], plant: (app, id) => app.events().insertOne({ _id: { v: Long.fromNumber(3), d: id }, operationId: 'stray' } as never) },
  { name: 'a document changed', kinds: ['document-differs'], plant: (app, id) => app.documents().updateOne({ _id: id }, { $set: { experience: 99 } }) },
  { name: 'a field added to the document', kinds: ['document-differs'], plant: (app, id) => app.documents().updateOne({ _id: id }, { $set: { 'extra.hidden': null } }) },
  { name: 'the document gone', kinds: ['document-missing'], plant: (app, id) => app.documents().deleteOne({ _id: id }) },
  { name: 'a deleted document there again', kinds: ['document-unexpected'], deleted: true, plant: (app, id) => app.documents().insertOne({ _id: id, name: 'zombie', version: 9 }) },
  { name: "the document's number wrong", kinds: ['number-wrong'], plant: (app, id) => app.documents().updateOne({ _id: id }, { $inc: { version: -2 } }) },
  { name: "the document's number a double", kinds: ['number-wrong'], plant: (app, id) => app.documents().updateOne({ _id: id }, { $set: { version: new Double(length) } }) },
  { name: 'the history gone', kinds: ['history-missing'], plant: (app, id) => app.events().deleteMany({ '_id.d': id }) },
  { name: 'a snapshot changed', kinds: ['snapshot-differs'], plant: (app, id) => snapshots(app).updateOne({ documentId: id }, { $set: { 'state.gold': 4_711 } }) },
  { name: 'a snapshot of a number that never was', kinds: ['snapshot-ahead'], plant: (app, id) => snapshots(app).insertOne({ documentId: id, serverSeq: Long.fromNumber(40), state: null, createdAt: new Date() }) },
  { name: 'a snapshot whose number is a double', kinds: ['number-wrong'], plant: (app, id) => snapshots(app).updateOne({ documentId: id }, { $set: { serverSeq: new Double(5) } }) },
];

async function forge(app: GamesApp, d: Id, v: number, content: object, version?: number): Promise<void> {
  const common = { clientId: 'forger', timestamp: new Date(), operationId: `forged-${v}`, flight: new ObjectId() };
  const record: object = { _id: { d, v: Long.fromNumber(v) }, ...common, ...content };
  await app.events().insertOne(record);
  if (version !== undefined) await app.documents().updateOne({ _id: d }, { $set: { version } });
}

async function retype(app: GamesApp, d: Id, v: number): Promise<void> {
  const { _id, ...record } = (await app.events().findOne(key(d, v), { promoteValues: false })) as Record<string, unknown>;
  await app.events().deleteOne({ _id } as never);
  await app.events().insertOne({ _id: { d, v: new Double(v) }, ...record } as never);
}

describe('verification', () => {
  let app: GamesApp;
  let other: GamesApp;

  beforeAll(async () => {
    await dropDatabase(database);
    app = await startGames({ database });
    other = await startGames({ database });
  });
  afterEach(() => Promise.all([app.documents().deleteMany({}), app.events().deleteMany({}), snapshots(app).deleteMany({})]));
  afterAll(async () => {
    await app?.close();
    await other?.close();
  });

  const addGold = (game: Game): void => void (game.gold += 1);

  async function withHistory(deleted = false): Promise<Id> {
    const { document } = await app.games.findOneAndUpsert({ name: 'raid' }, 'game-server');
    for (let version = 2; version <= length; version++) {
      await app.games.findOneAndUpdate(document._id, addGold, 'client');
      if (version === 5) await app.games.createSnapshot(document._id);
    }
    if (deleted) await app.games.deleteOne(document._id, 'admin-panel');
    return document._id;
  }

  it('finds 104 of 104 planted corruptions of 26 kinds, each with the right name, and nothing in the documents beside them', async () => {
    const random = seeded(20_260);
    const planned = Array.from({ length: 4 }, () => corruptions).flat();
    const ids = await Promise.all(planned.map(({ deleted }) => withHistory(deleted)));
    await Promise.all(Array.from({ length: 40 }, (_, index) => withHistory(index % 2 === 0)));
    expect(await app.games.verifyAll()).toMatchObject({ ok: true, problems: 0, checkedDocuments: 144, documents: [] });
    const planted = new Map<string, Corruption>();
    for (const [index, corruption] of planned.entries()) {
      const id = ids[index] as Id;
      await corruption.plant(app, id, random);
      planted.set(String(id), corruption);
    }
    expect(planted.size).toBe(104);
    const report = await app.games.verifyAll();
    expect(report).toMatchObject({ ok: false, collection: 'games', checkedDocuments: 144 });
    const found = new Map(report.documents.map((document) => [String(document.documentId), document.problems.map(({ kind }) => kind)]));
    const missed = [...planted].filter(([id, { kinds }]) => !kinds.some((kind) => found.get(id)?.includes(kind)));
    expect(missed.map(([id, { name }]) => [name, found.get(id)])).toEqual([]);
    expect([...found.keys()].filter((id) => !planted.has(id))).toEqual([]);
    expect(JSON.parse(JSON.stringify(report))).toMatchObject({ problems: report.problems });
    expect(formatReport(report)).not.toContain('4711');
    expect(formatReport(report).split('\n').at(-1)).toBe(`games: ${report.problems} problems in 144 documents with ${report.checkedEvents} events`);
  });

  it('finds nothing while two applications write, delete, create and snapshot', async () => {
    const ids = Array.from({ length: 6 }, () => new ObjectId());
    const over = new AbortController();
    const write = async (games: GamesApp['games']): Promise<void> => {
      for (let step = 0; !over.signal.aborted; step++) {
        const _id = ids[step % ids.length] as Id;
        await games.findOneAndUpsert({ _id, name: 'raid' }, 'w');
        await games.findOneAndUpdate(_id, addGold, 'w').catch(() => undefined);
        if (step % 7 === 0) await games.deleteOne(_id, 'w');
        if (step % 5 === 0) await games.createSnapshot(_id).catch(() => undefined);
      }
    };
    const writing = Promise.all([write(app.games), write(app.games), write(other.games)]);
    let checked = 0;
    try {
      for (let look = 0; look < 15 || checked <= 100; look++) {
        const report = await other.games.verifyAll({ batch: 3 });
        expect(report.documents.map(({ problems }) => problems)).toEqual([]);
        checked += report.checkedEvents;
      }
    } finally {
      over.abort();
      await writing;
    }
  });

  it('an unknown id is no problem, and verifying writes nothing', async () => {
    await withHistory();
    const before = await everythingStored(app.connection);
    expect(await app.games.verify(new ObjectId())).toEqual({ ok: true, documentId: expect.anything(), head: 0, checkedEvents: 0, problems: [], notes: [] });
    expect((await app.games.verifyAll({ sample: 1, since: new Date(0) })).checkedDocuments).toBeGreaterThan(0);
    expect((await app.games.verifyAll({ since: new Date(Date.now() + 60_000) })).checkedDocuments).toBe(0);
    expect(await everythingStored(app.connection)).toEqual(before);
  });

  it('events of a feature without checksums are verified by what they mean', async () => {
    const plain = await startGames({ database, feature: { collection: 'plain', eventChecksums: false } });
    try {
      const { document } = await plain.games.findOneAndUpsert({ name: 'raid' }, 'c');
      await plain.games.findOneAndUpdate(document._id, addGold, 'c');
      expect(await plain.events().findOne({})).not.toHaveProperty('crc');
      expect(await plain.games.verify(document._id)).toMatchObject({ ok: true, checkedEvents: 2 });
      await plain.events().updateOne(key(document._id, 2), { $set: { 'diff.set.gold': 7 } });
      expect((await plain.games.verify(document._id)).problems).toMatchObject([{ kind: 'document-differs' }]);
    } finally {
      await plain.close();
    }
  });

  describe('rebuild', () => {
    it.each(corruptions.filter(({ kinds }) => ['document-differs', 'document-missing', 'document-unexpected', 'snapshot-differs', 'snapshot-ahead'].includes(kinds[0] as string) || kinds[0] === 'number-wrong'))(
      'by default makes document and snapshots what the history says, or refuses: $name',
      async ({ plant, deleted, name }) => {
        const id = await withHistory(deleted);
        await plant(app, id, seeded(1));
        const events = await app.events().find({ '_id.d': id }).toArray();
        if (name.startsWith('a number') || name.startsWith('a key')) {
          await expect(app.games.rebuild(id)).rejects.toMatchObject({ code: 'HISTORY_CORRUPT' });
          return;
        }
        const result = await app.games.rebuild(id);
        expect(result).toMatchObject({ changed: true, version: deleted ? length + 1 : length });
        expect(result.repaired.length).toBeGreaterThan(0);
        expect(await app.events().find({ '_id.d': id }).toArray()).toEqual(events);
        expect(await app.games.verify(id)).toMatchObject({ ok: true });
        expect(await app.games.findOne(id)).toEqual(result.document);
        expect(await app.games.rebuild(id)).toMatchObject({ changed: false, repaired: [] });
        if (!deleted) await consistent(app, id);
      },
    );

    it.each(corruptions.filter(({ kinds }) => kinds[0]?.startsWith('document')))('with prefer "document" records by one event what happened: $name', async ({ plant, deleted }) => {
      const id = await withHistory(deleted);
      await plant(app, id, seeded(1));
      const head = deleted ? length + 1 : length;
      const result = await app.games.rebuild(id, { prefer: 'document', clientId: 'operator' });
      expect(result).toMatchObject({ changed: true, version: head + 1, event: { serverSeq: head + 1, clientId: 'operator' } });
      expect(await app.games.verify(id)).toMatchObject({ ok: true, head: head + 1 });
      expect(await app.games.findOne(id)).toEqual(result.document);
      await consistent(app, id);
    });

    it.each(corruptions.filter(({ kinds }) => kinds[0]?.startsWith('event')))('makes nothing from damaged events: $name', async ({ plant, deleted }) => {
      const id = await withHistory(deleted);
      await plant(app, id, seeded(1));
      const before = await everythingStored(app.connection);
      await expect(app.games.rebuild(id)).rejects.toMatchObject({ code: 'HISTORY_CORRUPT' });
      await expect(app.games.rebuild(id, { prefer: 'document', clientId: 'operator' })).rejects.toMatchObject({ code: 'HISTORY_CORRUPT' });
      expect(await everythingStored(app.connection)).toEqual(before);
    });

    it('loses no write that comes at the same time', async () => {
      const id = await withHistory();
      for (let round = 0; round < 5; round++) {
        await app.documents().updateOne({ _id: id }, { $set: { experience: 1_000 + round } });
        const writes = Array.from({ length: 10 }, () => other.games.findOneAndUpdate(id, addGold, 'writer'));
        await app.games.rebuild(id, { prefer: round % 2 === 0 ? 'history' : 'document', clientId: 'operator' });
        await Promise.all(writes);
        expect(await app.games.verify(id)).toMatchObject({ ok: true });
      }
      expect(await app.games.findOne(id, { fresh: true })).toMatchObject({ gold: length - 1 + 50 });
      await consistent(app, id);
    });
  });
});
