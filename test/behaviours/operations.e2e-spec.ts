import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import mongoose from 'mongoose';
import type { WriteOptions } from 'nestjs-event-sourced-storage';
import { consistent } from '../support/consistent.js';
import { databaseName, dropDatabase, type Game, type GamesApp, startGames } from '../support/games.js';
import { everythingStored } from '../support/traces.js';

const { ObjectId } = mongoose.Types;
const database = databaseName('operations');

describe('operations that may be repeated', () => {
  let first: GamesApp;
  let second: GamesApp;

  beforeAll(async () => {
    await dropDatabase(database);
    first = await startGames({ database });
    second = await startGames({ database });
  });
  afterAll(async () => {
    await first?.close();
    await second?.close();
  });

  const addGold = (game: Game): void => void (game.gold += 1);
  const create = async (): Promise<Game> => (await first.games.findOneAndUpsert({ name: 'raid' }, 'creator')).document;
  const applications = (): GamesApp[] => [first, second];

  it('a repeated create answers the first result, also after the document was changed or deleted, and writes nothing', async () => {
    const _id = new ObjectId();
    const once = await first.games.findOneAndUpsert({ _id, name: 'raid' }, 'creator', { operationId: 'create-1' });
    expect(once).toMatchObject({ created: true, document: { version: 1 } });
    const repeat = (app: GamesApp): Promise<unknown> => app.games.findOneAndUpsert({ _id, name: 'other data' }, 'creator', { operationId: 'create-1' });
    for (const app of applications()) expect(await repeat(app)).toEqual(once);
    await first.games.findOneAndUpdate(_id, addGold, 'editor');
    for (const app of applications()) expect(await repeat(app)).toEqual(once);
    await first.games.deleteOne(_id, 'deleter');
    const before = await everythingStored(first.connection);
    for (const app of applications()) expect(await repeat(app)).toEqual(once);
    expect(await everythingStored(first.connection)).toEqual(before);
  });

  it('a repeated update answers the first result without a call of the edit, and writes nothing', async () => {
    const { _id } = await create();
    const once = await first.games.findOneAndUpdate(_id, addGold, 'editor', { operationId: 'update-1' });
    await second.games.findOneAndUpdate(_id, (game) => void (game.name = 'renamed'), 'other');
    const before = await everythingStored(first.connection);
    const edit = jest.fn(addGold);
    for (const app of applications()) expect(await app.games.findOneAndUpdate(_id, edit, 'editor', { operationId: 'update-1' })).toEqual(once);
    expect(edit).not.toHaveBeenCalled();
    expect(once).toMatchObject({ document: { name: 'raid', gold: 1, version: 2 }, diff: { hasChanges: true, version: 2, set: { gold: 1 } } });
    expect(await everythingStored(first.connection)).toEqual(before);
  });

  it('a repeated delete answers the first result, also after the document was created again, and writes nothing', async () => {
    const { _id } = await create();
    const once = await first.games.deleteOne(_id, 'deleter', { operationId: 'delete-1' });
    expect(once).toEqual({ deleted: true, version: 2 });
    for (const app of applications()) expect(await app.games.deleteOne(_id, 'deleter', { operationId: 'delete-1' })).toEqual(once);
    await second.games.findOneAndUpsert({ _id, name: 'second life' }, 'creator');
    const before = await everythingStored(first.connection);
    for (const app of applications()) expect(await app.games.deleteOne(_id, 'deleter', { operationId: 'delete-1' })).toEqual(once);
    expect(await everythingStored(first.connection)).toEqual(before);
  });

  it('a repetition is recognised before anything else is looked at: expectedVersion, throwIfMissing, a missing document', async () => {
    const { _id } = await create();
    const once = await first.games.findOneAndUpdate(_id, addGold, 'editor', { operationId: 'u', expectedVersion: 1 });
    expect(await second.games.findOneAndUpdate(_id, addGold, 'editor', { operationId: 'u', expectedVersion: 1 })).toEqual(once);
    const gone = await first.games.deleteOne(_id, 'deleter', { operationId: 'd', expectedVersion: 2, throwIfMissing: true });
    expect(await second.games.deleteOne(_id, 'deleter', { operationId: 'd', expectedVersion: 2, throwIfMissing: true })).toEqual(gone);
    expect(await second.games.findOneAndUpdate(_id, addGold, 'editor', { operationId: 'u' })).toEqual(once);
  });

  it.each<[string, (app: GamesApp, id: mongoose.Types.ObjectId) => Promise<unknown>]>([
    ['create', (app, _id) => app.games.findOneAndUpsert({ _id, name: 'raid' }, 'creator', { operationId: 'race' })],
    ['update', (app, _id) => app.games.findOneAndUpdate(_id, addGold, 'editor', { operationId: 'race' })],
    ['delete', (app, _id) => app.games.deleteOne(_id, 'deleter', { operationId: 'race' })],
  ])('the same %s that arrives many times at once, in two applications, happens once, and all get its result', async (kind, write) => {
    for (let round = 0; round < 8; round++) {
      const _id = kind === 'create' ? new ObjectId() : (await create())._id;
      const answers = await Promise.all(Array.from({ length: 8 }, (_, index) => write(index % 2 === 0 ? first : second, _id)));
      for (const answer of answers) expect(answer).toEqual(answers[0]);
      const found = await consistent(first, _id);
      expect(found.operationIds.filter((each) => each === 'race')).toHaveLength(1);
      expect(found.numbers).toEqual(kind === 'create' ? [1] : [1, 2]);
    }
  });

  it('a repetition that overtakes in the middle of the first call is recognised at its commit', async () => {
    const { _id } = await create();
    let other: unknown;
    const answer = await first.games.findOneAndUpdate(
      _id,
      async (game, { attempt }) => {
        if (attempt === 1) other = await second.games.findOneAndUpdate(_id, addGold, 'editor', { operationId: 'overtaken' });
        game.gold += 1;
      },
      'editor',
      { operationId: 'overtaken' },
    );
    expect(answer).toEqual(other);
    expect(await consistent(first, _id)).toMatchObject({ numbers: [1, 2], stored: { gold: 1 } });
  });

  it('an operationId that names a write of another kind is refused, and nothing is written', async () => {
    const { _id } = await create();
    await first.games.findOneAndUpdate(_id, addGold, 'editor', { operationId: 'taken' });
    const before = await everythingStored(first.connection);
    for (const { games } of applications()) {
      const refusal = { name: 'OperationIdReusedError', code: 'OPERATION_ID_REUSED', operationId: 'taken', recorded: 'update' };
      await expect(games.deleteOne(_id, 'deleter', { operationId: 'taken' })).rejects.toMatchObject({ ...refusal, asked: 'delete' });
      await expect(games.findOneAndUpsert({ _id, name: 'x' }, 'creator', { operationId: 'taken' })).rejects.toMatchObject({ ...refusal, asked: 'create' });
    }
    expect(await everythingStored(first.connection)).toEqual(before);
  });

  it('writes of different kinds with one operationId that race: one happens, the others are refused', async () => {
    for (let round = 0; round < 5; round++) {
      const { _id } = await create();
      const answers = await Promise.allSettled([
        first.games.findOneAndUpdate(_id, addGold, 'editor', { operationId: 'mixed' }),
        first.games.deleteOne(_id, 'deleter', { operationId: 'mixed' }),
        second.games.deleteOne(_id, 'deleter', { operationId: 'mixed' }),
        second.games.findOneAndUpdate(_id, addGold, 'editor', { operationId: 'mixed' }),
      ]);
      const found = await consistent(first, _id);
      expect(found.numbers).toEqual([1, 2]);
      const kinds = ['update', 'delete', 'delete', 'update'];
      for (const [index, answer] of answers.entries()) {
        if (kinds[index] === found.operations[1]) expect(answer.status).toBe('fulfilled');
        else expect(answer).toMatchObject({ status: 'rejected', reason: { code: 'OPERATION_ID_REUSED' } });
      }
    }
  });

  it('every answer agrees with the history, whatever races: queued writes of two applications, transactions, several commits at once', async () => {
    const crowded = await startGames({ database, root: { flights: 4, maxFlightChanges: 3 } });
    try {
      const ids = [new ObjectId(), new ObjectId(), new ObjectId()];
      const told = new Map<string, { readonly id: mongoose.Types.ObjectId; readonly version: number | undefined }>();
      const writer = async ({ games }: GamesApp, name: string): Promise<void> => {
        for (let step = 0; step < 40; step++) {
          const id = ids[step % 3] ?? new ObjectId();
          const operationId = `${name}-${step}`;
          const session = step % 5 === 4;
          const write = async (options: WriteOptions): Promise<number | undefined> => {
            if (step % 8 === 7) return (await games.deleteOne(id, name, options)).deleted ? (await games.deleteOne(id, name, options)).version : undefined;
            if (step % 4 === 0) {
              const { created, document } = await games.findOneAndUpsert({ _id: id, name }, name, options);
              return created ? document.version : undefined;
            }
            return (await games.findOneAndUpdate(id, addGold, name, options)).document.version;
          };
          const outcome = session ? games.withTransaction((own) => write({ operationId, session: own })) : write({ operationId });
          told.set(operationId, { id, version: await outcome.catch((error: unknown) => ignoreMissing(error)) });
        }
      };
      await Promise.all([first, second, crowded].flatMap((app, index) => [1, 2, 3].map((each) => writer(app, `writer-${index}-${each}`))));

      const written = new Map<string, number>();
      for (const id of ids) {
        const { numbers, operationIds } = await consistent(first, id);
        expect(numbers.length).toBeGreaterThan(20);
        for (const [index, operationId] of operationIds.entries()) written.set(`${operationId} ${id.toHexString()}`, numbers[index] ?? 0);
      }
      expect(told.size).toBe(9 * 40);
      for (const [operationId, { id, version }] of told) expect([operationId, written.get(`${operationId} ${id.toHexString()}`)]).toEqual([operationId, version]);
    } finally {
      await crowded.close();
    }
  });

  it('one operationId may be used for several documents: it is unique per document', async () => {
    const [one, other] = [await create(), await create()];
    await first.games.findOneAndUpdate(one._id, addGold, 'editor', { operationId: 'shared' });
    expect((await first.games.findOneAndUpdate(other._id, addGold, 'editor', { operationId: 'shared' })).document).toMatchObject({ gold: 1, version: 2 });
  });

  it('a result without an event is not remembered: the repetition is decided anew', async () => {
    const { _id } = await create();
    const unchanged = await first.games.findOneAndUpdate(_id, () => undefined, 'editor', { operationId: 'maybe' });
    expect(unchanged.diff.hasChanges).toBe(false);
    expect((await first.games.findOneAndUpdate(_id, addGold, 'editor', { operationId: 'maybe' })).diff).toMatchObject({ hasChanges: true, version: 2 });
    expect(await first.games.findOneAndUpsert({ _id, name: 'x' }, 'creator', { operationId: 'exists' })).toMatchObject({ created: false });
    await first.games.deleteOne(_id, 'deleter');
    expect(await first.games.findOneAndUpsert({ _id, name: 'x' }, 'creator', { operationId: 'exists' })).toMatchObject({ created: true, document: { version: 4 } });
  });

  it('every event has an operationId; the library makes one when the caller gives none', async () => {
    const { _id } = await create();
    await first.games.findOneAndUpdate(_id, addGold, 'editor', { operationId: 'mine' });
    await first.games.deleteOne(_id, 'deleter');
    const ids = (await first.games.getMissingEvents(_id, 0)).map(({ operationId }) => operationId);
    expect(ids).toEqual([expect.stringMatching(/^.{1,200}$/), 'mine', expect.stringMatching(/^.{1,200}$/)]);
    expect(new Set(ids).size).toBe(3);
  });

  it.each<[string, unknown]>([
    ['empty', ''],
    ['longer than 200 characters', 'x'.repeat(201)],
    ['a number', 7],
    ['null', null],
    ['an object', { $ne: '' }],
    ['broken over lines', 'a\nb'],
  ])('an operationId that is %s is refused, and nothing is written', async (_, operationId) => {
    const { _id } = await create();
    const before = await everythingStored(first.connection);
    const options = { operationId: operationId as string };
    for (const write of [
      () => first.games.findOneAndUpsert({ _id: new ObjectId(), name: 'x' }, 'creator', options),
      () => first.games.findOneAndUpdate(_id, addGold, 'editor', options),
      () => first.games.deleteOne(_id, 'deleter', options),
    ]) {
      await expect(write()).rejects.toMatchObject({ code: 'INVALID_ARGUMENT', argument: 'operationId' });
    }
    expect(await everythingStored(first.connection)).toEqual(before);
  });

  it('a create with an operationId needs an explicit id, or its repetition would create another document', async () => {
    const before = await everythingStored(first.connection);
    await expect(first.games.findOneAndUpsert({ name: 'x' }, 'creator', { operationId: 'op' })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT', argument: 'operationId' });
    expect(await everythingStored(first.connection)).toEqual(before);
  });

  it('what became of an operation can be asked in any process', async () => {
    const { _id } = await create();
    await first.games.findOneAndUpdate(_id, addGold, 'editor', { operationId: 'done' });
    for (const { games } of applications()) {
      expect(await games.resolveOperation('done', { documentId: _id })).toEqual({ applied: true, version: 2 });
      expect(await games.resolveOperation('never', { documentId: _id })).toEqual({ applied: false });
      expect(await games.resolveOperation('done', { documentId: new ObjectId() })).toEqual({ applied: false });
    }
    expect(await consistent(first, _id)).toMatchObject({ numbers: [1, 2] });
    expect((await first.games.findOneAndUpdate(_id, addGold, 'editor')).document.version).toBe(3);
  });

  it('what became of an operation that is still under way is answered once it is over', async () => {
    const { _id } = await create();
    let asked: Promise<unknown[]> = Promise.resolve([]);
    await first.games.withTransaction(async (session) => {
      await first.games.findOneAndUpdate(_id, addGold, 'editor', { operationId: 'pending', session });
      asked = Promise.allSettled([second.games.resolveOperation('pending', { documentId: _id })]);
      const tooSoon = second.games.resolveOperation('pending', { documentId: _id, timeoutMs: 2_000 }); // it has to be turned away once before that
      await expect(tooSoon).rejects.toMatchObject({ code: 'DOCUMENT_LOCKED' });
    });
    expect(await asked).toEqual([{ status: 'fulfilled', value: { applied: true, version: 2 } }]);
  });

  it.each([0, -1, 1.5, Number.NaN, '1', {}, 'some', Number.MAX_VALUE])('an expectedVersion of %p is refused, and nothing is written', async (expectedVersion) => {
    const { _id } = await create();
    const before = await everythingStored(first.connection);
    const options = { expectedVersion: expectedVersion as number };
    const writes = [() => first.games.findOneAndUpdate(_id, addGold, 'editor', options), () => first.games.deleteOne(_id, 'deleter', options)];
    for (const write of writes) await expect(write()).rejects.toMatchObject({ code: 'INVALID_ARGUMENT', argument: 'expectedVersion' });
    await expect(first.games.findOneAndUpsert({ name: 'x' }, 'creator', options as never)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT', argument: 'expectedVersion' });
    expect(await everythingStored(first.connection)).toEqual(before);
  });

  it('of many writes at once each gets its own answer, in the order of what was asked, and one failure harms no other', async () => {
    const existing = await create();
    const results = await first.games.createMany([{ name: 'a' }, { _id: existing._id, name: 'exists' }, {}, { name: 'b' }], 'importer');
    expect(results).toMatchObject([
      { ok: true, value: { name: 'a', version: 1 } },
      { ok: false, error: { code: 'VERSION_CONFLICT' } },
      { ok: false, error: { code: 'DOCUMENT_VALIDATION' } },
      { ok: true, value: { name: 'b', version: 1 } },
    ]);
    const ids = results.flatMap((result) => (result.ok ? [result.value._id] : []));
    const updates = await first.games.updateMany([...ids, new ObjectId(), 'no id', existing._id], addGold, 'importer');
    expect(updates).toMatchObject([
      { ok: true, value: { document: { gold: 1, version: 2 }, diff: { set: { gold: 1 } } } },
      { ok: true, value: { document: { gold: 1, version: 2 } } },
      { ok: false, error: { code: 'DOCUMENT_NOT_FOUND' } },
      { ok: false, error: { code: 'INVALID_ARGUMENT' } },
      { ok: true, value: { document: { gold: 1, version: 2 } } },
    ]);
    for (const id of [...ids, existing._id]) expect(await consistent(first, id)).toMatchObject({ numbers: [1, 2] });
  });
});

function ignoreMissing(error: unknown): undefined {
  if ((error as { code?: string }).code !== 'DOCUMENT_NOT_FOUND') throw error;
}
