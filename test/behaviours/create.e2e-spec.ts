import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Prop, Schema, SchemaFactory } from '@nestjs/mongoose';
import mongoose from 'mongoose';
import { type EventSourcedStorageService, getEventSourcedStorageToken } from 'nestjs-event-sourced-storage';
import { changesDuring } from '../support/commits.js';
import { consistent } from '../support/consistent.js';
import { copyOf, databaseName, dropDatabase, type GamesApp, startGames } from '../support/games.js';
import { recount } from '../support/recount.js';
import { featureModule } from '../support/storage-app.js';
import { everythingStored } from '../support/traces.js';

const { ObjectId, UUID, Decimal128 } = mongoose.Types;
const database = databaseName('create');

/** One feature per kind of id that Mongoose offers. */
const idKinds = [
  { kind: 'String', type: String, id: 'raid/iron keep', other: 'raid/Iron Keep' },
  { kind: 'Number', type: Number, id: 4_294_967_296, other: 0 },
  { kind: 'BigInt', type: BigInt, id: 9_007_199_254_740_993n, other: 9_007_199_254_740_992n },
  { kind: 'UUID', type: mongoose.Schema.Types.UUID, id: new UUID('00112233-4455-6677-8899-aabbccddeeff'), other: new UUID('00112233-4455-6677-8899-aabbccddeefe') },
  { kind: 'Decimal128', type: mongoose.Schema.Types.Decimal128, id: Decimal128.fromString('1.5'), other: Decimal128.fromString('1.25') },
] as const;

interface Named {
  readonly _id: unknown;
  name: string;
  version: number;
}

@Schema({ versionKey: 'version', collection: 'raids', timestamps: true, minimize: false })
class Raid {
  @Prop({ type: String, required: true, trim: true, maxlength: 20 })
  name!: string;

  @Prop({ type: Number, default: 3, min: 1 })
  lives!: number;

  @Prop({ type: String, default: () => 'made by a function' })
  note!: string;

  declare readonly createdAt: Date;
  declare readonly updatedAt: Date;
  declare readonly _id: mongoose.Types.ObjectId;
  declare version: number;
}

const idFeatures = featureModule(
  idKinds.map(({ kind, type }) => ({
    name: kind,
    schema: new mongoose.Schema({ _id: type as unknown, name: String } as never, { versionKey: 'version', collection: `by_${kind}` }),
  })),
);
const raids = featureModule([{ name: Raid.name, schema: SchemaFactory.createForClass(Raid) }]);

describe('creating documents', () => {
  let first: GamesApp;
  let second: GamesApp;
  const storageOf = <T extends object>(name: string): EventSourcedStorageService<T> => first.app.get(getEventSourcedStorageToken(name), { strict: false });

  beforeAll(async () => {
    await dropDatabase(database);
    first = await startGames({ database, imports: [idFeatures, raids] });
    second = await startGames({ database });
  });
  afterAll(async () => {
    await first?.close();
    await second?.close();
  });

  it('row 1: creating a document makes version 1 and one create event, in one transaction', async () => {
    const _id = new ObjectId();
    const changes = await changesDuring(first.connection, () => first.games.findOneAndUpsert({ _id, name: 'raid', gold: 100 }, 'game-server'));
    expect(changes.map(({ collection, operation }) => `${operation} ${collection}`).toSorted()).toEqual(['insert games', 'insert games_events']);
    expect(new Set(changes.map(({ transaction }) => transaction)).size).toBe(1);
    expect(changes[0]?.transaction).toBeDefined();
    const found = await consistent(first, _id);
    expect(found).toMatchObject({ numbers: [1], operations: ['create'], stored: { version: 1, gold: 100 } });
  });

  it('row 1: the answer is the stored document, and the event carries it with author, time and a key', async () => {
    const { document, created } = await first.games.findOneAndUpsert({ name: 'raid', gold: 100, experience: 200 }, 'game-server');
    expect(created).toBe(true);
    expect(document).toEqual({ _id: expect.any(ObjectId), name: 'raid', gold: 100, experience: 200, tags: [], version: 1 });
    expect(await first.documents().findOne({ _id: document._id })).toEqual(document);
    expect(await first.games.getMissingEvents(document._id, 0)).toEqual([
      {
        documentId: document._id,
        serverSeq: 1,
        operation: 'create',
        clientId: 'game-server',
        timestamp: expect.any(Date),
        operationId: expect.stringMatching(/./),
        createdDoc: document,
      },
    ]);
  });

  it('row 1: a new document is cast, filled with defaults, stamped and validated by its schema', async () => {
    const { document } = await storageOf<Raid>('Raid').findOneAndUpsert({ name: '  Night of the Hydra ', lives: '5', unknown: 1 } as never, 'game-server');
    const times = { createdAt: expect.any(Date), updatedAt: expect.any(Date) };
    expect(document).toEqual({ _id: expect.any(ObjectId), name: 'Night of the Hydra', lives: 5, note: 'made by a function', version: 1, ...times });
    expect(document.createdAt).toEqual(document.updatedAt);
    expect(await first.raw('raids').findOne({ _id: document._id })).toEqual(document);
  });

  it.each([
    ['a required field is missing', {}, 'name'],
    ['a value cannot be cast', { name: 'x', lives: 'many' }, 'lives'],
    ['a value is out of its bounds', { name: 'x', lives: 0 }, 'lives'],
    ['a text is too long', { name: 'x'.repeat(21) }, 'name'],
  ])('row 1: nothing is written when %s', async (_, data, path) => {
    const before = await everythingStored(first.connection);
    const refused = storageOf<Raid>('Raid').findOneAndUpsert(data as never, 'game-server');
    await expect(refused).rejects.toMatchObject({ name: 'DocumentValidationError', code: 'DOCUMENT_VALIDATION', problems: { [path]: expect.any(String) } });
    expect(await everythingStored(first.connection)).toEqual(before);
  });

  it('row 1: a document of almost 15 MiB is created, changed, read back and deleted, each with its event', async () => {
    const { document } = await first.games.findOneAndUpsert({ name: 'large', extra: Buffer.alloc(15_700_000, 7) }, 'creator');
    const { document: changed } = await first.games.findOneAndUpdate(document._id, (game) => void (game.gold = 1), 'editor');
    expect(changed).toMatchObject({ gold: 1, version: 2 });
    const found = await second.games.findOne(document._id);
    // not by toEqual(), which would look at each of the bytes
    const bytes = found?.extra as mongoose.mongo.Binary | undefined;
    expect(bytes?.length()).toBe(15_700_000);
    expect(bytes?.value().every((byte) => byte === 7)).toBe(true);
    expect(await first.games.deleteOne(document._id, 'deleter')).toEqual({ deleted: true, version: 3 });
    expect((await second.games.getMissingEvents(document._id, 1)).map(({ operation }) => operation)).toEqual(['update', 'delete']);
    expect(await consistent(first, document._id)).toMatchObject({ operations: ['create', 'update', 'delete'] });
  });

  it('row 1: many large documents that are written at once are all written', async () => {
    const documents = await Promise.all(Array.from({ length: 24 }, (_, index) => first.games.findOneAndUpsert({ name: `large ${index}`, extra: Buffer.alloc(1_000_000, index) }, 'creator')));
    await Promise.all(documents.map(({ document }, index) => first.games.findOneAndUpdate(document._id, (game) => void (game.extra = Buffer.alloc(1_000_000, index + 100)), 'editor')));
    for (const { document } of documents) expect(await consistent(first, document._id)).toMatchObject({ numbers: [1, 2] });
  });

  it('row 2: a second create of the same id returns the first document unchanged and records nothing', async () => {
    const { document } = await first.games.findOneAndUpsert({ name: 'first', gold: 1 }, 'creator');
    const before = await everythingStored(first.connection);
    for (const app of [first, second]) {
      const again = await app.games.findOneAndUpsert({ _id: document._id, name: 'second', gold: 2, extra: 'more' }, 'somebody-else');
      expect(again).toEqual({ document, created: false });
    }
    expect(await everythingStored(first.connection)).toEqual(before);
  });

  it('row 2: the existing document is the current one, also when another process changed it meanwhile', async () => {
    const { document } = await first.games.findOneAndUpsert({ name: 'raid' }, 'creator');
    await first.games.findOne(document._id);
    await second.games.findOneAndUpdate(document._id, (game) => void (game.gold = 7), 'editor');
    const again = await first.games.findOneAndUpsert({ _id: document._id, name: 'again' }, 'creator');
    expect(again).toEqual({ document: copyOf(document, { gold: 7, version: 2 }), created: false });
  });

  it('row 2: a create that must not find anything refuses the existing document', async () => {
    const { document } = await first.games.findOneAndUpsert({ name: 'first' }, 'creator', { expectedVersion: 'no-document' });
    const before = await everythingStored(first.connection);
    const refused = first.games.findOneAndUpsert({ _id: document._id, name: 'second' }, 'creator', { expectedVersion: 'no-document' });
    await expect(refused).rejects.toMatchObject({ code: 'VERSION_CONFLICT', expected: 'no-document', found: 1 });
    expect(await everythingStored(first.connection)).toEqual(before);
  });

  it('row 3: racing creators with different contents make one document, and each is told whether it was the one', async () => {
    for (let round = 0; round < 10; round++) {
      const _id = new ObjectId();
      const answers = await Promise.all(
        Array.from({ length: 8 }, (_, index) => (index % 2 === 0 ? first : second).games.findOneAndUpsert({ _id, name: `by ${index}`, gold: index }, `creator-${index}`)),
      );
      const winner = answers.findIndex(({ created }) => created);
      expect(answers.filter(({ created }) => created)).toHaveLength(1);
      for (const { document } of answers) expect(document).toEqual(answers[winner]?.document);
      expect(await consistent(first, _id)).toMatchObject({ numbers: [1], operations: ['create'], stored: { name: `by ${winner}`, gold: winner } });
      expect(await first.games.getMissingEvents(_id, 0)).toMatchObject([{ clientId: `creator-${winner}` }]);
    }
  });

  it("row 4: the caller's input is not changed, and an absent id is generated and returned", async () => {
    const input = deepFrozen({ name: 'raid', tags: ['a'], extra: { when: { deep: [1, { x: 1 }] } } });
    const copy = structuredClone(input);
    const { document } = await first.games.findOneAndUpsert(input, 'creator');
    expect(input).toEqual(copy);
    expect(document._id).toBeInstanceOf(ObjectId);
    expect(await first.games.findOne(document._id)).toEqual(document);
  });

  it('row 4: two creates without an id make two documents', async () => {
    const answers = await Promise.all([1, 2].map(() => first.games.findOneAndUpsert({ name: 'twin' }, 'creator')));
    expect(new Set(answers.map(({ document }) => document._id.toHexString())).size).toBe(2);
    expect(answers.map(({ created }) => created)).toEqual([true, true]);
  });

  it('row 4: an id that is absent, undefined or null is generated', async () => {
    for (const _id of [undefined, null]) {
      const { document } = await first.games.findOneAndUpsert({ _id, name: 'raid' } as never, 'creator');
      expect(document._id).toBeInstanceOf(ObjectId);
    }
  });

  it('row 4: an ObjectId may be given as its 24 hex characters', async () => {
    const id = new ObjectId();
    const { document } = await first.games.findOneAndUpsert({ _id: id.toHexString() as never, name: 'raid' }, 'creator');
    expect(document._id).toEqual(id);
    expect(await first.games.findOne(id.toHexString().toUpperCase())).toEqual(document);
  });

  it.each(idKinds)('row 4: ids of type $kind work like ObjectIds, through a whole life', async ({ kind, id, other }) => {
    const storage = storageOf<Named>(kind);
    const collections = { documents: () => first.raw(`by_${kind}`), events: () => first.raw(`by_${kind}_events`) };
    const { document, created } = await storage.findOneAndUpsert({ _id: id, name: 'a' }, 'creator');
    expect(created).toBe(true);
    await storage.findOneAndUpsert({ _id: other, name: 'somebody else' }, 'creator');
    expect(await storage.findOneAndUpsert({ _id: id, name: 'b' }, 'creator')).toEqual({ document, created: false });
    await storage.findOneAndUpdate(id, (each) => void (each.name = 'b'), 'editor');
    expect(await storage.findOne(id)).toEqual({ ...document, name: 'b', version: 2 });
    expect(await storage.findOne(id, { fresh: true })).toEqual({ ...document, name: 'b', version: 2 });
    expect(await storage.deleteOne(id, 'deleter')).toEqual({ deleted: true, version: 3 });
    expect((await storage.getMissingEvents(id, 0)).map(({ serverSeq }) => serverSeq)).toEqual([1, 2, 3]);
    await storage.findOneAndUpsert({ _id: id, name: 'c' }, 'creator');
    expect(await storage.findOne(id)).toEqual({ ...document, name: 'c', version: 4 });
    expect(await storage.findOne(other)).toMatchObject({ name: 'somebody else', version: 1 });
    const stored = await storage.findOne(id);
    expect((await recount(collections.documents(), collections.events(), stored?._id)).numbers).toEqual([1, 2, 3, 4]);
    await consistent(collections, stored?._id);
  });

  it('row 4: an id type without a generator asks for an id, and writes nothing', async () => {
    const before = await everythingStored(first.connection);
    await expect(storageOf<Named>('String').findOneAndUpsert({ name: 'nobody' }, 'creator')).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    expect(await everythingStored(first.connection)).toEqual(before);
  });
});

function deepFrozen<V>(value: V): V {
  if (typeof value === 'object' && value !== null) {
    Object.values(value).forEach(deepFrozen);
    Object.freeze(value);
  }
  return value;
}
