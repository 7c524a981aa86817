import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import mongoose from 'mongoose';
import { inverseDiff, toJsonPatch, toMergePatch } from 'nestjs-event-sourced-storage';
import { canonical } from '../support/canonical.js';
import { consistent } from '../support/consistent.js';
import { databaseName, dropDatabase, type GamesApp, startGames } from '../support/games.js';
import { everythingStored } from '../support/traces.js';

type Id = mongoose.Types.ObjectId;

const { ObjectId } = mongoose.Types;
const { Decimal128, Binary, UUID } = mongoose.mongo;
const database = databaseName('revert');
const typed = { d: Decimal128.fromString('1.50'), b: new Binary(Buffer.from('abc'), 5), u: new UUID('8d8ac610-566d-4ef0-9c22-186b2a5ed793'), at: new Date(5), n: null, list: [new ObjectId(), 1.5] };

describe('reverting', () => {
  let app: GamesApp;
  let other: GamesApp;

  beforeAll(async () => {
    await dropDatabase(database);
    app = await startGames({ database });
    other = await startGames({ database });
  });
  afterAll(async () => {
    await app?.close();
    await other?.close();
  });

  /** Version 1: as created with BSON types; 2: gold and tags; 3: extra gone, another name. */
  async function withHistory(): Promise<Id> {
    const { document } = await app.games.findOneAndUpsert({ name: 'raid', extra: typed }, 'creator');
    const id = document._id;
    await app.games.findOneAndUpdate(id, (game) => void Object.assign(game, { gold: 5, tags: ['a', 'b'] }), 'editor');
    await app.games.findOneAndUpdate(id, (game) => void (delete game.extra, (game.name = 'siege'), (game.tags = ['c'])), 'editor');
    return id;
  }

  const content = (game: object | null): string => canonical({ ...game, version: 0 });

  it('gives the document the state that it had, as the next event, every BSON type included; history is not rewritten', async () => {
    const id = await withHistory();
    const before = await app.games.getMissingEvents(id, 0);
    for (const toVersion of [1, 2, 3, 1]) {
      const { document, diff, recreated } = await app.games.revert(id, { toVersion }, 'operator', { metadata: { reason: 'a mistake' } });
      const stored = await app.documents().findOne({ _id: id });
      expect(content(stored)).toBe(content(await app.games.stateAt(id, { version: toVersion })));
      expect(document).toEqual(stored);
      expect([diff.version, recreated]).toEqual([document.version, false]);
      const [event] = await app.games.getMissingEvents(id, document.version - 1);
      expect(event).toMatchObject({ operation: 'update', clientId: 'operator', metadata: { reason: 'a mistake', revertOf: { version: toVersion } } });
      await consistent(app, id);
    }
    expect((await app.games.getMissingEvents(id, 0)).slice(0, 3)).toEqual(before);
    expect(await app.games.verify(id)).toMatchObject({ ok: true, head: 7 });
  });

  it('brings back only the fields that are named, and takes away those that were not there then', async () => {
    const id = await withHistory();
    const { document, diff } = await app.games.revert(id, { toVersion: 1, fields: ['extra.d', 'tags', 'gold'] }, 'operator');
    expect(diff).toMatchObject({ set: { gold: 0, tags: [], extra: { d: typed.d } } });
    expect(document).toMatchObject({ name: 'siege', gold: 0, extra: { d: typed.d } });
    await app.games.findOneAndUpdate(id, (game) => void (game.lastUpdated = new Date()), 'editor');
    expect((await app.games.revert(id, { toVersion: 1, fields: ['lastUpdated'] }, 'operator')).diff).toMatchObject({ set: {}, unset: ['lastUpdated'] });
    await consistent(app, id);
  });

  it('changes nothing when the document is as it was', async () => {
    const id = await withHistory();
    expect(await app.games.revert(id, { toVersion: 3 }, 'operator')).toMatchObject({ diff: { hasChanges: false, version: 3 }, recreated: false });
    expect((await consistent(app, id)).numbers).toHaveLength(3);
  });

  it('brings a deleted document back as it was, with a create event of the next number', async () => {
    const id = await withHistory();
    await app.games.deleteOne(id, 'admin');
    const { document, recreated, diff } = await app.games.revert(id, { toVersion: 2 }, 'operator', { expectedVersion: 4 });
    expect([recreated, document.version, diff.version]).toEqual([true, 5, 5]);
    expect(content(await app.documents().findOne({ _id: id }))).toBe(content(await app.games.stateAt(id, { version: 2 })));
    expect((await consistent(app, id)).operations).toEqual(['create', 'update', 'update', 'delete', 'create']);
    await expect(app.games.revert(id, { toVersion: 4 }, 'operator')).rejects.toMatchObject({ code: 'INVALID_ARGUMENT', argument: 'toVersion' });
    await expect(app.games.revert(id, { toVersion: 0 }, 'operator')).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });

  it('with dryRun tells what would be written, and writes nothing', async () => {
    const id = await withHistory();
    const before = await everythingStored(app.connection);
    const preview = await app.games.revert(id, { toVersion: 1 }, 'operator', { dryRun: true });
    expect(await everythingStored(app.connection)).toEqual(before);
    expect(preview.problems).toEqual({});
    const { diff } = await app.games.revert(id, { toVersion: 1 }, 'operator');
    expect(diff).toEqual(preview.diff);
  });

  it('an old state that the present schema refuses or would not keep is refused, and nothing is written', async () => {
    const id = await withHistory();
    const schema = new mongoose.Schema({ name: { type: String, enum: ['siege'] }, gold: Number, extra: mongoose.Schema.Types.Mixed, tags: [String] }, { versionKey: 'version' });
    const newer = await startGames({ database, feature: { schema: schema as never, collection: 'games' } });
    const before = await everythingStored(app.connection);
    try {
      await expect(newer.games.revert(id, { toVersion: 1 }, 'operator')).rejects.toMatchObject({ code: 'DOCUMENT_VALIDATION', problems: { name: expect.anything() } });
      expect(await newer.games.revert(id, { toVersion: 1 }, 'operator', { dryRun: true })).toMatchObject({ diff: { set: { name: 'raid' } }, problems: { name: expect.anything() } });
      expect(await everythingStored(app.connection)).toEqual(before);
      await newer.games.findOneAndUpdate(id, (game) => void (game.gold = 9), 'editor');
      await app.games.findOneAndUpdate(id, (game) => void (game.experience = 9), 'editor');
      await expect(newer.games.revert(id, { toVersion: 4 }, 'operator')).rejects.toMatchObject({ code: 'DOCUMENT_VALIDATION', problems: { experience: expect.stringContaining('version 4') } });
      await newer.games.deleteOne(id, 'admin');
      await expect(newer.games.revert(id, { toVersion: 1 }, 'operator')).rejects.toMatchObject({ code: 'DOCUMENT_VALIDATION' });
    } finally {
      await newer.close();
    }
  });

  it('with timestamps of the schema it tells the time of the revert, and keeps the rest as it was', async () => {
    const schema = new mongoose.Schema({ name: String, gold: Number }, { versionKey: 'version', timestamps: true });
    const timed = await startGames({ database, feature: { schema: schema as never, collection: 'timed' } });
    try {
      const { document } = await timed.games.findOneAndUpsert({ name: 'raid', gold: 1 }, 'c');
      const { document: second } = await timed.games.findOneAndUpdate(document._id, (game) => void (game.gold = 2), 'c');
      const { document: third } = await timed.games.revert(document._id, { toVersion: 1 }, 'c');
      const times = (game: object): { createdAt: Date; updatedAt: Date } => game as never;
      expect(third).toMatchObject({ gold: 1, createdAt: times(document).createdAt });
      expect(times(third).updatedAt.getTime()).toBeGreaterThanOrEqual(times(second).updatedAt.getTime());
      await timed.games.deleteOne(document._id, 'c');
      expect((await timed.games.revert(document._id, { toVersion: 1 }, 'c')).document).toMatchObject({ gold: 1, version: 5 });
    } finally {
      await timed.close();
    }
  });

  it('heeds expectedVersion, and a repetition with the same operationId answers the first result', async () => {
    const id = await withHistory();
    await expect(app.games.revert(id, { toVersion: 1 }, 'operator', { expectedVersion: 2 })).rejects.toMatchObject({ code: 'VERSION_CONFLICT', expected: 2, found: 3 });
    const first = await app.games.revert(id, { toVersion: 1 }, 'operator', { operationId: 'r-1', expectedVersion: 3 });
    expect(await other.games.revert(id, { toVersion: 1 }, 'operator', { operationId: 'r-1', expectedVersion: 3 })).toEqual(first);
    await expect(app.games.revert(id, { toVersion: 2 }, 'operator', { operationId: 'r-1' })).rejects.toMatchObject({ code: 'OPERATION_ID_REUSED' });
    await app.games.deleteOne(id, 'admin');
    const again = await app.games.revert(id, { toVersion: 2 }, 'operator', { operationId: 'r-2' });
    expect(again.recreated).toBe(true);
    expect(await other.games.revert(id, { toVersion: 2 }, 'operator', { operationId: 'r-2' })).toEqual(again);
    expect((await consistent(app, id)).numbers).toHaveLength(6);
  });

  it('inside a transaction it is part of it', async () => {
    const id = await withHistory();
    await expect(
      app.games.withTransaction(async (session) => {
        await app.games.revert(id, { toVersion: 1 }, 'operator', { session });
        throw new Error('no');
      }),
    ).rejects.toThrow('no');
    expect((await consistent(app, id)).numbers).toHaveLength(3);
    await app.games.withTransaction((session) => app.games.revert(id, { toVersion: 1 }, 'operator', { session }));
    expect(await app.games.findOne(id)).toMatchObject({ name: 'raid', version: 4 });
  });

  it('below the floor it is refused as compacted', async () => {
    const id = await withHistory();
    await app.games.createSnapshot(id);
    await app.games.compact(id, { keepLast: 1 });
    const [event] = (await app.games.getEvents(id)).events;
    const gone = (event?.serverSeq ?? 0) - 2;
    expect(gone).toBeGreaterThan(0);
    await expect(app.games.revert(id, { toVersion: 1 }, 'operator')).rejects.toMatchObject({ code: 'HISTORY_COMPACTED' });
    await expect(app.games.diffBetween(id, 1, 3)).rejects.toMatchObject({ code: 'HISTORY_COMPACTED' });
    expect(await app.games.verify(id)).toMatchObject({ ok: true });
  });

  it.each<[string, unknown, object]>([
    ['no point', undefined, {}],
    ['no version', {}, {}],
    ['a negative version', { toVersion: -1 }, {}],
    ['no fields', { toVersion: 1, fields: [] }, {}],
    ['the id', { toVersion: 1, fields: ['_id'] }, {}],
    ['the version field', { toVersion: 1, fields: ['version'] }, {}],
    ['an operator', { toVersion: 1, fields: ['$set'] }, {}],
    ['a prototype', { toVersion: 1, fields: ['__proto__.x'] }, {}],
    ['dryRun that is no flag', { toVersion: 1 }, { dryRun: 'yes' }],
  ])('refuses %s', async (_name, point, options) => {
    const id = await withHistory();
    await expect(app.games.revert(id, point as never, 'operator', options)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });

  describe('diffBetween', () => {
    it('leads from one state to another in either direction, and takes the three views', async () => {
      const id = await withHistory();
      const forward = await app.games.diffBetween(id, 1, 3);
      expect(forward).toMatchObject({ from: 1, version: 3, change: 'update', hasChanges: true, unset: ['extra'] });
      expect(forward.set).toEqual({ name: 'siege', gold: 5, tags: ['c'] });
      const back = await app.games.diffBetween(id, 3, 1);
      const first = (await app.games.stateAt(id, { version: 1 })) as unknown as Record<string, unknown>;
      expect(canonical(inverseDiff(forward, first))).toBe(canonical({ set: back.set, unset: back.unset }));
      expect(toMergePatch(forward, first)).toMatchObject({ name: 'siege', gold: 5, extra: null });
      expect(toJsonPatch(forward, first).map(({ op, path }) => `${op} ${path}`)).toEqual(expect.arrayContaining(['remove /extra', 'replace /name']));
      expect(await app.games.diffBetween(id, 2, 2)).toEqual({ from: 2, version: 2, change: 'none', hasChanges: false, set: {}, unset: [] });
    });

    it('says of a document that was not there, or is no more, that it was created or deleted', async () => {
      const id = await withHistory();
      await app.games.deleteOne(id, 'admin');
      expect(await app.games.diffBetween(id, 0, 1)).toMatchObject({ change: 'create', set: { name: 'raid' }, unset: [] });
      expect(await app.games.diffBetween(id, 2, 4)).toMatchObject({ change: 'delete', set: {}, unset: expect.arrayContaining(['name', 'gold']) });
      expect(await app.games.diffBetween(id, 0, 4)).toMatchObject({ change: 'none', hasChanges: false });
      await expect(app.games.diffBetween(id, 1, 9)).rejects.toMatchObject({ code: 'CLIENT_AHEAD' });
      await expect(app.games.diffBetween(id, -1, 2)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    });
  });
});
