import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { CqrsModule, EventBus } from '@nestjs/cqrs';
import mongoose from 'mongoose';
import { type DocumentEvent, type DocumentImage, DocumentUpdatedEvent, DurableEventsHandler, type DurableHandler, type Upcaster } from 'nestjs-event-sourced-storage';
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
    const shown = await present.games.stateAt(id, { version: 6 });
    expect(shown).toMatchObject({ gold: 5, level: 1 });
    expect(stored).toMatchObject({ gold: 5, level: 1, version: 6 });
    const { serverSeq } = await present.games.createSnapshot(id);
    expect(await present.raw('shapes_snapshots').findOne({ serverSeq: mongoose.mongo.Long.fromNumber(serverSeq) })).toMatchObject({ schemaVersion: 3 });
    expect(await present.games.stateAt(id, { version: 6 })).toEqual(shown);
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

  describe('between the deployment of a new shape and the edits that bring the documents into it, where an event says the new shape of a document in the old one', () => {
    const unmigrated = 'unmigrated';
    const shape3 = { schema: newSchema as never, collection: unmigrated, schemaVersion: 3, upcasters: [withLevel, coinsToGold] };
    const byHand = { everyMs: 0, sweepBatch: 100 };
    let before: GamesApp;
    let deployed: GamesApp;
    /** Its schema still knows what it takes away. */
    let migrating: GamesApp;

    beforeAll(async () => {
      before = await startGames({ database, feature: { schema: oldSchema as never, collection: unmigrated } });
      deployed = await startGames({ database, root: { snapshotScheduler: byHand, snapshots: { everyEvents: 1 } }, feature: shape3 });
      migrating = await startGames({ database, feature: { ...shape3, schema: newSchema.clone().add({ coins: Number }) as never } });
    });
    afterAll(async () => {
      await before?.close();
      await migrating?.close();
      await deployed?.close();
    });

    /** Version 4 has 4 coins; the events from there to `length` are of the new application, which knows nothing of coins. */
    async function namedGame(length: number): Promise<mongoose.Types.ObjectId> {
      const { _id } = (await before.games.findOneAndUpsert({ name: 'raid', coins: 1 } as never, 'c')).document;
      for (const coins of [2, 3, 4]) await before.games.findOneAndUpdate(_id, (game) => void Object.assign(game, { coins }), 'c');
      for (let version = 5; version <= length; version++) await deployed.games.findOneAndUpdate(_id, (game) => void (game.name = `at ${version}`), 'c');
      expect(await deployed.documents().findOne({ _id })).toEqual({ _id, name: `at ${length}`, coins: 4, version: length });
      return _id;
    }

    /** The same, without the level that its old shape makes it have, and with the gold that its new shape makes it miss. */
    async function mixedGame(): Promise<mongoose.Types.ObjectId> {
      const own = await namedGame(5);
      for (const level of [2, undefined]) await deployed.games.findOneAndUpdate(own, (game) => Object.assign(game, { level }), 'c');
      await deployed.games.findOneAndUpdate(own, (game) => void (game.name = 'mixed'), 'c');
      return own;
    }

    const statesOf = (app: GamesApp, own: mongoose.Types.ObjectId, versions: readonly number[]): Promise<unknown[]> => Promise.all(versions.map((version) => app.games.stateAt(own, { version })));
    const storedSnapshot = (own: mongoose.Types.ObjectId): Promise<mongoose.mongo.Document | null> => deployed.raw(`${unmigrated}_snapshots`).findOne({ documentId: own }, { sort: { serverSeq: -1 } });

    it('compaction removes no state: what stands for the events is read as they were, in either shape', async () => {
      const own = await namedGame(7);
      const [shown, stored] = [await statesOf(deployed, own, [5, 6, 7]), await statesOf(before, own, [5, 6, 7])];
      expect(shown).toMatchObject([{ name: 'at 5', gold: 4, level: 1 }, { gold: 4 }, { gold: 4 }]);
      expect(stored).toMatchObject([{ name: 'at 5', coins: 4 }, { coins: 4 }, { coins: 4 }]);
      expect(await deployed.games.compact(own, { upTo: 5 })).toEqual({ floor: 5, removed: 5, snapshot: 5 });
      expect(await statesOf(deployed, own, [5, 6, 7])).toEqual(shown);
      expect(await statesOf(before, own, [5, 6, 7])).toEqual(stored);
      // once more, from the snapshot that is there now
      expect(await deployed.games.compact(own, { upTo: 6 })).toEqual({ floor: 6, removed: 1, snapshot: 6 });
      expect(await statesOf(deployed, own, [6, 7])).toEqual(shown.slice(1));
      for (const app of [before, deployed]) expect(await app.games.verify(own)).toMatchObject({ ok: true, head: 7 });
    });

    it.each(['by hand', 'by the scheduler'])('a snapshot %s is read as its events are', async (who) => {
      const own = await namedGame(6);
      const shown = await statesOf(deployed, own, [6]);
      if (who === 'by hand') expect(await deployed.games.createSnapshot(own)).toMatchObject({ serverSeq: 6, state: { gold: 4, level: 1 } });
      else await deployed.games.runSnapshots();
      expect(await storedSnapshot(own)).toMatchObject({ state: { coins: 4 } });
      expect(await statesOf(deployed, own, [6])).toEqual(shown);
      expect((await deployed.games.getEventsWithSnapshot(own)).snapshot).toMatchObject({ serverSeq: 6, state: { gold: 4, level: 1 } });
      expect(await deployed.games.verify(own)).toMatchObject({ ok: true });
    });

    it('what is of two shapes at once is left as it is and told, the others go on, and after an edit into the present shape it goes on, too', async () => {
      const [own, other] = [await mixedGame(), await namedGame(6)];
      const refused = { code: 'HISTORY_CORRUPT', message: expect.stringContaining('updateMany') as unknown };
      const stored = await everythingStored(deployed.connection);
      for (const dryRun of [true, false]) await expect(deployed.games.compact(own, { upTo: 7, dryRun })).rejects.toMatchObject(refused);
      await expect(deployed.games.createSnapshot(own)).rejects.toMatchObject(refused);
      expect(await everythingStored(deployed.connection)).toEqual(stored);

      const told = new Map<string, { readonly removed?: number | undefined; readonly error?: unknown }>();
      for await (const { documentId, result, error } of deployed.games.compactMany({ keepLast: 1 })) told.set(String(documentId), { removed: result?.removed, error });
      expect(told.get(String(own))).toMatchObject({ error: refused });
      expect(told.get(String(other))).toMatchObject({ removed: 5, error: undefined });
      await deployed.games.runSnapshots();
      expect(deployed.games.snapshotStatus()).toMatchObject({ lastError: { message: expect.stringContaining('updateMany') as unknown } });
      expect(await storedSnapshot(own)).toBeNull();

      const migrate = (game: object): never => Object.fromEntries(Object.entries({ ...game, gold: 4, level: 1 }).filter(([name]) => name !== 'coins')) as never;
      expect(await migrating.games.updateMany([own], migrate, 'migration')).toMatchObject([{ ok: true }]);
      const shown = await statesOf(deployed, own, [5, 6, 7, 8, 9]);
      expect(shown).toEqual([1, 2, undefined, undefined, 1].map((level, index) => ({ _id: own, version: index + 5, name: index < 3 ? 'at 5' : 'mixed', gold: 4, level })));
      expect(await deployed.games.createSnapshot(own)).toMatchObject({ serverSeq: 9, state: shown[4] });
      await deployed.games.findOneAndUpdate(own, (game) => void (game.gold = 12), 'c');
      expect(await deployed.games.compact(own, { upTo: 9 })).toMatchObject({ floor: 9, removed: 9 });
      expect(await statesOf(deployed, own, [9])).toEqual(shown.slice(4));
    });

    it('what the new schema does not name stays in the document, and out of what is read: with a snapshot, without, and after compaction', async () => {
      const own = await namedGame(5);
      for (const gold of [10, 11, 12]) await deployed.games.findOneAndUpdate(own, (game) => void Object.assign(game, { gold, level: 1 }), 'c');
      expect(await deployed.documents().findOne({ _id: own })).toMatchObject({ coins: 4, gold: 12 });
      const [shown, stored] = [await statesOf(deployed, own, [6, 7, 8]), await statesOf(before, own, [6, 7, 8])];
      expect(shown).toEqual([10, 11, 12].map((gold, index) => ({ _id: own, name: 'at 5', gold, level: 1, version: index + 6 })));
      expect((await deployed.games.createSnapshot(own)).state).toEqual(shown[2]);
      expect(await statesOf(deployed, own, [6, 7, 8])).toEqual(shown);
      for (const upTo of [6, 7]) expect(await deployed.games.compact(own, { upTo })).toMatchObject({ floor: upTo });
      expect(await statesOf(deployed, own, [7, 8])).toEqual(shown.slice(1));
      expect(await statesOf(before, own, [7, 8])).toEqual(stored.slice(1));
      expect(await deployed.games.verify(own)).toMatchObject({ ok: true });
    });

    it('clients start from what the events say', async () => {
      const own = await namedGame(5);
      const served = await startSync({ database, feature: shape3 });
      try {
        const answer = await ask(`${served.url}/${unmigrated}/${String(own)}`);
        expect(answer.body.doc).toMatchObject({ name: 'at 5', gold: 4, level: 1 });
        expect(answer.text).not.toContain('coins');
        expect(await served.games.catchUp(own)).toMatchObject({ snapshot: { serverSeq: 5, state: { gold: 4, level: 1 } } });
        await deployed.games.deleteOne(own, 'c');
        expect(await served.games.catchUp(own)).toMatchObject({ snapshot: { serverSeq: 6, state: null } });
      } finally {
        await served.close();
      }
    });

    it("publish: 'everywhere' gives the document in the shape of its event, whoever has it in a cache", async () => {
      const own = await namedGame(5);
      const published: DocumentUpdatedEvent<DocumentImage>[] = [];
      const everywhere = await startGames({ database, root: { publish: 'everywhere' }, imports: [CqrsModule.forRoot()], feature: shape3 });
      try {
        everywhere.app.get(EventBus, { strict: false }).subscribe((event) => {
          if (event instanceof DocumentUpdatedEvent && own.equals(String(event.documentId))) published.push(event);
        });
        for (const app of [everywhere, deployed]) await app.games.findOneAndUpdate(own, (game) => void (game.name += '!'), 'c');
        await until(() => published.length >= 2, 'both are published');
        expect(published.map(({ document }) => document)).toMatchObject([{ name: 'at 5!', gold: 4, level: 1 }, { name: 'at 5!!', gold: 4, level: 1 }]);
        expect(published.filter(({ document }) => 'coins' in document)).toEqual([]);
      } finally {
        await everywhere.close();
      }
    });

    it('a snapshot that says another shape than it has is found, stands for no event, and is mended', async () => {
      const own = await namedGame(6);
      const shown = await statesOf(deployed, own, [5, 6]);
      const { state } = (await before.games.createSnapshot(own)) as { state: unknown };
      expect(state).toMatchObject({ coins: 4 });
      await deployed.raw(`${unmigrated}_snapshots`).updateOne({ documentId: own }, { $set: { schemaVersion: 3 } });
      expect(await before.games.verify(own)).toMatchObject({ ok: true });
      expect((await deployed.games.verify(own)).problems).toMatchObject([{ kind: 'snapshot-differs', serverSeq: 6, repairable: true }]);
      await deployed.games.findOneAndUpdate(own, (game) => void (game.name = 'later'), 'c');
      await expect(deployed.games.compact(own, { upTo: 6 })).rejects.toMatchObject({ code: 'HISTORY_CORRUPT', message: expect.stringContaining('rebuild()') as unknown });
      expect(await deployed.games.rebuild(own)).toMatchObject({ changed: true });
      expect(await storedSnapshot(own)).toMatchObject({ serverSeq: 6, schemaVersion: 1, state: { coins: 4 } });
      expect(await deployed.games.verify(own)).toMatchObject({ ok: true });
      expect(await statesOf(deployed, own, [5, 6])).toEqual(shown);
      expect(await deployed.games.compact(own, { upTo: 6 })).toMatchObject({ floor: 6, removed: 6 });
      expect(await statesOf(deployed, own, [6])).toEqual(shown.slice(1));
    });

    it.each<[string, mongoose.mongo.Document, number, object]>([
      ['in the old shape', { $set: { coins: 9 } }, 1, { gold: 9, level: 1 }],
      ['into the new shape', { $set: { gold: 9, level: 1 }, $unset: { coins: '' } }, 3, { gold: 9, level: 1 }],
      ['away', { $unset: { coins: '' } }, 1, { level: 1 }],
    ])('a change around the storage %s is recorded in the shape in which it was made', async (_name, change, schemaVersion, state) => {
      const own = await namedGame(5);
      await deployed.documents().updateOne({ _id: own }, change);
      expect(await deployed.games.rebuild(own, { prefer: 'document', clientId: 'operator' })).toMatchObject({ event: { serverSeq: 6, schemaVersion } });
      expect(await deployed.games.stateAt(own, { version: 6 })).toEqual({ _id: own, name: 'at 5', version: 6, ...state });
      expect(await deployed.games.verify(own)).toMatchObject({ ok: true });
      await deployed.games.createSnapshot(own);
    });

    it('a deletion around the storage is recorded with the document as its events say', async () => {
      const own = await namedGame(5);
      await deployed.documents().deleteOne({ _id: own });
      await deployed.games.rebuild(own, { prefer: 'document', clientId: 'operator' });
      expect(await deployed.games.getMissingEvents(own, 5)).toMatchObject([{ operation: 'delete', deletedDoc: { name: 'at 5', gold: 4 } }]);
    });
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
