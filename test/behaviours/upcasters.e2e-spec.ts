import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import mongoose from 'mongoose';
import { type DocumentEvent, type DocumentImage, DurableEventsHandler, type DurableHandler, type Upcaster } from 'nestjs-event-sourced-storage';
import { databaseName, dropDatabase, type GamesApp, startGames } from '../support/games.js';
import { Log } from '../support/log.js';
import { ask, SseClient } from '../support/sse.js';
import { startSync } from '../support/sync-app.js';
import { everythingStored } from '../support/traces.js';
import { until } from '../support/until.js';

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

function times(event: DocumentEvent<DocumentImage>, factor: number): DocumentEvent<DocumentImage> {
  const dearer = (fields: DocumentImage): DocumentImage => ('gold' in fields ? { ...fields, gold: Number(fields['gold']) * factor } : fields);
  if (event.operation === 'create') return { ...event, createdDoc: dearer(event.createdDoc) };
  return event.operation === 'update' ? { ...event, diff: { ...event.diff, set: dearer(event.diff.set) } } : event;
}

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
  /** A game of the first shape with as many coins as versions. */
  async function oldGame(versions: number): Promise<mongoose.Types.ObjectId> {
    const { _id } = (await old.games.findOneAndUpsert({ name: 'raid', coins: 1 } as never, 'c')).document;
    for (let coins = 2; coins <= versions; coins++) await old.games.findOneAndUpdate(_id, (game) => void Object.assign(game, { coins }), 'c');
    return _id;
  }

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

  it('clients are served the present shape: pages, frames of the past and of now, and the states they start from', async () => {
    const own = await oldGame(3);
    const served = await startSync({ database, feature: { schema: newSchema as never, collection, schemaVersion: 3, upcasters: [withLevel, coinsToGold] } });
    const clients: SseClient[] = [];
    const open = async (query: string): Promise<SseClient> => {
      const client = await SseClient.open(`${served.url}/${collection}/${String(own)}/stream${query}`);
      clients.push(client);
      await client.next('live');
      return client;
    };
    try {
      const page = await ask(`${served.url}/${collection}/${String(own)}/events?after=0&types=plain`);
      expect(page.body.events).toMatchObject([{ doc: { gold: 1, level: 1 } }, { set: { gold: 2 } }, { set: { gold: 3 } }]);
      expect(page.text).not.toContain('coins');
      const [past, fresh] = [await open('?after=0'), await open('')];
      expect(past.of('ev').map(({ data }) => data.set ?? data.doc)).toMatchObject([{ gold: 1, level: 1 }, { gold: 2 }, { gold: 3 }]);
      // what follows is told in the present shape, so the state that it is applied to has to have it
      expect(fresh.of('snapshot').map(({ data }) => data.doc)).toMatchObject([{ name: 'raid', gold: 3, level: 1 }]);
      expect((await ask(`${served.url}/${collection}/${String(own)}`)).body.doc).toMatchObject({ gold: 3, level: 1 });
      const reset = await ask(`${served.url}/${collection}/${String(own)}/events?after=9&epoch=${String(page.body.epoch)}`);
      expect(reset.body).toMatchObject({ error: 'history-gone', reason: 'ahead', snapshot: { doc: { gold: 3, level: 1 } } });
      expect(await served.games.catchUp(own)).toMatchObject({ snapshot: { serverSeq: 3, state: { gold: 3, level: 1 } } });

      await old.games.findOneAndUpdate(own, (game) => void Object.assign(game, { coins: 4 }), 'c');
      for (const told of [await past.next('ev', 4), await fresh.next('ev')]) expect(told.data).toMatchObject({ v: 4, set: { gold: 4 } });
      expect(past.frames.concat(fresh.frames).filter(({ raw }) => raw.includes('coins'))).toEqual([]);
    } finally {
      for (const client of clients) client.close();
      await served.close();
    }
  });

  it('whoever watches is told the present shape of what others commit in an older one', async () => {
    const own = await oldGame(1);
    const watching = await startGames({ database, root: { watchEnabled: true }, feature: { schema: newSchema as never, collection, schemaVersion: 3, upcasters: [withLevel, coinsToGold] } });
    try {
      const events = watching.games.watch(own)[Symbol.asyncIterator]();
      await old.games.findOneAndUpdate(own, (game) => void Object.assign(game, { coins: 2 }), 'c');
      expect((await events.next()).value).toMatchObject({ serverSeq: 2, schemaVersion: 3, diff: { set: { gold: 2 } } });
    } finally {
      await watching.close();
    }
  });

  it('durable handlers are given the present shape', async () => {
    const own = await oldGame(2);
    const given: DocumentEvent<DocumentImage>[] = [];
    @DurableEventsHandler({ name: 'shapes', model: 'Game', from: 'beginning' })
    class Handler implements DurableHandler<DocumentImage> {
      handle(event: DocumentEvent<DocumentImage>): void {
        if (own.equals(String(event.documentId))) given.push(event);
      }
    }
    const handling = await startGames({ database, providers: [Handler], feature: { schema: newSchema as never, collection, schemaVersion: 3, upcasters: [withLevel, coinsToGold] } });
    try {
      await until(() => given.at(-1)?.serverSeq === 2, 'both events');
      // at least once: in between may be the first again
      expect([given[0], given.at(-1)]).toMatchObject([{ serverSeq: 1, schemaVersion: 3, createdDoc: { gold: 1, level: 1 } }, { serverSeq: 2, diff: { set: { gold: 2 } } }]);
    } finally {
      await handling.close();
    }
  });

  it('compaction keeps what was stored, so that a state is not taken to the present shape twice', async () => {
    const own = await oldGame(4);
    // gold is worth a hundredth of a coin: taken twice it is another number
    const worth: Upcaster = { from: 1, to: 2, up: (event) => times(coinsToGold.up(event), 100) };
    const rich = await startGames({ database, feature: { schema: newSchema as never, collection, schemaVersion: 2, upcasters: [worth] } });
    try {
      expect(await rich.games.compact(own, { upTo: 3 })).toEqual({ floor: 3, removed: 3, snapshot: 3 });
      expect(await rich.games.stateAt(own, { version: 3 })).toMatchObject({ gold: 300 });
      expect(await rich.games.stateAt(own, { version: 4 })).toMatchObject({ gold: 400 });
      expect(await rich.games.verify(own)).toMatchObject({ ok: true, head: 4 });
      expect(await old.games.stateAt(own, { version: 3 })).toMatchObject({ coins: 3 });
    } finally {
      await rich.close();
    }
  });

  it('a document of an older shape is not taken for one that was changed around the storage', async () => {
    const [own, marker] = [await oldGame(2), await oldGame(1)];
    const log = new Log();
    const watching = await startGames({ database, logger: log, feature: { schema: newSchema as never, collection, schemaVersion: 3, upcasters: [withLevel, coinsToGold] } });
    try {
      const session = await watching.connection.startSession();
      // told as two changes without an event, after which the document is what its history says
      await session.withTransaction(async () => {
        for (const coins of [9, 2]) await watching.documents().updateOne({ _id: own }, { $set: { coins } }, { session });
      });
      await session.endSession();
      await watching.documents().updateOne({ _id: marker }, { $set: { coins: 9 } });
      await until(() => log.warnings.some((line) => line.includes(String(marker))), 'the marker after it was seen');
      expect(log.warnings.filter((line) => line.includes(String(own)))).toEqual([]);
    } finally {
      await watching.close();
    }
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
