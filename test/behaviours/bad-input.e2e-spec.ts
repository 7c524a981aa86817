import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import mongoose from 'mongoose';
import { type EventQuery, EventSourcedStorageError, type EventSourcedStorageService, type FindManyOptions, type HistoryPoint, type WriteOptions } from 'nestjs-event-sourced-storage';
import { copyOf, databaseName, dropDatabase, type Game, type GamesApp, startGames } from '../support/games.js';
import { everythingStored } from '../support/traces.js';

const { ObjectId } = mongoose.Types;
const database = databaseName('bad_input');
const hex = '665f00112233445566778899';

type Games = EventSourcedStorageService<Game>;
type Call = (games: Games) => unknown;

const hostileIds: [string, unknown][] = [
  ['undefined', undefined],
  ['null', null],
  ['the empty text', ''],
  ['a text of 12 characters', 'abcdefghijkl'],
  ['23 hex characters', hex.slice(1)],
  ['25 hex characters', `${hex}0`],
  ['hex characters and a line break', `${hex}\n`],
  ['hex characters and a NUL', `${hex.slice(1)}\0`],
  ['a letter that is no hex', `g${hex.slice(1)}`],
  ['a very long text', 'a'.repeat(100_000)],
  ['zero', 0],
  ['a number', 7],
  ['NaN', Number.NaN],
  ['a bigint', 7n],
  ['true', true],
  ['a symbol', Symbol(hex)],
  ['a function', () => hex],
  ['a date', new Date(0)],
  ['a RegExp', /^6/],
  ['a Buffer of 12 bytes', Buffer.alloc(12, 1)],
  ['an array with an id', [new ObjectId(hex)]],
  ['an empty array', []],
  ['an empty object', {}],
  ['{ $gt: "" }', { $gt: '' }],
  ['{ $ne: null }', { $ne: null }],
  ['{ $in: [id] }', { $in: [new ObjectId(hex)] }],
  ['{ _id }', { _id: new ObjectId(hex) }],
  ['{ $oid }', { $oid: hex }],
  ['an object that claims to be an ObjectId', { _bsontype: 'ObjectId', id: Buffer.alloc(12), toHexString: () => hex, toString: () => hex }],
  ['an object with a text form', { toString: () => hex }],
  ['an object whose text form throws', { toString: () => never() }],
  ['an object without prototype', Object.create(null)],
  ['a Decimal128', mongoose.Types.Decimal128.fromString('1')],
  ['a UUID', new mongoose.Types.UUID()],
  ['a MaxKey', new mongoose.mongo.MaxKey()],
  ['a promise of an id', Promise.resolve(new ObjectId(hex))],
];

const byId: Record<string, (id: never) => Call> = {
  findOne: (id) => (games) => games.findOne(id),
  'findOne, fresh': (id) => (games) => games.findOne(id, { fresh: true }),
  findOneAndUpdate: (id) => (games) => games.findOneAndUpdate(id, (game) => void (game.gold = 1), 'x'),
  deleteOne: (id) => (games) => games.deleteOne(id, 'x'),
  getMissingEvents: (id) => (games) => games.getMissingEvents(id, 0),
  getEvents: (id) => (games) => games.getEvents(id),
  streamEvents: (id) => (games) => drain(games.streamEvents(id)),
  stateAt: (id) => (games) => games.stateAt(id, { version: 1 }),
  createSnapshot: (id) => (games) => games.createSnapshot(id),
  getEventsWithSnapshot: (id) => (games) => games.getEventsWithSnapshot(id),
  resolveOperation: (id) => (games) => games.resolveOperation('op', { documentId: id }),
};

const wrongNumbers: unknown[] = [-1, 1.5, -0.5, Number.NaN, Infinity, 2 ** 53, '1', '', null, true, {}, [], [1], 1n, { $gt: 0 }, new Date(0)];

class Hidden {
  readonly #secret = 1;

  reveal(): number {
    return this.#secret;
  }
}

/** Values that cannot be stored. */
const unstorable: [string, () => unknown][] = [
  ['a function', () => () => 1],
  ['a class', () => Hidden],
  ['a symbol', () => Symbol('x')],
  ['an invalid date', () => new Date(Number.NaN)],
  ['a Set', () => new Set([1])],
  ['a WeakMap', () => new WeakMap()],
  ['a promise', () => Promise.resolve(1)],
  ['a Map with keys that are no texts', () => new Map([[1, 1]])],
  ['a bigint over 64 bits', () => 2n ** 63n],
  ['an object in itself', () => cycle()],
  ['an array in itself', () => cyclicArray()],
  ['33 levels of objects', () => nested(33)],
  ['a key __proto__', () => JSON.parse('{"a":{"__proto__":{"polluted":true}}}') as unknown],
  ['a key constructor', () => JSON.parse('{"constructor":{"prototype":{"polluted":true}}}') as unknown],
  ['a key prototype', () => ({ prototype: 1 })],
  ['a key with a NUL', () => ({ 'a\0b': 1 })],
  ['an object that claims a BSON type', () => ({ _bsontype: 'ObjectId', id: 'x' })],
  ['an object that claims an unknown BSON type', () => ({ _bsontype: 'Nonsense' })],
];

const noDocuments: [string, unknown][] = [
  ['undefined', undefined],
  ['null', null],
  ['a text', 'raid'],
  ['a number', 7],
  ['true', true],
  ['an array', [{ name: 'raid' }]],
  ['a date', new Date(0)],
  ['a Map', new Map([['name', 'raid']])],
  ['a function', () => ({ name: 'raid' })],
  ['a promise', Promise.resolve({ name: 'raid' })],
  ['an ObjectId', new ObjectId()],
];

describe('bad input', () => {
  let app: GamesApp;
  let id: mongoose.Types.ObjectId;

  beforeAll(async () => {
    await dropDatabase(database);
    app = await startGames({ database, feature: { maxDocumentBytes: 20_000, maxEventBytes: 10_000 } });
    ({ _id: id } = (await app.games.findOneAndUpsert({ name: 'raid', gold: 1, extra: { a: 1 } }, 'creator')).document);
  });
  afterAll(() => app?.close());

  /** The call fails with an error of the library, and leaves no trace. */
  async function refused(call: Call, facts: object): Promise<void> {
    const before = await everythingStored(app.connection);
    const outcome: unknown = await Promise.resolve(app.games)
      .then(call)
      .then(
        (value: unknown) => ({ answered: value }),
        (error: unknown) => error,
      );
    expect(outcome).toMatchObject(facts);
    expect(outcome).toBeInstanceOf(EventSourcedStorageError);
    expect((outcome as Error).message.length).toBeLessThan(2_000);
    expect(await everythingStored(app.connection)).toEqual(before);
    expect(Object.keys(Object.prototype)).toEqual([]);
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  }

  describe.each(hostileIds)('%s as an id', (_, hostile) => {
    it('is refused by every method', async () => {
      for (const call of Object.values(byId)) await refused(call(hostile as never), { code: 'INVALID_ARGUMENT', argument: 'id' });
      if (hostile === undefined || hostile === null) return; // a create makes an id
      await refused((games) => games.findOneAndUpsert({ _id: hostile as never, name: 'x' }, 'x'), { code: 'INVALID_ARGUMENT' });
    });
  });

  it.each(wrongNumbers)('an afterVersion of %p is refused', (after) => refused((games) => games.getMissingEvents(id, after as number), { code: 'INVALID_ARGUMENT', argument: 'afterVersion' }));

  it.each([0, ...wrongNumbers])('a limit of %p is refused', async (limit) => {
    await refused((games) => games.getMissingEvents(id, 0, { limit: limit as number }), { code: 'INVALID_ARGUMENT', argument: 'limit' });
    await refused((games) => games.getEvents(id, { limit: limit as number }), { code: 'INVALID_ARGUMENT', argument: 'limit' });
    await refused((games) => drain(games.streamEvents(id, { limit: limit as number })), { code: 'INVALID_ARGUMENT', argument: 'limit' });
    await refused((games) => games.findMany({}, { limit: limit as number }), { code: 'INVALID_ARGUMENT', argument: 'limit' });
  });

  it.each<[string, unknown]>([
    ['no object', 7],
    ['null', null],
    ['an array', []],
    ['from', { from: -1 }],
    ['to', { to: '3' }],
    ['since', { since: 'yesterday' }],
    ['until', { until: new Date(Number.NaN) }],
    ['since as a number', { since: 0 }],
    ['clientId', { clientId: { $ne: '' } }],
    ['operation', { operation: 'drop' }],
    ['operation as an operator', { operation: { $ne: 'create' } }],
    ['order', { order: 1 }],
  ])('a range of events that is wrong (%s) is refused', async (_, range) => {
    await refused((games) => games.getEvents(id, range as EventQuery), { code: 'INVALID_ARGUMENT' });
    await refused((games) => drain(games.streamEvents(id, range as EventQuery)), { code: 'INVALID_ARGUMENT' });
  });

  it.each<[string, unknown]>([
    ['nothing', {}],
    ['both', { version: 1, at: new Date() }],
    ['null', null],
    ['a number', 1],
    ['undefined', undefined],
    ['a text as version', { version: '1' }],
    ['a negative version', { version: -1 }],
    ['a fraction', { version: 1.5 }],
    ['a text as time', { at: '2020-01-01' }],
    ['an invalid date', { at: new Date(Number.NaN) }],
  ])('a point in a history that is %s is refused', (_, point) => refused((games) => games.stateAt(id, point as HistoryPoint), { code: 'INVALID_ARGUMENT' }));

  it.each<[string, unknown]>([
    ['$where', { $where: 'true' }],
    ['$expr', { $expr: { $gt: ['$gold', 0] } }],
    ['$function inside', { gold: { $function: {} } }],
    ['$regex', { name: { $regex: '.*' } }],
    ['a RegExp', { name: /.*/ }],
    ['$not', { gold: { $not: { $gt: 0 } } }],
    ['$nor', { $nor: [{ gold: 1 }] }],
    ['an operator in an $or', { $or: [{ $where: 'true' }] }],
    ['an empty $or', { $or: [] }],
    ['$and as an object', { $and: { gold: 1 } }],
    ['$in without a list', { gold: { $in: 1 } }],
    ['a RegExp in an $in', { name: { $in: [/.*/] } }],
    ['undefined', { gold: undefined }],
    ['a function', { gold: () => true }],
    ['__proto__', JSON.parse('{"__proto__":{"gold":1}}')],
    ['__proto__ in a path', { 'a.__proto__.b': 1 }],
    ['a path with $', { 'a.$b': 1 }],
    ['an array', []],
    ['null', null],
    ['a text', 'x'],
    ['too many levels', nestedFilter(12)],
  ])('a filter with %s is refused', (_, filter) => refused((games) => games.findMany(filter as Record<string, unknown>), { code: 'INVALID_ARGUMENT', argument: 'filter' }));

  it.each<[string, unknown]>([
    ['sort by 2', { sort: { gold: 2 } }],
    ['sort by a text', { sort: 'gold' }],
    ['sort by an operator', { sort: { $natural: 1 } }],
    ['sort by score', { sort: { gold: { $meta: 'textScore' } } }],
    ['a negative skip', { skip: -1 }],
    ['a limit over 1,000', { limit: 1_001 }],
    ['a mixed projection', { projection: { gold: 1, name: 0 } }],
    ['a computed projection', { projection: { gold: '$name' } }],
    ['a projection of an operator', { projection: { $slice: 1 } }],
  ])('a search with %s is refused', (_, options) => refused((games) => games.findMany({}, options as FindManyOptions), { code: 'INVALID_ARGUMENT' }));

  it('a value in a filter is compared as it is: an object from outside never becomes an operator', async () => {
    expect(await app.games.findMany({ extra: { a: 1 } })).toHaveLength(1);
    expect(await app.games.findMany({ extra: { a: { $gt: 0 } } })).toEqual([]);
    expect(await app.games.findMany({ gold: { $gte: 1 }, $or: [{ name: 'raid' }, { name: { $in: ['x'] } }] })).toHaveLength(1);
  });

  it.each(noDocuments)('%s is no document to create', async (_, data) => {
    await refused((games) => games.findOneAndUpsert(data as Partial<Game>, 'x'), { code: 'INVALID_ARGUMENT' });
    expect(await app.games.createMany([data as Partial<Game>], 'x')).toMatchObject([{ ok: false, error: { code: 'INVALID_ARGUMENT' } }]);
  });

  it.each(unstorable)('%s cannot be stored, neither at create nor by an edit, neither in a field nor deep inside', async (_, make) => {
    const code = expect.stringMatching(/^(INVALID_ARGUMENT|DOCUMENT_VALIDATION)$/);
    for (const wrap of [(value: unknown) => value, (value: unknown) => ({ list: [{ value }] })]) {
      await refused((games) => games.findOneAndUpsert({ name: 'x', extra: wrap(make()) }, 'x'), { code });
      await refused((games) => games.findOneAndUpdate(id, (game) => void (game.extra = wrap(make())), 'x'), { code });
      await refused((games) => games.findOneAndUpdate(id, (game) => copyOf(game, { extra: wrap(make()) }), 'x'), { code });
    }
  });

  it.each(['__proto__', 'constructor', 'prototype'])('a document with a key %s at its top is refused, and no prototype is touched', async (key) => {
    const parsed = JSON.parse(`{"name":"x","${key}":{"polluted":true}}`) as Partial<Game>;
    await refused((games) => games.findOneAndUpsert(parsed, 'x'), { code: 'INVALID_ARGUMENT' });
    await refused((games) => games.findOneAndUpdate(id, () => JSON.parse(`{"name":"x","gold":1,"${key}":{"polluted":true}}`) as Game, 'x'), { code: 'INVALID_ARGUMENT' });
  });

  it('values that do not fit their type are refused by path, operator objects among them', async () => {
    const wrong: [string, unknown][] = [['gold', { $inc: 1 }], ['gold', [1, 2]], ['name', { $ne: null }], ['lastUpdated', { $date: 0 }], ['gold', 'NaN']];
    for (const [path, value] of wrong) {
      const facts = { code: 'DOCUMENT_VALIDATION', problems: { [path]: expect.any(String) } };
      await refused((games) => games.findOneAndUpsert({ name: 'x', [path]: value }, 'x'), facts);
      await refused((games) => games.findOneAndUpdate(id, (game) => void Object.assign(game, { [path]: value }), 'x'), facts);
    }
  });

  it('documents and events over their limits are refused before they are sent, and the limit is named', async () => {
    await refused((games) => games.findOneAndUpsert({ name: 'x'.repeat(20_000) }, 'x'), { code: 'LIMIT_EXCEEDED', limit: 'maxDocumentBytes', allowed: 20_000 });
    await refused((games) => games.findOneAndUpdate(id, (game) => void (game.extra = 'x'.repeat(11_000)), 'x'), { code: 'LIMIT_EXCEEDED', limit: 'maxEventBytes', allowed: 10_000 });
    await refused((games) => games.findOneAndUpdate(id, (game) => void (game.extra = 'x'.repeat(21_000)), 'x'), { code: 'LIMIT_EXCEEDED' });
  });

  it('a document over 16 MiB is refused by default, without a trace', async () => {
    const usual = await startGames({ database });
    try {
      const before = await everythingStored(app.connection);
      await expect(usual.games.findOneAndUpsert({ name: 'x', extra: Buffer.alloc(17_000_000) }, 'x')).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED', limit: 'maxDocumentBytes', allowed: 15_728_640 });
      await expect(usual.games.findOneAndUpdate(id, (game) => void (game.extra = Buffer.alloc(3_000_000)), 'x')).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED', limit: 'maxEventBytes' });
      expect(await everythingStored(app.connection)).toEqual(before);
    } finally {
      await usual.close();
    }
  });

  it.each([undefined, null, 'x', 7, {}, []])('an edit that is %p is refused', (edit) => refused((games) => games.findOneAndUpdate(id, edit as never, 'x'), { code: 'INVALID_ARGUMENT', argument: 'edit' }));

  it.each<[string, Record<string, unknown>]>([
    ['timeoutMs', { timeoutMs: -1 }],
    ['timeoutMs', { timeoutMs: '5' }],
    ['timeoutMs', { timeoutMs: Number.NaN }],
    ['timeoutMs', { timeoutMs: Infinity }],
    ['timeoutMs', { timeoutMs: 2 ** 31 }],
    ['maxRetries', { maxRetries: -1 }],
    ['maxRetries', { maxRetries: 1.5 }],
    ['maxRetries', { maxRetries: '1' }],
  ])('an option %s of a write (%p) is refused', async (argument, options) => {
    const given = options as WriteOptions;
    await refused((games) => games.findOneAndUpsert({ name: 'x' }, 'x', given), { code: 'INVALID_ARGUMENT', argument });
    await refused((games) => games.findOneAndUpdate(id, (game) => void (game.gold = 9), 'x', given), { code: 'INVALID_ARGUMENT', argument });
    await refused((games) => games.deleteOne(id, 'x', given), { code: 'INVALID_ARGUMENT', argument });
  });

  it.each<[string, unknown]>([
    ['null', null],
    ['a signal that is none', { signal: {} }],
  ])('options that are %s are refused', async (_, options) => {
    const facts = { code: 'INVALID_ARGUMENT' };
    const given = options as never;
    await refused((games) => games.findOneAndUpsert({ name: 'x' }, 'x', given), facts);
    await refused((games) => games.findOneAndUpdate(id, (game) => void (game.gold = 9), 'x', given), facts);
    await refused((games) => games.deleteOne(id, 'x', given), facts);
    await refused((games) => games.findOne(id, given), facts);
  });

  it('lists of many writes that are no lists are refused', async () => {
    for (const list of [undefined, null, 'x', {}, 7]) {
      await refused((games) => games.createMany(list as never, 'x'), { code: 'INVALID_ARGUMENT', argument: 'items' });
      await refused((games) => games.updateMany(list as never, () => undefined, 'x'), { code: 'INVALID_ARGUMENT', argument: 'ids' });
    }
  });

  it('after all of this the storage works as before', async () => {
    expect((await app.games.findOneAndUpdate(id, (game) => void (game.gold += 1), 'x')).document).toMatchObject({ gold: 2, version: 2 });
  });
});

async function drain(values: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of values);
}

function never(): never {
  throw new Error('nobody asks for this');
}

function cycle(): unknown {
  const object: Record<string, unknown> = {};
  object['self'] = object;
  return object;
}

function cyclicArray(): unknown {
  const list: unknown[] = [];
  list.push([list]);
  return list;
}

function nested(levels: number): unknown {
  return levels === 0 ? 1 : { a: nested(levels - 1) };
}

function nestedFilter(levels: number): unknown {
  return levels === 0 ? { gold: 1 } : { $and: [nestedFilter(levels - 1)] };
}
