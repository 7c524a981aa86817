import { describe, expect, it } from '@jest/globals';
import mongoose, { type SchemaDefinition, type SchemaOptions } from 'mongoose';
import { DocumentValidationError } from '../errors/document-validation.error.js';
import { applyDiff } from '../model/apply-diff.js';
import { cloneValue } from '../model/bson-values.js';
import type { DiffPaths, Image } from '../model/diff.js';
import { computeDiff } from '../write/compute-diff.js';
import { type Edit, runEdit } from '../write/run-edit.js';
import { castByDocument } from './cast-by-document.js';
import { liveModel } from './mongoose-internals.js';
import { schemaPath } from './schema-path.js';
import { SchemaCaster } from './schema-caster.js';

const { Schema, Types } = mongoose;
const { Binary, Long } = mongoose.mongo;

const now = new Date('2026-01-02T03:04:05.678Z');
const id = new Types.ObjectId('0123456789abcdef01234567');
const otherId = new Types.ObjectId('89abcdef0123456789abcdef');

function modelOf(definition: SchemaDefinition | mongoose.Schema, options: SchemaOptions = {}): mongoose.Model<unknown> {
  const schema = definition instanceof Schema ? definition : new Schema(definition, options);
  return offline().model<unknown>('Thing', schema); // never opened: the caster needs no server
}

/** A connection that is never opened and waits for nothing. */
function offline(): mongoose.Connection {
  const connection = mongoose.createConnection();
  connection.set('autoCreate', false);
  connection.set('autoIndex', false);
  return connection;
}

function casterOf(definition: SchemaDefinition | mongoose.Schema, options: SchemaOptions = {}): SchemaCaster {
  return new SchemaCaster(modelOf(definition, options), 'things', 'version');
}

interface Outcome {
  readonly after: Image;
  readonly diff: DiffPaths;
}

/** An edit as the write path runs it. */
async function change(caster: SchemaCaster, stored: Image, edit: Edit<Image>): Promise<Outcome> {
  const before = { _id: id, version: 1, ...stored };
  const copy = cloneValue(before);
  const edited = await runEdit(edit, before, { attempt: 1 });
  const after = await caster.castChanges(before, edited, computeDiff(before, edited, { versionField: 'version' }), now);
  expect(before).toEqual(copy); // others share it
  if (Object.keys(computeDiff(before, after, { versionField: 'version' }).set).length === 0 && after !== before) expect(computeDiff(before, after, { versionField: 'version' }).unset).not.toEqual([]);
  return { after, diff: computeDiff(before, after, { versionField: 'version' }) };
}

async function problems(caster: SchemaCaster, stored: Image, edit: Edit<Image>): Promise<Record<string, string>> {
  const error: unknown = await change(caster, stored, edit).catch((refusal: unknown) => refusal);
  if (!(error instanceof DocumentValidationError)) throw new Error(`not refused: ${String(error)}`);
  expect(error.address).toBe(`things/${id.toHexString()}`);
  expect(error.cause).toBeInstanceOf(Error);
  return error.problems;
}

async function newProblems(caster: SchemaCaster, data: Image): Promise<Record<string, string>> {
  const error: unknown = await caster.castNew(id, data, now).catch((refusal: unknown) => refusal);
  if (!(error instanceof DocumentValidationError)) throw new Error(`not refused: ${String(error)}`);
  return error.problems;
}

const set = (values: Image): Edit<Image> => (document) => void Object.assign(document, values);
const remove = (key: string): Edit<Image> => (document) => void delete document[key];
/** The value at a dotted path of the edited document, for edits of nested values. */
const at = (document: Image, path: string): Image => path.split('.').reduce<unknown>((value, key) => (value as Image)[key], document) as Image;

describe('one value', () => {
  const kinds = casterOf({
    text: String,
    count: Number,
    flag: Boolean,
    when: Date,
    ref: { type: Schema.Types.ObjectId, ref: 'Other' },
    price: Schema.Types.Decimal128,
    key: Schema.Types.UUID,
    big: BigInt,
    bytes: Buffer,
    exact: Schema.Types.Int32,
    real: Schema.Types.Double,
    any: {},
  });

  it.each([
    ['text', 5, '5'],
    ['count', '5', 5],
    ['flag', 'yes', true],
    ['when', '2026-01-01T00:00:00Z', new Date('2026-01-01T00:00:00Z')],
    ['ref', otherId.toHexString(), otherId],
    ['ref', { _id: otherId, name: 'populated' }, otherId],
    ['price', '1.10', Types.Decimal128.fromString('1.10')],
    ['key', '6ba7b810-9dad-41d1-80b4-00c04fd430c8', new Types.UUID('6ba7b810-9dad-41d1-80b4-00c04fd430c8')],
    ['big', 5n, 5],
    ['big', 2n ** 60n, Long.fromBigInt(2n ** 60n)],
    ['bytes', Buffer.from('abc'), new Binary(Buffer.from('abc'))],
    ['exact', '7', 7],
    ['real', '7.5', 7.5],
    ['any', { bytes: Buffer.from('a'), big: 3n, deep: [new Map([['k', undefined]])] }, { bytes: new Binary(Buffer.from('a')), big: 3, deep: [{}] }],
    ['any', null, null],
  ])('%s takes %p as the driver will return it', async (path, given, stored) => {
    const { after, diff } = await change(kinds, {}, set({ [path]: given }));
    expect(after[path]).toEqual(stored);
    expect(diff).toEqual({ set: { [path]: stored }, unset: [] });
  });

  it.each([
    ['count', 'many'],
    ['flag', 'perhaps'],
    ['when', 'yesterday'],
    ['ref', 'no id'],
    ['price', 'dear'],
    ['key', 'no uuid'],
    ['big', 1.5],
    ['exact', 1.5],
    ['text', { not: 'a text' }],
  ])('%s refuses %p', async (path, given) => {
    expect(Object.keys(await problems(kinds, {}, set({ [path]: given })))).toEqual([path]);
  });

  it('is no change when it casts to what is stored', async () => {
    const stored = { text: '5', count: 5, when: now, ref: otherId };
    const { after, diff } = await change(kinds, stored, set({ text: 5, count: '5', when: now.toISOString(), ref: otherId.toHexString() }));
    expect(diff).toEqual({ set: {}, unset: [] });
    expect(after['version']).toBe(1);
  });

  it('hands back the stored image itself when nothing is left of the change', () => {
    const before = { _id: id, version: 1, count: 5 };
    expect(kinds.castChanges(before, { ...before, count: '5' }, { set: { count: '5' }, unset: [] }, now)).toBe(before);
  });

  it('needs no promise without validators', () => {
    const before = { _id: id, version: 1, count: 5 };
    expect(kinds.castChanges(before, { ...before, count: 6 }, { set: { count: 6 }, unset: [] }, now)).toEqual({ _id: id, version: 1, count: 6 });
  });

  it('shares with the stored image what the change does not touch', async () => {
    const deep = { kept: [1, 2, 3] };
    const before = { _id: id, version: 1, any: deep, count: 1 };
    const after = await kinds.castChanges(before, { ...before, count: 2 }, { set: { count: 2 }, unset: [] }, now);
    expect(after['any']).toBe(deep);
  });

  it('goes away when the edit takes it away', async () => {
    const { after, diff } = await change(kinds, { text: 'a', count: 1 }, remove('text'));
    expect(diff).toEqual({ set: {}, unset: ['text'] });
    expect(Object.keys(after)).not.toContain('text');
  });
});

describe('setters and validators', () => {
  const seen: unknown[] = [];
  const strict = casterOf({
    name: { type: String, required: true, trim: true, lowercase: true, maxlength: 5 },
    level: { type: Number, min: 1, max: 9 },
    rank: { type: String, enum: ['low', 'high'] },
    code: { type: String, match: /^[a-z]+$/ },
    doubled: { type: Number, set: (value: number) => value * 2 },
    least: Number,
    most: { type: Number, validate: { validator(this: Image, value: number): boolean { return value >= (this['least'] as number); }, message: 'below least' } },
    slow: { type: String, validate: { validator: async (value: string): Promise<boolean> => Promise.resolve(value !== 'bad'), message: 'is bad' } },
    angry: { type: String, validate: (): boolean => { throw new Error('never'); } },
    live: { type: Number, validate: { validator(this: { isModified(path: string): boolean }): boolean { seen.push(this.isModified('live')); return true; } } },
  });

  it('run the schema’s setters before casting', async () => {
    const { after } = await change(strict, { name: 'x' }, set({ name: '  ABC ', doubled: 4 }));
    expect(after).toMatchObject({ name: 'abc', doubled: 8 });
  });

  it.each([
    [{ name: 'too long' }, 'name'],
    [{ name: '' }, 'name'],
    [{ name: null }, 'name'],
    [{ level: 0 }, 'level'],
    [{ level: 10 }, 'level'],
    [{ rank: 'middle' }, 'rank'],
    [{ code: '123' }, 'code'],
    [{ slow: 'bad' }, 'slow'],
    [{ angry: 'x' }, 'angry'],
  ])('refuse %p', async (values, path) => {
    expect(Object.keys(await problems(strict, { name: 'x' }, set(values)))).toEqual([path]);
  });

  it('a required path cannot be taken away', async () => {
    expect(await problems(strict, { name: 'x' }, remove('name'))).toEqual({ name: 'Path `name` is required.' });
  });

  it('all that is wrong is told at once', async () => {
    expect(Object.keys(await problems(strict, { name: 'x' }, set({ level: 0, rank: 'no', most: 'NaN' }))).toSorted()).toEqual(['level', 'most', 'rank']);
  });

  it('judge the changed paths only', async () => {
    const { after } = await change(strict, { rank: 'nonsense' }, set({ level: 3 })); // name is missing, rank is none
    expect(after).toMatchObject({ level: 3, rank: 'nonsense' });
  });

  it('find the edited document as `this`, with values as they will be stored', async () => {
    expect((await change(strict, { least: 1, most: 2 }, set({ least: '3', most: 4 }))).after).toMatchObject({ least: 3, most: 4 });
    expect(await problems(strict, { least: 1, most: 2 }, set({ least: '3', most: 2.5 }))).toEqual({ most: 'below least' });
  });

  it('that need a Mongoose document get one', async () => {
    expect((await change(strict, {}, set({ live: 2 }))).after['live']).toBe(2);
    expect(seen).toEqual([true]);
  });

  it('a message quotes a long value only in part', async () => {
    const [message] = Object.values(await problems(strict, { name: 'x' }, set({ level: 'x'.repeat(5_000) })));
    expect(message?.length).toBeLessThan(210);
  });
});

describe('rules of the application under a name that Mongoose uses itself', () => {
  /** Everything that nobody waited for, until all that was begun is over. */
  async function unhandledDuring(work: () => Promise<unknown>): Promise<unknown[]> {
    const seen: unknown[] = [];
    const note = (reason: unknown): void => void seen.push(reason);
    const others = process.listeners('unhandledRejection');
    process.removeAllListeners('unhandledRejection').on('unhandledRejection', note);
    try {
      await work();
      for (let turn = 0; turn < 3; turn++) await new Promise((resume) => setImmediate(resume));
    } finally {
      process.off('unhandledRejection', note);
      for (const other of others) process.on('unhandledRejection', other);
    }
    return seen;
  }
  const later = async <V>(value: V): Promise<V> => {
    await new Promise((resume) => setImmediate(resume));
    return value;
  };

  it.each(['required', 'min', 'max', 'minlength', 'maxlength', 'enum', 'regexp', 'user defined'])('%s: are waited for', async (type) => {
    const runs: unknown[] = [];
    const caster = casterOf({ n: { type: Number, validate: { type, validator: (value: unknown) => later(value !== 7 && (runs.push(value), true)) } } });
    expect(Object.keys(await problems(caster, { n: 1 }, set({ n: 7 })))).toEqual(['n']);
    expect((await change(caster, { n: 1 }, set({ n: 8 }))).diff).toEqual({ set: { n: 8 }, unset: [] });
    expect(runs).toEqual([8]); // once
  });

  it.each<[string, () => unknown]>([
    ['answers no later', () => later(false)],
    ['rejects', () => Promise.reject(new Error('the rule has failed'))],
    ['rejects later', () => later(undefined).then(() => Promise.reject(new Error('the rule has failed')))],
    ['throws', () => { throw new Error('the rule has failed'); }],
    ['answers no', () => false],
  ])('one that %s refuses the edit, and nothing is left behind', async (_, validator) => {
    const caster = casterOf({ n: { type: Number, validate: { type: 'enum', validator: validator as never } }, m: { type: Number, validate: { type: 'min', validator: validator as never } } });
    const unhandled = await unhandledDuring(async () => {
      expect(Object.keys(await problems(caster, { n: 1, m: 1 }, set({ n: 2, m: 2 }))).toSorted()).toEqual(['m', 'n']);
    });
    expect(unhandled).toEqual([]);
  });

  it('one with propsParameter is given what Mongoose gives', async () => {
    const given: unknown[] = [];
    const validator = (value: unknown, props: { path?: unknown } | undefined): boolean => {
      given.push([value, props?.path]);
      return true;
    };
    const caster = casterOf({ n: { type: Number, validate: { type: 'enum', propsParameter: true, validator: validator as never } } });
    await change(caster, { n: 1 }, set({ n: 2 }));
    expect(given).toEqual([[2, 'n']]);
  });

  it('a rule beside rules that Mongoose brought along runs as well', async () => {
    const caster = casterOf({ text: { type: String, enum: ['a', 'b', 'c'], maxlength: 1, validate: { type: 'enum', validator: (value: string) => later(value !== 'c') } } });
    expect((await change(caster, { text: 'a' }, set({ text: 'b' }))).diff).toEqual({ set: { text: 'b' }, unset: [] });
    expect(Object.keys(await problems(caster, { text: 'a' }, set({ text: 'c' })))).toEqual(['text']);
    expect(Object.keys(await problems(caster, { text: 'a' }, set({ text: 'x' })))).toEqual(['text']);
  });
});

describe('the rules that Mongoose brings along say what they say there', () => {
  const isStrict = function (this: Image): boolean {
    return this['mode'] === 'strict';
  };
  const model = modelOf({
    mode: String,
    needed: { type: String, required: true },
    told: { type: Number, required: [true, 'say {PATH}'] },
    perhaps: { type: String, required: isStrict },
    few: { type: Number, min: 1, max: [9, '{VALUE} is more than {MAX}'] },
    some: { type: Number, enum: [1, 2, 3] },
    any: { type: Number, enum: { values: [1, 2], message: 'not {VALUE}' } },
    short: { type: String, minlength: 2, maxlength: 4 },
    word: { type: String, enum: ['a', 'b'], lowercase: true },
    like: { type: String, match: /^a+$/ },
    day: { type: Date, min: new Date(1_000), max: new Date(9_000) },
    sub: new Schema({ few: { type: Number, min: 1, required: true } }, { _id: false }),
  });
  const caster = new SchemaCaster(model, 'things', 'version');
  const stored: Image = { mode: 'loose', needed: 'x', told: 1, perhaps: 'x', few: 5, some: 1, any: 1, short: 'abc', word: 'a', like: 'a', day: new Date(5_000), sub: { few: 5 } };
  const values: Readonly<Record<string, readonly unknown[]>> = {
    needed: [undefined, null, '', 'y'],
    told: [undefined, null, 0, 2],
    perhaps: [undefined, null, '', 'y'],
    few: [undefined, null, 0, 1, 9, 10, -1, 0.5],
    some: [undefined, null, 2, 4, 0],
    any: [undefined, null, 2, 3],
    short: [undefined, null, '', 'a', 'ab', 'abcd', 'abcde'],
    word: [undefined, null, 'B', 'c', ''],
    like: [undefined, null, 'aaa', 'b', ''],
    day: [undefined, null, new Date(1_000), new Date(999), new Date(9_000), new Date(9_001)],
    'sub.few': [undefined, null, 1, 0],
  };

  /** What a Mongoose document says of the same edit. */
  async function mongooseSays(before: Image, edited: Image, path: string): Promise<Record<string, string>> {
    const document = liveModel(model).hydrate(cloneValue(before));
    document.$set(path, valueOf(edited, path), undefined, { overwriteImmutable: false });
    try {
      await document.validate({ middleware: false });
      return {};
    } catch (error) {
      const { errors } = error as { readonly errors: Record<string, Error> };
      // the subdocument that an error is in is told as well
      return Object.fromEntries(Object.entries(errors).filter(([each]) => each === path).map(([each, { message }]) => [each, message]));
    }
  }
  const valueOf = (image: Image, path: string): unknown => path.split('.').reduce<unknown>((value, key) => (value as Image)[key], image);

  it.each(Object.keys(values))('on %s', async (path) => {
    for (const mode of ['loose', 'strict']) {
      for (const value of values[path] ?? []) {
        const before: Image = { _id: id, version: 1, ...cloneValue(stored), mode };
        const edited = cloneValue(before);
        const [parent, name] = path.includes('.') ? [at(edited, 'sub'), 'few'] : [edited, path];
        if (value === undefined) delete parent[name];
        else parent[name] = value;
        const expected = await mongooseSays(before, edited, path);
        const found = await Promise.resolve(caster.castChanges(before, edited, computeDiff(before, edited, { versionField: 'version' }), now)).then(
          () => ({}),
          (error: unknown) => (error instanceof DocumentValidationError ? error.problems : { error: String(error) }),
        );
        expect([mode, value, found]).toEqual([mode, value, expected]);
      }
    }
  });

  it('and hold up nobody: an edit that keeps them needs no promise', () => {
    const before: Image = { _id: id, version: 1, ...stored };
    for (const [path, value] of [['needed', 'y'], ['told', 2], ['perhaps', 'y'], ['few', 2], ['some', 2], ['short', 'ab'], ['word', 'b'], ['day', new Date(2_000)]] as const) {
      const edited = { ...before, [path]: value };
      expect([path, caster.castChanges(before, edited, { set: { [path]: value }, unset: [] }, now)]).toEqual([path, { ...before, [path]: value }]);
    }
  });
});

describe('strict', () => {
  it('drops paths that the schema does not know', async () => {
    const caster = casterOf({ known: Number, inner: { known: Number }, sub: new Schema({ known: Number }, { _id: false }) });
    const { diff } = await change(caster, { inner: { known: 1 }, sub: { known: 1 } }, (document) => {
      document['known'] = 1;
      document['unknown'] = 1;
      at(document, 'inner')['unknown'] = 1;
      at(document, 'sub')['unknown'] = 1;
    });
    expect(diff).toEqual({ set: { known: 1 }, unset: [] });
  });

  it('does not take away what is stored and unknown', async () => {
    expect((await change(casterOf({ known: Number }), { known: 1, legacy: true }, () => ({ known: 2 }))).diff).toEqual({ set: { known: 2 }, unset: [] });
  });

  it('throw refuses them', async () => {
    expect(Object.keys(await problems(casterOf({ known: Number }, { strict: 'throw' }), {}, set({ unknown: 1 })))).toEqual(['unknown']);
    expect(Object.keys(await newProblems(casterOf({ known: Number }, { strict: 'throw' }), { unknown: 1 }))).toEqual(['unknown']);
  });

  it('false keeps them', async () => {
    const caster = casterOf({ known: Number }, { strict: false });
    expect((await change(caster, {}, set({ unknown: { bytes: Buffer.from('a') } }))).after['unknown']).toEqual({ bytes: new Binary(Buffer.from('a')) });
    expect(await caster.castNew(id, { unknown: { a: 1n } }, now)).toEqual({ _id: id, unknown: { a: 1 } });
  });
});

describe('nested objects', () => {
  const caster = casterOf({ stats: { hp: { type: Number, required: true }, mp: { type: Number, default: 5 }, deep: { note: { type: String, uppercase: true } } } });

  it('change by field', async () => {
    const { diff } = await change(caster, { stats: { hp: 1 } }, (document) => void Object.assign(at(document, 'stats'), { hp: '2', deep: { note: 'a' } }));
    expect(diff).toEqual({ set: { 'stats.hp': 2, 'stats.deep': { note: 'A' } }, unset: [] });
  });

  it('appear as a whole, without defaults', async () => {
    expect((await change(caster, {}, set({ stats: { hp: '3' } }))).diff).toEqual({ set: { stats: { hp: 3 } }, unset: [] });
  });

  it('stay when required fields are inside', async () => {
    expect(await problems(caster, { stats: { hp: 1 } }, remove('stats'))).toEqual({ 'stats.hp': 'Path `stats.hp` is required.' });
    expect(await problems(caster, { stats: { hp: 1 } }, (document) => void delete at(document, 'stats')['hp'])).toEqual({ 'stats.hp': 'Path `stats.hp` is required.' });
    expect(Object.keys(await problems(caster, {}, set({ stats: { mp: 1 } })))).toEqual(['stats.hp']);
  });

  it('may become empty and stay', async () => {
    const loose = casterOf({ stats: { hp: Number }, other: Number });
    expect((await change(loose, { stats: { hp: 1 } }, (document) => void delete at(document, 'stats')['hp'])).after['stats']).toEqual({});
    expect((await change(loose, { stats: { hp: 1 } }, remove('stats'))).diff).toEqual({ set: {}, unset: ['stats'] });
  });
});

describe('arrays', () => {
  const judged: unknown[] = [];
  const caster = casterOf({
    tags: [{ type: String, minlength: 2, lowercase: true }],
    few: { type: [Number], validate: { validator: (values: number[]): boolean => { judged.push(values.length); return values.length < 4; }, message: 'too many' } },
    grid: [[Number]],
    any: [],
    refs: [{ type: Schema.Types.ObjectId, ref: 'Other' }],
    must: { type: [String], required: true },
  });

  it('of values are cast element by element', async () => {
    expect((await change(caster, { tags: ['aa'] }, set({ tags: ['aa', 'BB'] }))).diff).toEqual({ set: { tags: ['aa', 'bb'] }, unset: [] });
    expect((await change(caster, { tags: ['aa', 'bb'] }, (document) => void (at(document, 'tags')[1] = 'CC'))).diff).toEqual({ set: { 'tags.1': 'cc' }, unset: [] });
    expect((await change(caster, {}, set({ refs: [otherId.toHexString(), { _id: id }] }))).after['refs']).toEqual([otherId, id]);
    expect((await change(caster, { tags: ['aa'] }, set({ tags: [] }))).diff).toEqual({ set: { tags: [] }, unset: [] });
    expect((await change(caster, {}, set({ any: [Buffer.from('a'), 1n] }))).after['any']).toEqual([new Binary(Buffer.from('a')), 1]);
  });

  it('validate their elements', async () => {
    expect(Object.keys(await problems(caster, { tags: ['aa'] }, set({ tags: ['aa', 'b'] })))).toEqual(['tags.1']);
    expect(Object.keys(await problems(caster, { tags: ['aa', 'bb'] }, (document) => void (at(document, 'tags')[1] = 'c')))).toEqual(['tags.1']);
    expect(Object.keys(await problems(caster, { few: [1] }, set({ few: [1, 'x'] })))).toEqual(['few.1']);
  });

  it('validate themselves, also when one element changes', async () => {
    expect(await problems(caster, {}, set({ few: [1, 2, 3, 4] }))).toEqual({ few: 'too many' });
    judged.length = 0;
    expect((await change(caster, { few: [1, 2] }, (document) => void (at(document, 'few')[0] = 7))).diff).toEqual({ set: { 'few.0': 7 }, unset: [] });
    expect(judged).toEqual([2]);
  });

  it('of arrays', async () => {
    expect((await change(caster, { grid: [[1], [2, 3]] }, (document) => void (at(document, 'grid.1')[0] = '9'))).diff).toEqual({ set: { 'grid.1.0': 9 }, unset: [] });
    expect((await change(caster, { grid: [[1]] }, set({ grid: [['1'], ['2']] }))).after['grid']).toEqual([[1], [2]]);
  });

  it('that are required cannot be taken away', async () => {
    expect(Object.keys(await problems(caster, { must: ['a'] }, remove('must')))).toEqual(['must']);
    expect((await change(caster, { must: ['a'] }, set({ must: ['b', 'c'] }))).after['must']).toEqual(['b', 'c']);
  });

  it('take a single value for a list of one, as Mongoose does', async () => {
    expect((await change(caster, {}, set({ tags: 'solo' }))).after['tags']).toEqual(['solo']);
  });
});

describe('subdocuments', () => {
  const owners: unknown[] = [];
  const item = new Schema({
    sku: { type: String, required: true, immutable: true },
    qty: { type: Number, default: 1, min: 1, validate: { validator(this: Image): boolean { owners.push(this['sku']); return true; } } },
    note: { type: String, alias: 'comment' },
  });
  const address = new Schema({ zip: { type: String, required: true }, city: { type: String, trim: true } }, { _id: false });
  const caster = casterOf({ items: [item], address, home: { address }, byName: { type: Map, of: new Schema({ sku: { type: String, required: true }, qty: { type: Number, default: 1 } }) } });
  const first = { _id: id, sku: 'a', qty: 2 };
  const second = { _id: otherId, sku: 'b', qty: 3 };

  it('change by field, with themselves as `this`', async () => {
    owners.length = 0;
    const { diff } = await change(caster, { items: [first, second], address: { zip: '1' } }, (document) => {
      at(document, 'items.1')['qty'] = '9';
      at(document, 'address')['city'] = ' Rome ';
    });
    expect(diff).toEqual({ set: { 'items.1.qty': 9, 'address.city': 'Rome' }, unset: [] });
    expect(owners).toEqual(['b']);
  });

  it('are refused by field', async () => {
    expect(Object.keys(await problems(caster, { items: [first] }, (document) => void (at(document, 'items.0')['qty'] = 0)))).toEqual(['items.0.qty']);
    expect(Object.keys(await problems(caster, { address: { zip: '1' } }, (document) => void delete at(document, 'address')['zip']))).toEqual(['address.zip']);
    expect(Object.keys(await problems(caster, { items: [first] }, (document) => void (document['items'] as Image[]).push({ qty: 1 })))).toEqual(['items.1.sku']);
    expect(Object.keys(await problems(caster, {}, set({ address: { city: 'x' } })))).toEqual(['address.zip']);
    expect(Object.keys(await problems(caster, {}, set({ address: 'x' })))).toEqual(['address']);
  });

  it('that are new get defaults and an _id, their neighbours nothing', async () => {
    const { after } = await change(caster, { items: [{ _id: id, sku: 'a', qty: 1 }] }, (document) => void (document['items'] as Image[]).push({ sku: 'c', unknown: 1 }));
    expect(after['items']).toEqual([{ _id: id, sku: 'a', qty: 1 }, { _id: expect.any(Types.ObjectId), sku: 'c', qty: 1 }]);
    const old = await change(caster, { items: [{ _id: id, sku: 'a' }] }, (document) => void (document['items'] as Image[]).push({ sku: 'c' }));
    expect((old.after['items'] as Image[])[0]).toEqual({ _id: id, sku: 'a' });
    const alone = await change(caster, { address: { zip: '1' } }, set({ home: { address: { zip: '2' } } }));
    expect(alone.diff).toEqual({ set: { home: { address: { zip: '2' } } }, unset: [] });
  });

  it('keep immutable fields', async () => {
    expect((await change(caster, { items: [first] }, (document) => void (at(document, 'items.0')['sku'] = 'x'))).diff).toEqual({ set: {}, unset: [] });
    const { after } = await change(caster, { items: [first] }, (document) => {
      at(document, 'items.0')['sku'] = 'x';
      (document['items'] as Image[]).push({ sku: 'c' });
    });
    expect((after['items'] as Image[]).map((each) => each['sku'])).toEqual(['a', 'c']);
  });

  it('in the place of another are new, and reordered ones stay themselves', async () => {
    const { after } = await change(caster, { items: [first, second] }, (document) => void (document['items'] = (document['items'] as Image[]).toReversed()));
    expect(after['items']).toEqual([second, first]);
    const replaced = await change(caster, { items: [first] }, (document) => void ((document['items'] as Image[])[0] = { sku: 'new' }));
    expect(replaced.after['items']).toEqual([{ _id: expect.any(Types.ObjectId), sku: 'new', qty: 1 }]);
    expect((replaced.after['items'] as Image[])[0]?.['_id']).not.toEqual(id);
  });

  it('in a Map', async () => {
    expect((await change(caster, { byName: { k: first } }, (document) => void (at(document, 'byName.k')['qty'] = '5'))).diff).toEqual({ set: { 'byName.k.qty': 5 }, unset: [] });
    const { after } = await change(caster, { byName: { k: first } }, (document) => void (at(document, 'byName')['n'] = { sku: 'n' }));
    expect(after['byName']).toEqual({ k: first, n: { _id: expect.any(Types.ObjectId), sku: 'n', qty: 1 } });
    expect((await change(caster, { byName: { k: first } }, (document) => void delete at(document, 'byName')['k'])).diff).toEqual({ set: {}, unset: ['byName.k'] });
    expect(Object.keys(await problems(caster, { byName: {} }, (document) => void (at(document, 'byName')['n'] = {})))).toEqual(['byName.n.sku']);
  });

  it('know their aliases', async () => {
    expect((await change(caster, { items: [first] }, (document) => void (at(document, 'items.0')['comment'] = 'hi'))).diff).toEqual({ set: { 'items.0.note': 'hi' }, unset: [] });
  });
});

describe('Maps', () => {
  const caster = casterOf({ scores: { type: Map, of: { type: Number, min: 0, required: true } }, bag: Map });

  it('change by entry', async () => {
    const { diff } = await change(caster, { scores: { a: 1, b: 2 } }, (document) => {
      const scores = at(document, 'scores');
      scores['a'] = '5';
      scores['c'] = 7;
      delete scores['b'];
    });
    expect(diff).toEqual({ set: { 'scores.a': 5, 'scores.c': 7 }, unset: ['scores.b'] });
  });

  it('appear and are given as Map or object', async () => {
    expect((await change(caster, {}, set({ scores: new Map([['a', '1']]) }))).after['scores']).toEqual({ a: 1 });
    expect((await change(caster, {}, set({ bag: { any: [1, { x: Buffer.from('a') }] } }))).after['bag']).toEqual({ any: [1, { x: new Binary(Buffer.from('a')) }] });
    expect((await change(caster, { bag: { deep: { a: 1 } } }, (document) => void (at(document, 'bag.deep')['a'] = 2))).diff).toEqual({ set: { 'bag.deep.a': 2 }, unset: [] });
  });

  it('are refused by entry', async () => {
    expect(Object.keys(await problems(caster, { scores: {} }, (document) => void (at(document, 'scores')['a'] = -1)))).toEqual(['scores.a']);
    expect(Object.keys(await problems(caster, {}, set({ scores: { a: -1 } })))).toEqual(['scores.a']);
    expect(Object.keys(await problems(caster, { scores: { a: 1 } }, set({ scores: { 'a.b': 1 } })))).toEqual(['scores']);
  });
});

describe('a value of another driver', () => {
  const foreign = Object.create({ _bsontype: 'Long', [Symbol.for('@@mdb.bson.version')]: 4 }) as unknown;

  it('is refused, before Mongoose makes an object of it', async () => {
    const caster = casterOf({ any: {}, nest: { any: {} } });
    expect(await problems(caster, {}, set({ any: foreign }))).toEqual({ document: expect.stringContaining('BSON version') });
    expect(await problems(caster, {}, set({ nest: { any: [foreign] } }))).toEqual({ document: expect.stringContaining('BSON version') });
    expect(await newProblems(caster, { any: foreign })).toEqual({ document: expect.stringContaining('BSON version') });
  });
});

describe('Mixed', () => {
  const judged: unknown[] = [];
  const caster = casterOf({
    free: {},
    checked: { type: {}, validate: { validator: (value: Image): boolean => { judged.push(value['a']); return value['a'] !== 0; }, message: 'zero' } },
    shaped: { type: Schema.Types.Mixed, set: (value: Image) => ({ ...value, seal: true }) },
  });

  it('changes inside as they are', async () => {
    const { diff } = await change(caster, { free: { a: { b: 1 }, list: [1, 2] } }, (document) => {
      at(document, 'free.a')['b'] = 2n;
      at(document, 'free.list')[1] = Buffer.from('a');
      at(document, 'free')['new'] = null;
    });
    expect(diff).toEqual({ set: { 'free.a.b': 2, 'free.list.1': new Binary(Buffer.from('a')), 'free.new': null }, unset: [] });
  });

  it('is validated as a whole, whatever changed inside', async () => {
    expect(await problems(caster, { checked: { a: 1 } }, (document) => void (at(document, 'checked')['a'] = 0))).toEqual({ checked: 'zero' });
    expect((await change(caster, { checked: { a: 1 } }, (document) => void (at(document, 'checked')['a'] = 2))).diff).toEqual({ set: { 'checked.a': 2 }, unset: [] });
  });

  it('is set as a whole when it has setters', async () => {
    expect((await change(caster, { shaped: { a: 1 } }, (document) => void (at(document, 'shaped')['a'] = 2))).after['shaped']).toEqual({ a: 2, seal: true });
  });
});

describe('immutable paths', () => {
  const definition: SchemaDefinition = { owner: { type: String, immutable: true }, seal: { type: String, immutable: (document: Image) => document['locked'] === true }, locked: Boolean };

  it('keep their stored value', async () => {
    expect((await change(casterOf(definition), { owner: 'a' }, set({ owner: 'b', locked: true }))).diff).toEqual({ set: { locked: true }, unset: [] });
    expect((await change(casterOf(definition), { owner: 'a' }, remove('owner'))).diff).toEqual({ set: {}, unset: [] });
  });

  it('decide by the document when they are a function', async () => {
    expect((await change(casterOf(definition), { seal: 'a', locked: true }, set({ seal: 'b' }))).diff).toEqual({ set: {}, unset: [] });
    expect((await change(casterOf(definition), { seal: 'a', locked: false }, set({ seal: 'b' }))).diff).toEqual({ set: { seal: 'b' }, unset: [] });
  });

  it('are refused in strict mode throw', async () => {
    expect(Object.keys(await problems(casterOf(definition, { strict: 'throw' }), { owner: 'a' }, set({ owner: 'b' })))).toEqual(['owner']);
  });
});

describe('aliases and virtuals', () => {
  const schema = new Schema({ n: { type: String, alias: 'name', trim: true }, first: String, last: String, inner: { x: { type: Number, alias: 'inner.width' } } });
  schema.virtual('fullName').set(function split(this: Image, value: string) {
    [this['first'], this['last']] = value.split(' ');
  });
  const caster = casterOf(schema);

  it('an alias is written to the real path', async () => {
    expect((await change(caster, { n: 'a' }, set({ name: ' b ' }))).diff).toEqual({ set: { n: 'b' }, unset: [] });
    expect((await change(caster, { inner: { x: 1 } }, (document) => void (at(document, 'inner')['width'] = '7'))).diff).toEqual({ set: { 'inner.x': 7 }, unset: [] });
    expect(await caster.castNew(id, { name: 'c' }, now)).toEqual({ _id: id, n: 'c' });
  });

  it('an alias whose real path leads through null makes the object, or is refused in public', async () => {
    const nested = casterOf({ n: Number, a: { b: { type: String, alias: 'z', maxlength: 5 } } });
    for (const given of ['x', 5]) expect((await change(nested, { n: 1, a: null }, set({ z: given }))).diff).toEqual({ set: { a: { b: String(given) } }, unset: [] });
    expect(Object.keys(await problems(nested, { n: 1, a: null }, set({ z: 'too long' })))).toEqual(['a.b']);
  });

  it('a virtual sets what its setter sets', async () => {
    expect((await change(caster, { first: 'a' }, set({ fullName: 'x y' }))).diff).toEqual({ set: { first: 'x', last: 'y' }, unset: [] });
  });

  it('the id that Mongoose adds to what it shows is not one', async () => {
    expect((await change(caster, {}, set({ id: 'something' }))).diff).toEqual({ set: {}, unset: [] });
  });
});

describe('discriminators', () => {
  const base = new Schema({ name: String, parts: [new Schema({ n: Number }, { discriminatorKey: 'type', _id: false })] }, { discriminatorKey: 'kind' });
  const parts = base.path<mongoose.Schema.Types.DocumentArray>('parts');
  parts.discriminator('Wheel', new Schema({ radius: { type: Number, min: 1 } }, { _id: false }));
  const model = modelOf(base);
  model.discriminator('Boss', new Schema({ hp: { type: Number, min: 1, required: true } }), 'boss');
  model.discriminator('Minion', new Schema({ hp: String }));
  const caster = new SchemaCaster(model, 'things', 'version');

  it('decide what a path is', async () => {
    expect((await change(caster, { kind: 'boss', hp: 1 }, set({ hp: '5' }))).after['hp']).toBe(5);
    expect((await change(caster, { kind: 'Minion', hp: '1' }, set({ hp: 5 }))).after['hp']).toBe('5');
    expect((await change(caster, {}, set({ hp: 5 }))).diff).toEqual({ set: {}, unset: [] });
    expect(Object.keys(await problems(caster, { kind: 'boss', hp: 1 }, set({ hp: 0 })))).toEqual(['hp']);
  });

  it('stay what they are', async () => {
    expect((await change(caster, { kind: 'boss', hp: 1 }, set({ kind: 'Minion', hp: 2 }))).diff).toEqual({ set: { hp: 2 }, unset: [] });
    expect((await change(caster, { kind: 'boss', hp: 1 }, () => ({ hp: 3 }))).diff).toEqual({ set: { hp: 3 }, unset: [] });
  });

  it('make new documents', async () => {
    expect(await caster.castNew(id, { kind: 'boss', hp: '3' }, now)).toEqual({ _id: id, parts: [], kind: 'boss', hp: 3 });
    expect(Object.keys(await newProblems(caster, { kind: 'boss' }))).toEqual(['hp']);
  });

  it('of elements', async () => {
    const stored = { parts: [{ type: 'Wheel', radius: 3, n: 1 }] };
    expect((await change(caster, stored, (document) => void (at(document, 'parts.0')['radius'] = '4'))).diff).toEqual({ set: { 'parts.0.radius': 4 }, unset: [] });
    expect(Object.keys(await problems(caster, stored, (document) => void (at(document, 'parts.0')['radius'] = 0)))).toEqual(['parts.0.radius']);
  });
});

describe('timestamps', () => {
  const item = new Schema({ n: Number }, { timestamps: true });
  const plain = new Schema({ n: Number, items: [item] }, { timestamps: true });
  const caster = casterOf(plain);
  const earlier = new Date('2020-01-01T00:00:00Z');
  const times = { createdAt: earlier, updatedAt: earlier };

  it('follow a change', async () => {
    expect((await change(caster, { n: 1, ...times }, set({ n: 2 }))).diff).toEqual({ set: { n: 2, updatedAt: now }, unset: [] });
  });

  it('do not follow an edit that changed nothing', async () => {
    expect((await change(caster, { n: 1, ...times }, set({ n: '1' }))).diff).toEqual({ set: {}, unset: [] });
  });

  it('alone are no change: an edit may leave them out', async () => {
    const items = [{ _id: id, n: 1, ...times }, { _id: otherId, n: 2, ...times }];
    expect((await change(caster, { n: 1, items, ...times }, () => ({ n: 1, items: items.map(({ _id, n }) => ({ _id, n })) }))).diff).toEqual({ set: {}, unset: [] });
    expect((await change(caster, { n: 1, items, ...times }, set({ updatedAt: now }))).diff).toEqual({ set: {}, unset: [] });
    const strict = casterOf({ n: Number }, { timestamps: true, strict: 'throw' });
    expect((await change(strict, { n: 1, ...times }, () => ({ n: 1 }))).diff).toEqual({ set: {}, unset: [] });
  });

  it('of reordered subdocuments go with them', async () => {
    const items = [{ _id: id, n: 1, createdAt: earlier, updatedAt: now }, { _id: otherId, n: 2, ...times }];
    expect((await change(caster, { items, ...times }, (document) => void (document['items'] = (document['items'] as Image[]).toReversed()))).after['items']).toEqual(items.toReversed());
  });

  it('are not the edit’s to decide', async () => {
    expect((await change(caster, { n: 1, ...times }, () => ({ n: 2 }))).diff).toEqual({ set: { n: 2, updatedAt: now }, unset: [] });
    expect((await change(caster, { n: 1, ...times }, set({ createdAt: now, updatedAt: new Date(0), n: 2 }))).diff).toEqual({ set: { n: 2, updatedAt: now }, unset: [] });
  });

  it('of a changed subdocument follow, of its neighbours not', async () => {
    const items = [{ _id: id, n: 1, ...times }, { _id: otherId, n: 2, ...times }];
    expect((await change(caster, { items, ...times }, (document) => void (at(document, 'items.1')['n'] = 3))).diff).toEqual({
      set: { 'items.1.n': 3, 'items.1.updatedAt': now, updatedAt: now },
      unset: [],
    });
    const { after } = await change(caster, { items, ...times }, (document) => void (document['items'] as Image[]).splice(1, 1, { n: 7 }, at(document, 'items.1')));
    expect(after['items']).toEqual([items[0], { _id: expect.any(Types.ObjectId), n: 7, createdAt: now, updatedAt: now }, items[1]]);
  });

  it('of a new document are the storage’s, unless they are given', async () => {
    const made = await caster.castNew(id, { n: 1, items: [{ _id: otherId, n: 1 }] }, now);
    expect(made).toEqual({ _id: id, n: 1, items: [{ _id: otherId, n: 1, createdAt: now, updatedAt: now }], createdAt: now, updatedAt: now });
    expect(await caster.castNew(id, { createdAt: earlier }, now)).toMatchObject({ createdAt: earlier, updatedAt: earlier });
  });

  it('have the names, types and clock that the schema says', async () => {
    const named = casterOf({ n: Number, made: Number, touched: Number }, { timestamps: { createdAt: 'made', updatedAt: 'touched' } });
    expect(await named.castNew(id, {}, now)).toEqual({ _id: id, made: now.getTime(), touched: now.getTime() });
    expect((await change(named, { n: 1 }, set({ n: 2 }))).diff.set).toEqual({ n: 2, touched: now.getTime() });
    const clock = casterOf({ n: Number, updatedAt: Number }, { timestamps: { createdAt: false, currentTime: () => 77 } });
    expect((await change(clock, { n: 1 }, set({ n: 2 }))).diff.set).toEqual({ n: 2, updatedAt: 77 });
  });
});

describe('the version', () => {
  it('and Mongoose’s own key are in no image of the caster', async () => {
    const caster = new SchemaCaster(modelOf({ n: Number, version: { type: Number, required: true, default: 7 } }, { versionKey: 'rev' }), 'things', 'version');
    expect(await caster.castNew(id, { n: 1, version: 9, rev: 3, __v: 4 }, now)).toEqual({ _id: id, n: 1 });
    expect((await change(caster, { n: 1, rev: 2, __v: 4 }, () => ({ n: 2, rev: 9, version: 99 }))).diff).toEqual({ set: { n: 2 }, unset: [] });
  });

  it('in strict mode throw is not held against new data', async () => {
    const caster = casterOf({ n: Number }, { strict: 'throw', versionKey: 'version' });
    expect(await caster.castNew(id, { n: 1, version: 9, __v: 1 }, now)).toEqual({ _id: id, n: 1 });
  });
});

describe('a new document', () => {
  const caster = casterOf({
    name: { type: String, required: true, trim: true },
    level: { type: Number, default: 1 },
    when: { type: Date, default: () => now },
    bytes: Buffer,
    big: BigInt,
    map: { type: Map, of: Number },
    tags: [String],
    empty: { a: Number },
    any: {},
  });

  it('is cast, with defaults, as the driver will return it', async () => {
    expect(await caster.castNew(id, { name: ' x ', bytes: Buffer.from('a'), big: 5n, map: new Map([['a', '1']]), any: { deep: [Buffer.from('b')] }, unknown: 1 }, now)).toEqual({
      _id: id,
      name: 'x',
      level: 1,
      when: now,
      bytes: new Binary(Buffer.from('a')),
      big: 5,
      map: { a: 1 },
      tags: [],
      any: { deep: [new Binary(Buffer.from('b'))] },
    });
  });

  it('has its _id first', async () => {
    expect(Object.keys(await caster.castNew(id, { name: 'x' }, now))[0]).toBe('_id');
  });

  it('is refused with all that is wrong', async () => {
    expect(Object.keys(await newProblems(caster, { level: 'x', when: 'y' })).toSorted()).toEqual(['level', 'name', 'when']);
  });

  it('leaves the caller’s data alone and does not share them', async () => {
    const data = { name: ' x ', any: { deep: { a: 1 } }, tags: ['a'] };
    const copy = cloneValue(data);
    const made = await caster.castNew(id, data, now);
    expect(data).toEqual(copy);
    expect((made['any'] as Image)['deep']).not.toBe(data.any.deep);
  });

  it('can be given as a Mongoose document', async () => {
    const model = modelOf({ name: String, map: { type: Map, of: Number }, kids: [new Schema({ n: Number }, { _id: false })] });
    const given = liveModel(model).hydrate({ _id: otherId, name: 'x', map: { a: 1 }, kids: [{ n: 1 }] });
    const made = await new SchemaCaster(model, 'things', 'version').castNew(id, given as unknown as Image, now);
    expect(made).toEqual({ _id: id, name: 'x', map: { a: 1 }, kids: [{ n: 1 }] });
  });

  it('keeps empty objects when the schema says so', async () => {
    expect(await casterOf({ any: {}, name: String }).castNew(id, { any: {} }, now)).toEqual({ _id: id });
    expect(await casterOf({ any: {}, name: String }, { minimize: false }).castNew(id, { any: {} }, now)).toEqual({ _id: id, any: {} });
  });

  it('is what Mongoose would insert', async () => {
    const model = modelOf({ name: { type: String, trim: true }, level: { type: Number, default: 1 }, stats: { hp: { type: Number, default: 5 } }, kids: [{ n: Number }], any: {}, m: Map });
    const data = { _id: id, name: ' x ', kids: [{ _id: otherId, n: '1', unknown: 1 }], any: { a: {}, b: [{}] }, m: { k: { deep: 1 } } };
    const document = liveModel(model).schema && new (liveModel(model))(data);
    const { BSON } = mongoose.mongo;
    const { __v, ...inserted } = BSON.deserialize(BSON.serialize(document.toObject({ bson: true, transform: false, virtuals: false, getters: false })));
    expect(__v).toBeUndefined();
    expect(await new SchemaCaster(model, 'things', 'version').castNew(id, data, now)).toEqual(inserted);
  });
});

describe('hooks', () => {
  it('do not run', async () => {
    const ran: string[] = [];
    const schema = new Schema({ n: Number, list: [{ n: Number }] });
    schema.pre('validate', () => void ran.push('validate'));
    schema.pre('save', () => void ran.push('save'));
    const caster = casterOf(schema);
    await caster.castNew(id, { n: 1 }, now);
    await change(caster, { n: 1 }, set({ n: 2, list: [{ n: 1 }] }));
    expect(ran).toEqual([]);
  });
});

describe('what is stored and does not fit the schema', () => {
  const caster = casterOf({ count: Number, list: [Number], sub: new Schema({ n: { type: Number, required: true } }, { _id: false }), other: Number, kids: [{ n: Number }], withDefault: { type: String, default: 'x' } });

  it('is not touched by a change elsewhere', async () => {
    const stored = { count: 'nonsense', list: 'none', sub: { wrong: 1 }, other: 1, kids: [] };
    expect((await change(caster, stored, set({ other: 2 }))).diff).toEqual({ set: { other: 2 }, unset: [] });
    expect((await change(caster, stored, set({ other: 2, kids: [{ _id: id, n: 1 }] }))).diff).toEqual({ set: { other: 2, kids: [{ _id: id, n: 1 }] }, unset: [] });
  });

  it('is refused when it is changed for something wrong again', async () => {
    expect(Object.keys(await problems(caster, { count: 'nonsense', kids: [] }, set({ count: 'other', kids: [{ _id: id, n: 1 }] })))).toEqual(['count']);
  });
});

describe('both ways of casting agree', () => {
  const definition: SchemaDefinition = {
    text: { type: String, trim: true, maxlength: 4 },
    word: { type: String, required: true, enum: ['a', 'b', null] },
    count: { type: Number, min: 0 },
    flag: Boolean,
    when: { type: Date, min: new Date(0) },
    ref: Schema.Types.ObjectId,
    price: Schema.Types.Decimal128,
    key: Schema.Types.UUID,
    big: BigInt,
    bytes: Buffer,
    any: {},
    nest: { leaf: { type: Number, max: 5 } },
    tags: [{ type: String, minlength: 2 }],
    numbers: [Number],
    map: { type: Map, of: Number },
    sub: new Schema({ leaf: { type: Number, max: 5 } }, { _id: false }),
    list: [new Schema({ leaf: { type: Number, max: 5 } }, { _id: false })],
  };
  const model = modelOf(definition);
  const caster = new SchemaCaster(model, 'things', 'version');
  const stored: Image = { text: 'x', word: 'a', count: 1, flag: true, when: now, ref: id, any: { leaf: 1 }, nest: { leaf: 1 }, tags: ['aa', 'bb'], numbers: [1, 2], map: { k: 1 }, sub: { leaf: 1 }, list: [{ leaf: 1 }] };
  const paths = ['text', 'word', 'count', 'flag', 'when', 'ref', 'price', 'key', 'big', 'bytes', 'any', 'any.leaf', 'nest.leaf', 'tags', 'tags.1', 'numbers', 'numbers.0', 'map.k', 'map.n', 'sub.leaf', 'list.0.leaf'];
  const values: readonly unknown[] = [
    [undefined, null, '', ' ', 'a', ' a ', 'abcdef', '5', '1e3', 'true', 'no', '2026-01-01', '0123456789abcdef01234567', '6ba7b810-9dad-41d1-80b4-00c04fd430c8'],
    [0, -0, 1, -1, 6, 1.5, 2 ** 40, 2 ** 60, Number.NaN, Infinity, true, false, 5n, 2n ** 62n],
    [new Date(5), new Date(-5), id, new Types.UUID(), Types.Decimal128.fromString('1.0'), Long.fromNumber(7), new mongoose.mongo.Double(2), new mongoose.mongo.Int32(3), Buffer.from('ab')],
    [{}, { a: 1 }, { _id: otherId }, [], ['aa'], ['a'], [1, '2'], [null], [[1]], [{ a: 1 }]],
  ].flat();

  it.each(paths)('on %s, for every kind of value', async (path) => {
    for (const value of values) {
      if (value === undefined && /\.\d+$/.test(path)) continue; // an index is never taken away
      const before: Image = { _id: id, version: 1, ...stored };
      const changes: DiffPaths = value === undefined ? { set: {}, unset: [path] } : { set: { [path]: value }, unset: [] };
      const edited = cloneValue(before);
      const parent = path.includes('.') ? at(edited, path.slice(0, path.lastIndexOf('.'))) : edited;
      parent[path.slice(path.lastIndexOf('.') + 1)] = cloneValue(value);
      const quick = await outcome(caster.castChanges(before, edited, changes, now));
      const target = schemaPath(liveModel(model).schema, path);
      const thorough = await outcome(castByDocument({ model: liveModel(model), before, edited, edits: [{ target, value: cloneValue(value) }], protectedFields: new Set(), now, address: '' }));
      expect([path, value, isRefusal(quick) ? quick : finest(before, quick)]).toEqual([path, value, isRefusal(thorough) ? thorough : finest(before, applyDiff(before, thorough))]);
    }
  });

  async function outcome<T>(result: Promise<T> | T): Promise<T | { readonly error: unknown }> {
    try {
      return await result;
    } catch (error) {
      return { error: error instanceof DocumentValidationError ? Object.keys(error.problems) : String(error) };
    }
  }

  function isRefusal(result: object): result is { readonly error: unknown } {
    return 'error' in result;
  }

  function finest(before: Image, after: Image): DiffPaths {
    return computeDiff(before, after, { versionField: 'version' });
  }
});
