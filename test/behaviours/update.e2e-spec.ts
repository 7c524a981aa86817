import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { Prop, Schema, SchemaFactory } from '@nestjs/mongoose';
import mongoose from 'mongoose';
import { type EditContext, type EventSourcedStorageService, getEventSourcedStorageToken } from 'nestjs-event-sourced-storage';
import { changesDuring } from '../support/commits.js';
import { consistent } from '../support/consistent.js';
import { copyOf, databaseName, dropDatabase, type Game, type GamesApp, startGames } from '../support/games.js';
import { featureModule } from '../support/storage-app.js';
import { everythingStored } from '../support/traces.js';
import { gate } from '../support/until.js';

const { ObjectId } = mongoose.Types;
const database = databaseName('update');

@Schema({ versionKey: 'version', collection: 'stamped', timestamps: true })
class Stamped {
  @Prop({ type: Number, default: 0 })
  gold!: number;

  declare readonly updatedAt: Date;
  declare readonly _id: mongoose.Types.ObjectId;
  declare version: number;
}

const stampedFeature = featureModule([{ name: Stamped.name, schema: SchemaFactory.createForClass(Stamped) }]);
const never = new Promise<never>(() => undefined);

describe('updating documents', () => {
  let first: GamesApp;
  let second: GamesApp;

  beforeAll(async () => {
    await dropDatabase(database);
    // without the feed its copies get as old as the cases on old copies need
    first = await startGames({ database, imports: [stampedFeature], root: { watchEnabled: false } });
    second = await startGames({ database });
  });
  afterAll(async () => {
    await first?.close();
    await second?.close();
  });

  const create = async (data: Partial<Game> = {}): Promise<Game> => (await first.games.findOneAndUpsert({ name: 'raid', ...data }, 'creator')).document;
  const addGold = (game: Game): void => void (game.gold += 1);

  it('row 5: an edit makes the next version, answers what it changed, and records one update event, in one commit', async () => {
    const { _id } = await create({ gold: 100, tags: ['a'] });
    let answer: unknown;
    const changes = await changesDuring(first.connection, async () => {
      answer = await first.games.findOneAndUpdate(
        _id,
        (game) => {
          game.gold += 50;
          game.extra = { boss: 'hydra' };
          delete game.tags;
        },
        'admin-panel',
      );
    });
    const diff = { hasChanges: true, version: 2, set: { gold: 150, extra: { boss: 'hydra' } }, unset: ['tags'] };
    expect(answer).toEqual({ document: { _id, name: 'raid', gold: 150, experience: 0, extra: { boss: 'hydra' }, version: 2 }, diff });
    expect(changes.map(({ collection, operation }) => `${operation} ${collection}`).toSorted()).toEqual(['insert games_events', 'update games']);
    expect(new Set(changes.map(({ transaction }) => transaction)).size).toBe(1);
    expect(changes[0]?.transaction).toBeDefined();
    expect(await consistent(first, _id)).toMatchObject({ numbers: [1, 2], operations: ['create', 'update'], stored: { version: 2, gold: 150 } });
    expect(await first.games.getMissingEvents(_id, 1)).toEqual([
      { documentId: _id, serverSeq: 2, operation: 'update', clientId: 'admin-panel', timestamp: expect.any(Date), operationId: expect.stringMatching(/./), diff },
    ]);
  });

  it.each<[string, (game: Game) => Game | void]>([
    ['counts it up', (game) => void game.version++],
    ['sets it to a number of its own', (game) => void (game.version = 99)],
    ['sets it back', (game) => void (game.version = 0)],
    ['sets it to nonsense', (game) => void ((game as { version: unknown }).version = 'x')],
    ['takes it away', (game) => void delete (game as Partial<Game>).version],
    ['returns a document without it', ({ _id, name, gold }) => ({ _id, name, gold, experience: 0 }) as Game],
  ])('row 6: an edit that %s gets current + 1 in document, event, diff and answer', async (_, meddle) => {
    const { _id } = await create();
    const { document, diff } = await first.games.findOneAndUpdate(
      _id,
      (game) => {
        game.gold += 5;
        return meddle(game);
      },
      'editor',
    );
    expect(document).toMatchObject({ gold: 5, version: 2 });
    expect(diff).toMatchObject({ version: 2, set: { gold: 5 } });
    expect(Object.keys(diff.set)).not.toContain('version');
    expect(diff.unset).not.toContain('version');
    expect(await consistent(first, _id)).toMatchObject({ numbers: [1, 2], stored: { gold: 5, version: 2 } });
  });

  it.each<[string, (game: Game) => Game | void]>([
    ['does nothing', () => undefined],
    ['returns its document as it is', (game) => game],
    ['returns an equal document', (game) => structuredClone(copyOf(game, { _id: undefined } as never))],
    ['sets a field to the value it has', (game) => void (game.gold = 7)],
    ['sets an equal date', (game) => void (game.lastUpdated = new Date(0))],
    ['sets a value that is cast to the one there is', (game) => void (game.gold = '7' as never)],
    ['sets equal arrays and objects', (game) => void ((game.tags = ['a', 'b']), (game.extra = { x: { y: [1, null] } }))],
    ['sets the keys of an object in another order', (game) => void (game.extra = { x: { y: [1, null] }, z: undefined })],
    ['sets −0 where there is 0', (game) => void (game.experience = -0)],
    ['removes a field that is not there', (game) => void delete (game as { nothing?: unknown }).nothing],
    ['sets a field that the schema does not know', (game) => void ((game as unknown as { unknown: number }).unknown = 1)],
    ['changes the version only', (game) => void (game.version = 12)],
  ])('row 7: an edit that %s writes nothing and records nothing', async (_, edit) => {
    const { _id } = await create({ gold: 7, lastUpdated: new Date(0), tags: ['a', 'b'], extra: { x: { y: [1, null] } } });
    const before = await everythingStored(first.connection);
    const { document, diff } = await first.games.findOneAndUpdate(_id, edit, 'editor');
    expect(diff).toEqual({ hasChanges: false, version: 1, set: {}, unset: [] });
    expect(document).toEqual(await first.documents().findOne({ _id }));
    expect(await everythingStored(first.connection)).toEqual(before);
  });

  it('row 7: "nothing changed" leaves the timestamps of the schema alone, a change moves them', async () => {
    const stamped = first.app.get<EventSourcedStorageService<Stamped>>(getEventSourcedStorageToken('Stamped'), { strict: false });
    const { document } = await stamped.findOneAndUpsert({ gold: 1, updatedAt: new Date(0), createdAt: new Date(0) } as never, 'creator');
    const unchanged = await stamped.findOneAndUpdate(document._id, (each) => void (each.gold = 1), 'editor');
    expect(unchanged).toMatchObject({ document: { updatedAt: new Date(0), version: 1 }, diff: { hasChanges: false } });
    const changed = await stamped.findOneAndUpdate(document._id, (each) => void (each.gold = 2), 'editor');
    expect(changed.document.updatedAt.getTime()).toBeGreaterThan(0);
    expect(changed.diff.set).toEqual({ gold: 2, updatedAt: changed.document.updatedAt });
  });

  it('row 7: "nothing changed" is never believed on an old copy: what another process changed meanwhile is set back', async () => {
    const { _id } = await create({ gold: 1 });
    await first.games.findOne(_id); // now it is in the cache for sure
    await second.games.findOneAndUpdate(_id, (game) => void (game.gold = 5), 'other-process');
    const attempts: number[] = [];
    const { document, diff } = await first.games.findOneAndUpdate(
      _id,
      (game, { attempt }) => {
        attempts.push(attempt);
        game.gold = 1;
      },
      'editor',
    );
    expect(attempts).toEqual([1, 2]);
    expect(diff).toEqual({ hasChanges: true, version: 3, set: { gold: 1 }, unset: [] });
    expect(document).toMatchObject({ gold: 1, version: 3 });
    expect(await consistent(first, _id)).toMatchObject({ numbers: [1, 2, 3], stored: { gold: 1 } });
  });

  it('row 7: the version of "nothing changed" is the current one, also after another process wrote', async () => {
    const { _id } = await create();
    await first.games.findOne(_id);
    await second.games.findOneAndUpdate(_id, (game) => void (game.name = 'renamed'), 'other-process');
    const { document, diff } = await first.games.findOneAndUpdate(_id, () => undefined, 'editor');
    expect(diff).toEqual({ hasChanges: false, version: 2, set: {}, unset: [] });
    expect(document).toMatchObject({ name: 'renamed', version: 2 });
  });

  it.each<[string, (error: unknown) => (game: Game) => Game | Promise<Game>]>([
    ['throws', (error) => thrower(error)],
    ['throws after it changed its copy', (error) => (game) => thrower(error)(Object.assign(game, { gold: 99 }))],
    ['rejects', rejecter],
  ])('row 8: when an edit %s, the caller gets that very error, and nothing is written', async (_, editWith) => {
    const { _id } = await create();
    const before = await everythingStored(first.connection);
    for (const error of [new RangeError('not enough gold'), 'a text', undefined]) {
      const caught = await first.games.findOneAndUpdate(_id, editWith(error), 'editor').then(
        () => 'nothing was thrown',
        (reason: unknown) => reason,
      );
      expect(caught).toBe(error);
    }
    expect(await everythingStored(first.connection)).toEqual(before);
    expect(await first.games.findOne(_id)).toMatchObject({ gold: 0, version: 1 });
  });

  it('row 8: an edit that throws on an old copy is asked once more on fresh data, and may then succeed', async () => {
    const { _id } = await create({ gold: 1 });
    await first.games.findOne(_id);
    await second.games.findOneAndUpdate(_id, (game) => void (game.gold = 100), 'other-process');
    const seen: number[] = [];
    const { document } = await first.games.findOneAndUpdate(
      _id,
      (game) => {
        seen.push(game.gold);
        if (game.gold < 50) throw new Error('not enough gold');
        game.gold -= 50;
      },
      'editor',
    );
    expect(seen).toEqual([1, 100]);
    expect(document).toMatchObject({ gold: 50, version: 3 });
  });

  it('row 8: an edit that throws on fresh data too is asked exactly twice, without a cache once', async () => {
    const { _id } = await create();
    await first.games.findOne(_id);
    const edit = jest.fn(thrower(new Error('no')));
    await expect(first.games.findOneAndUpdate(_id, edit, 'editor')).rejects.toThrow('no');
    expect(edit).toHaveBeenCalledTimes(2);
    const cold = await startGames({ database, root: { cache: false } });
    try {
      edit.mockClear();
      await expect(cold.games.findOneAndUpdate(_id, edit, 'editor')).rejects.toThrow('no');
      expect(edit).toHaveBeenCalledTimes(1);
    } finally {
      await cold.close();
    }
  });

  it('row 9: an edit that returns nothing has changed its copy', async () => {
    const { _id } = await create();
    const { document } = await first.games.findOneAndUpdate(_id, (game) => void game.tags?.push('mutated'), 'editor');
    expect(document.tags).toEqual(['mutated']);
  });

  it('row 9: a returned document counts, whatever was done to the copy', async () => {
    const { _id } = await create({ extra: 'to be removed' });
    const { document, diff } = await first.games.findOneAndUpdate(
      _id,
      (game) => {
        game.gold = 99;
        return { _id, name: 'new', gold: 1, experience: 0, tags: [], version: 1 };
      },
      'editor',
    );
    expect(document).toEqual({ _id, name: 'new', gold: 1, experience: 0, tags: [], version: 2 });
    expect(diff).toMatchObject({ set: { name: 'new', gold: 1 }, unset: ['extra'] });
  });

  it('row 9: an asynchronous edit is awaited', async () => {
    const { _id } = await create();
    const { passed, open } = gate();
    const result = first.games.findOneAndUpdate(
      _id,
      async (game) => {
        await passed;
        return copyOf(game, { gold: 42 });
      },
      'editor',
    );
    open();
    expect((await result).document).toMatchObject({ gold: 42, version: 2 });
    const mutated = await first.games.findOneAndUpdate(_id, async (game) => void (game.gold = await Promise.resolve(43)), 'editor');
    expect(mutated.document).toMatchObject({ gold: 43, version: 3 });
  });

  it.each<[string, unknown]>([
    ['null', null],
    ['a text', 'gold'],
    ['an empty text', ''],
    ['a number', 1],
    ['zero', 0],
    ['true', true],
    ['false', false],
    ['an array', [{ name: 'x' }]],
    ['a date', new Date(0)],
    ['a function', () => undefined],
    ['a symbol', Symbol('x')],
    ['a bigint', 1n],
    ['an ObjectId', new ObjectId()],
    ['a Map', new Map([['name', 'x']])],
    ['a Set', new Set([1])],
    ['a Buffer', Buffer.from('x')],
    ['an error', new Error('x')],
    ['a promise of null', Promise.resolve(null)],
    ['a promise of a text', Promise.resolve('x')],
    ['a promise of an array', Promise.resolve([])],
  ])('row 9: an edit that returns %s is refused, and nothing is written', async (_, returned) => {
    const { _id } = await create();
    const before = await everythingStored(first.connection);
    const refused = first.games.findOneAndUpdate(_id, (() => returned) as never, 'editor');
    await expect(refused).rejects.toMatchObject({ name: 'InvalidArgumentError', code: 'INVALID_ARGUMENT' });
    expect(await everythingStored(first.connection)).toEqual(before);
  });

  it('row 9: an edit that gives its document another _id is refused, and nothing is written', async () => {
    const { _id } = await create();
    const before = await everythingStored(first.connection);
    const edits: ((game: Game) => Game | void)[] = [
      (game) => copyOf(game, { _id: new ObjectId() }),
      (game) => void ((game as { _id: unknown })._id = 'x'),
      (game) => void ((game as { _id: unknown })._id = null),
    ];
    for (const edit of edits) await expect(first.games.findOneAndUpdate(_id, edit, 'editor')).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    expect(await everythingStored(first.connection)).toEqual(before);
  });

  it('row 9: a result that the schema refuses is a validation error that names the path, and nothing is written', async () => {
    const { _id } = await create();
    const before = await everythingStored(first.connection);
    const edits: [string, (game: Game) => void][] = [
      ['gold', (game) => void (game.gold = 'many' as never)],
      ['name', (game) => void delete (game as Partial<Game>).name],
      ['lastUpdated', (game) => void (game.lastUpdated = 'yesterday' as never)],
    ];
    for (const [path, edit] of edits) {
      const refused = first.games.findOneAndUpdate(_id, edit, 'editor');
      await expect(refused).rejects.toMatchObject({ code: 'DOCUMENT_VALIDATION', problems: { [path]: expect.any(String) } });
    }
    expect(await everythingStored(first.connection)).toEqual(before);
  });

  it('row 10: an edit that lost a race is called again with a fresh copy and the number of the attempt', async () => {
    const { _id } = await create();
    const calls: { readonly gold: number; readonly tags: string[]; readonly context: EditContext }[] = [];
    const { document, diff } = await first.games.findOneAndUpdate(
      _id,
      async (game, context) => {
        calls.push({ gold: game.gold, tags: [...(game.tags ?? [])], context });
        if (context.attempt < 3) await second.games.findOneAndUpdate(_id, (other) => void (other.gold += 10), 'other-process');
        game.gold += 1;
        game.tags?.push(`attempt ${context.attempt}`);
      },
      'editor',
    );
    expect(calls).toEqual([
      { gold: 0, tags: [], context: { attempt: 1 } },
      { gold: 10, tags: [], context: { attempt: 2 } },
      { gold: 20, tags: [], context: { attempt: 3 } },
    ]);
    expect(document).toMatchObject({ gold: 21, tags: ['attempt 3'], version: 4 });
    expect(diff).toMatchObject({ version: 4, set: { gold: 21 } });
    expect(await consistent(first, _id)).toMatchObject({ numbers: [1, 2, 3, 4] });
  });

  it('row 10: what an edit of a former attempt still does to its old copy reaches nobody', async () => {
    const { _id } = await create();
    const copies: Game[] = [];
    await first.games.findOneAndUpdate(
      _id,
      async (game, { attempt }) => {
        copies.push(game);
        if (attempt === 1) await second.games.findOneAndUpdate(_id, addGold, 'other-process');
        game.extra = { attempt };
      },
      'editor',
    );
    for (const copy of copies) Object.assign(copy, { gold: -1, extra: 'late' });
    expect(await first.games.findOne(_id)).toMatchObject({ gold: 1, extra: { attempt: 2 } });
  });

  it('row 11: updating an unknown id fails without a call of the edit, and nothing is written', async () => {
    const before = await everythingStored(first.connection);
    const edit = jest.fn(addGold);
    const id = new ObjectId();
    await expect(first.games.findOneAndUpdate(id, edit, 'editor')).rejects.toMatchObject({ name: 'DocumentNotFoundError', code: 'DOCUMENT_NOT_FOUND', address: `games/${id.toHexString()}` });
    expect(edit).not.toHaveBeenCalled();
    expect(await everythingStored(first.connection)).toEqual(before);
  });

  it('row 11: a deleted document is unknown, also to a process that still remembers it', async () => {
    const { _id } = await create();
    await first.games.findOne(_id);
    await second.games.deleteOne(_id, 'other-process');
    for (const app of [first, second]) await expect(app.games.findOneAndUpdate(_id, addGold, 'editor')).rejects.toMatchObject({ code: 'DOCUMENT_NOT_FOUND' });
    expect(await consistent(first, _id)).toMatchObject({ numbers: [1, 2], stored: null });
  });

  it('row 11: a document that was written around the storage is refused with the way out, and stays as it is', async () => {
    const _id = new ObjectId();
    await first.documents().insertOne({ _id, name: 'stranger', gold: 1 });
    const before = await everythingStored(first.connection);
    await expect(first.games.findOneAndUpdate(_id, addGold, 'editor')).rejects.toMatchObject({ code: 'HISTORY_MISSING', message: expect.stringContaining('adopt()') });
    await expect(first.games.deleteOne(_id, 'deleter')).rejects.toMatchObject({ code: 'HISTORY_MISSING' });
    expect(await first.games.findOneAndUpsert({ _id, name: 'x' }, 'creator')).toEqual({ document: { _id, name: 'stranger', gold: 1 }, created: false });
    expect(await first.games.findOne(_id)).toEqual({ _id, name: 'stranger', gold: 1 });
    expect(await everythingStored(first.connection)).toEqual(before);
  });

  it.each([0, 1, 2, 5])('row 13: with maxRetries %i a write that always loses is tried once more than that, and says what it expected and found', async (maxRetries) => {
    const { _id } = await create();
    const edit = jest.fn(async (game: Game) => {
      await second.games.findOneAndUpdate(_id, addGold, 'faster');
      game.name = 'too late';
    });
    const refused = first.games.findOneAndUpdate(_id, edit, 'slower', { maxRetries });
    await expect(refused).rejects.toMatchObject({
      name: 'VersionConflictError',
      code: 'VERSION_CONFLICT',
      attempts: maxRetries + 1,
      expected: maxRetries + 1,
      found: maxRetries + 2,
      missedEvents: [{ serverSeq: maxRetries + 2, clientId: 'faster', diff: { set: { gold: maxRetries + 1 } } }],
    });
    expect(edit).toHaveBeenCalledTimes(maxRetries + 1);
    expect(await consistent(first, _id)).toMatchObject({ stored: { name: 'raid', gold: maxRetries + 1, version: maxRetries + 2 } });
  });

  it('row 13: the limit of the module holds where the call says nothing, and that of the feature goes before it', async () => {
    const { _id } = await create();
    for (const [maxRetries, root, feature] of [
      [1, { maxRetries: 1 }, {}],
      [0, { maxRetries: 7 }, { maxRetries: 0 }],
    ] as const) {
      const app = await startGames({ database, root, feature });
      try {
        const edit = async (game: Game): Promise<void> => {
          await second.games.findOneAndUpdate(_id, addGold, 'faster');
          game.name = 'too late';
        };
        await expect(app.games.findOneAndUpdate(_id, edit, 'slower')).rejects.toMatchObject({ attempts: maxRetries + 1 });
      } finally {
        await app.close();
      }
    }
  });

  it('row 14: by default a write that loses is tried 101 times', async () => {
    const { _id } = await create();
    const hasty = await startGames({ database, root: { random: () => 0 } });
    try {
      const edit = jest.fn(async (game: Game) => {
        await second.games.findOneAndUpdate(_id, addGold, 'faster');
        game.name = 'too late';
      });
      await expect(hasty.games.findOneAndUpdate(_id, edit, 'slower')).rejects.toMatchObject({ attempts: 101, expected: 101, found: 102 });
      expect(edit).toHaveBeenCalledTimes(101);
    } finally {
      await hasty.close();
    }
  });

  it('row 14: the waits between attempts double up to their bound, and each is a random part of it', async () => {
    const { _id } = await create();
    const parts = [0.51, 0.27, 0.999, 0, 0.53];
    let next = 0;
    // a feed takes parts too, when it is opened anew
    const app = await startGames({ database, root: { watchEnabled: false, random: () => parts[next++] ?? 0, retryDelayMs: 14, maxRetryDelayMs: 40, maxRetries: 5 } });
    const timers = jest.spyOn(globalThis, 'setTimeout');
    try {
      const edit = async (game: Game): Promise<void> => {
        await second.games.findOneAndUpdate(_id, addGold, 'faster');
        game.name = 'too late';
      };
      await expect(app.games.findOneAndUpdate(_id, edit, 'slower')).rejects.toMatchObject({ attempts: 6 });
      const expected = [14 * 0.51, 28 * 0.27, 40 * 0.999, 40 * 0.53]; // and one of 0, like other timers
      expect(timers.mock.calls.map(([, ms]) => ms ?? 0).filter((ms) => expected.includes(ms))).toEqual(expected);
      expect(next).toBe(5);
    } finally {
      timers.mockRestore();
      await app.close();
    }
  });

  it('row 14: a call that takes longer than its timeoutMs fails without a trace and holds up nobody', async () => {
    const { _id } = await create();
    const before = await everythingStored(first.connection);
    const late = first.games.findOneAndUpdate(_id, () => never, 'slow', { timeoutMs: 50 });
    const behind = first.games.findOneAndUpdate(_id, () => undefined, 'patient');
    await expect(late).rejects.toMatchObject({ name: 'OperationTimeoutError', code: 'OPERATION_TIMEOUT', reason: 'timeout' });
    await expect(behind).resolves.toMatchObject({ diff: { hasChanges: false } });
    expect(await everythingStored(first.connection)).toEqual(before);
  });

  it('row 14: a timeoutMs of 0 means no limit, also where the feature has one', async () => {
    const app = await startGames({ database, feature: { timeoutMs: 20 } });
    try {
      const [endless, limited] = [await create(), await create()];
      const { passed, open } = gate();
      const patient = app.games.findOneAndUpdate(endless._id, async (game) => void (game.gold = await passed.then(() => 1)), 'patient', { timeoutMs: 0 });
      // began later and is over: the 20 ms have passed for both
      await expect(app.games.findOneAndUpdate(limited._id, () => never, 'slow')).rejects.toMatchObject({ code: 'OPERATION_TIMEOUT' });
      open();
      expect((await patient).document).toMatchObject({ gold: 1, version: 2 });
    } finally {
      await app.close();
    }
  });

  it('row 14: what a write does after its time was over is not written', async () => {
    const { _id } = await create();
    const { passed, open } = gate();
    const late = first.games.findOneAndUpdate(_id, async (game) => void (game.gold = await passed.then(() => 99)), 'slow', { timeoutMs: 20 });
    await expect(late).rejects.toMatchObject({ code: 'OPERATION_TIMEOUT' });
    open();
    const { document } = await first.games.findOneAndUpdate(_id, (game) => void (game.experience = 1), 'next');
    expect(document).toMatchObject({ gold: 0, experience: 1, version: 2 });
    expect(await consistent(first, _id)).toMatchObject({ numbers: [1, 2] });
  });

  it('row 14: an aborted signal ends a call before it begins, and while its edit runs; nothing is written', async () => {
    const { _id } = await create();
    const before = await everythingStored(first.connection);
    const edit = jest.fn(addGold);
    const reason = new Error('the user left');
    const refused = first.games.findOneAndUpdate(_id, edit, 'editor', { signal: AbortSignal.abort(reason) });
    await expect(refused).rejects.toMatchObject({ code: 'OPERATION_TIMEOUT', reason: 'aborted', cause: reason });
    expect(edit).not.toHaveBeenCalled();
    for (const call of [
      (signal: AbortSignal) => first.games.findOneAndUpsert({ name: 'x' }, 'creator', { signal }),
      (signal: AbortSignal) => first.games.deleteOne(_id, 'deleter', { signal }),
    ]) {
      await expect(call(AbortSignal.abort())).rejects.toMatchObject({ code: 'OPERATION_TIMEOUT', reason: 'aborted' });
    }

    const controller = new AbortController();
    const { passed, open } = gate();
    const running = first.games.findOneAndUpdate(
      _id,
      async (game) => {
        open();
        game.gold = await never;
      },
      'editor',
      { signal: controller.signal },
    );
    await passed;
    controller.abort(reason);
    await expect(running).rejects.toMatchObject({ code: 'OPERATION_TIMEOUT', reason: 'aborted', cause: reason });
    expect(await everythingStored(first.connection)).toEqual(before);
  });

  it('row 14: a read with an aborted signal rejects with the reason of the signal, and harms no other reader', async () => {
    const { _id } = await create();
    const reason = new Error('the user left');
    const signal = AbortSignal.abort(reason);
    for (const read of [() => first.games.findOne(_id, { signal }), () => first.games.findOne(_id, { signal, fresh: true }), () => first.games.findMany({ _id }, { signal })]) {
      await expect(read()).rejects.toBe(reason);
    }
    const controller = new AbortController();
    const [others, mine] = [[second.games.findOne(_id), second.games.findOne(_id)], second.games.findOne(_id, { signal: controller.signal })];
    controller.abort(reason);
    await Promise.allSettled([mine]);
    expect(await Promise.all(others)).toMatchObject([{ name: 'raid' }, { name: 'raid' }]);
  });

  it('row 14: one write more than maxQueued is refused, and those before it are not harmed', async () => {
    const { _id } = await create();
    const app = await startGames({ database, feature: { maxQueued: 3 } });
    try {
      const { passed, open } = gate();
      const held = Array.from({ length: 3 }, () => app.games.findOneAndUpdate(_id, async (game) => void (await passed, (game.gold += 1)), 'editor'));
      await expect(app.games.findOneAndUpdate(_id, addGold, 'too-many')).rejects.toMatchObject({ name: 'OverloadError', code: 'OVERLOAD', maxQueued: 3 });
      open();
      expect((await Promise.all(held)).map(({ document }) => document.version)).toEqual([2, 3, 4]);
      await expect(app.games.findOneAndUpdate(_id, addGold, 'again')).resolves.toMatchObject({ document: { gold: 4, version: 5 } });
    } finally {
      await app.close();
    }
  });
});

function thrower(error: unknown): (game: Game) => never {
  return () => {
    throw error;
  };
}

function rejecter(reason: unknown): (game: Game) => Promise<never> {
  return async () => {
    await Promise.resolve();
    throw reason;
  };
}
