import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import mongoose from 'mongoose';
import type { DocumentEvent, DocumentImage, Upcaster } from 'nestjs-event-sourced-storage';
import { databaseName, dropDatabase, type GamesApp, startGames } from '../support/games.js';
import { everythingStored } from '../support/traces.js';

const database = databaseName('upcasters');
const collection = 'shapes';
const oldSchema = new mongoose.Schema({ name: String, coins: Number }, { versionKey: 'version' });
const newSchema = new mongoose.Schema({ name: String, gold: Number, level: Number }, { versionKey: 'version' });

function renamed(image: DocumentImage, from: string, to: string): DocumentImage {
  const { [from]: value, ...rest } = image;
  return value === undefined ? image : { ...rest, [to]: value };
}

/** Shape 2 calls `gold` what shape 1 called `coins`. */
const coinsToGold: Upcaster = {
  from: 1,
  to: 2,
  up: (event): DocumentEvent<DocumentImage> => {
    if (event.operation === 'create') return { ...event, createdDoc: renamed(event.createdDoc, 'coins', 'gold') };
    if (event.operation === 'delete') return { ...event, deletedDoc: renamed(event.deletedDoc, 'coins', 'gold') };
    return { ...event, diff: { ...event.diff, set: renamed(event.diff.set, 'coins', 'gold'), unset: event.diff.unset.map((path) => (path === 'coins' ? 'gold' : path)) } };
  },
};
/** In shape 3 every game has a level. */
const withLevel: Upcaster = { from: 2, to: 3, up: (event) => (event.operation === 'create' ? { ...event, createdDoc: { level: 1, ...event.createdDoc } } : event) };

describe('upcasters', () => {
  let old: GamesApp;
  let present: GamesApp;
  let id: mongoose.Types.ObjectId;

  beforeAll(async () => {
    await dropDatabase(database);
    old = await startGames({ database, feature: { schema: oldSchema as never, collection } });
    id = (await old.games.findOneAndUpsert({ name: 'raid', coins: 1 } as never, 'c')).document._id;
    for (const coins of [2, 3, 4]) {
      await old.games.findOneAndUpdate(id, (game) => void Object.assign(game, { coins }), 'c');
      if (coins === 3) await old.games.createSnapshot(id);
    }
    present = await startGames({ database, feature: { schema: newSchema as never, collection, schemaVersion: 3, upcasters: [withLevel, coinsToGold] } });
  });
  afterAll(async () => {
    await old?.close();
    await present?.close();
  });

  it('events and states of every older shape are read in the present one, with and without a snapshot; nothing stored changes', async () => {
    const before = await everythingStored(old.connection);
    const events = await present.games.getMissingEvents(id, 0);
    expect(events).toMatchObject([{ schemaVersion: 3, createdDoc: { gold: 1, level: 1 } }, { diff: { set: { gold: 2 } } }, { diff: { set: { gold: 3 } } }, { diff: { set: { gold: 4 } } }]);
    for (const version of [1, 2, 3, 4]) expect(await present.games.stateAt(id, { version })).toEqual({ _id: id, name: 'raid', gold: version, level: 1, version });
    expect((await present.games.getEventsWithSnapshot(id)).snapshot).toMatchObject({ serverSeq: 3, state: { gold: 3, level: 1 } });
    expect(await present.games.diffBetween(id, 1, 4)).toMatchObject({ set: { gold: 4 } });
    expect(await everythingStored(old.connection)).toEqual(before);
    expect(await old.games.stateAt(id, { version: 2 })).toMatchObject({ coins: 2 });
  });

  it('a document that is brought into the present shape by an edit goes on from there, and is verified as what was stored', async () => {
    expect(await present.games.verify(id)).toMatchObject({ ok: true, head: 4 });
    await present.games.findOneAndUpdate(
      id,
      (game) => {
        const { coins, ...rest } = game as unknown as Record<string, unknown>;
        return { ...rest, gold: coins, level: 1 } as never;
      },
      'migration',
    );
    await present.games.findOneAndUpdate(id, (game) => void (game.gold += 1), 'c');
    const stored = await present.documents().findOne({ _id: id });
    expect(await present.games.stateAt(id, { version: 6 })).toMatchObject({ gold: 5, level: 1 });
    expect(stored).toMatchObject({ gold: 5, level: 1, version: 6 });
    const { serverSeq } = await present.games.createSnapshot(id);
    expect(await present.raw('shapes_snapshots').findOne({ serverSeq: mongoose.mongo.Long.fromNumber(serverSeq) })).toMatchObject({ schemaVersion: 3 });
    expect(await present.games.stateAt(id, { version: 6 })).toMatchObject({ gold: 5, level: 1 });
    expect(await present.games.verify(id)).toMatchObject({ ok: true, head: 6 });
  });

  it.each<[string, Upcaster['up']]>([
    ['throws', (event) => {
      if (event.serverSeq === 2) throw new Error('too old');
      return event;
    }],
    ['answers another event', (event) => (event.serverSeq === 2 ? { ...event, serverSeq: 3 } : event)],
    ['answers nothing', (event) => (event.serverSeq === 2 ? (undefined as never) : event)],
  ])('one that %s makes the read a damaged history, with the address of the event, and verify finds it', async (_name, up) => {
    const broken = await startGames({ database, feature: { schema: newSchema as never, collection, schemaVersion: 2, upcasters: [{ from: 1, to: 2, up }] } });
    try {
      const address = `${collection}/${String(id)}@2`;
      await expect(broken.games.getMissingEvents(id, 0)).rejects.toMatchObject({ code: 'HISTORY_CORRUPT', address });
      await expect(broken.games.stateAt(id, { version: 2 })).rejects.toMatchObject({ code: 'HISTORY_CORRUPT', address });
      expect((await broken.games.verify(id)).problems).toMatchObject([{ kind: 'upcast-failed', serverSeq: 2, repairable: false }]);
    } finally {
      await broken.close();
    }
  });

  const up: Upcaster['up'] = (event) => event;
  it.each<[string, object, string]>([
    ['without a schemaVersion', { upcasters: [{ from: 1, to: 2, up }] }, 'need a schemaVersion'],
    ['with a gap', { schemaVersion: 4, upcasters: [{ from: 1, to: 2, up }, { from: 3, to: 4, up }] }, 'no upcaster takes events of shape 2'],
    ['two of one shape', { schemaVersion: 2, upcasters: [{ from: 1, to: 2, up }, { from: 1, to: 2, up }] }, 'two upcasters take events of shape 1'],
    ['beyond the present shape', { schemaVersion: 2, upcasters: [{ from: 1, to: 3, up }] }, 'beyond the schemaVersion 2'],
    ['that lead back', { schemaVersion: 2, upcasters: [{ from: 2, to: 1, up }] }, 'must lead to a larger integer'],
    ['that are no functions', { schemaVersion: 2, upcasters: [{ from: 1, to: 2 }] }, 'must have a function'],
    ['that are no list', { schemaVersion: 2, upcasters: {} }, 'must be an array'],
    ['and checksums that are no flag', { eventChecksums: 1 }, 'eventChecksums must be true or false'],
  ])('upcasters %s are refused at start', async (_name, feature, message) => {
    await expect(startGames({ database, feature: { collection: 'refused', ...feature } })).rejects.toThrow(message);
  });
});
