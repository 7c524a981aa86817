import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { OnModuleDestroy, Type } from '@nestjs/common';
import { EventBus, EventsHandler, type IEventHandler, UnhandledExceptionBus } from '@nestjs/cqrs';
import mongoose from 'mongoose';
import { DocumentCreatedEvent, DocumentDeletedEvent, DocumentUpdatedEvent } from 'nestjs-event-sourced-storage';
import type { Subscription } from 'rxjs';
import { databaseName, dropDatabase, Game, type GamesApp, startGames } from '../support/games.js';
import { Log } from '../support/log.js';
import { numbers, upTo } from '../support/numbers.js';
import { gate, nextTurn, until } from '../support/until.js';

const { ObjectId } = mongoose.Types;
const database = databaseName('publish');

type AnyEvent = DocumentCreatedEvent<Game> | DocumentUpdatedEvent<Game> | DocumentDeletedEvent<Game>;

/** A handler of all three events that does what the test says, and keeps what it was given. */
function handlerOf(behaviour: (event: AnyEvent) => unknown): { readonly type: Type<IEventHandler<AnyEvent>>; readonly seen: AnyEvent[] } {
  const seen: AnyEvent[] = [];
  @EventsHandler(DocumentCreatedEvent, DocumentUpdatedEvent, DocumentDeletedEvent)
  class Handler implements IEventHandler<AnyEvent> {
    handle(event: AnyEvent): unknown {
      seen.push(event);
      return behaviour(event);
    }
  }
  return { type: Handler, seen };
}

/** Everything unhandled, as an application would watch it. */
class Unhandled implements OnModuleDestroy {
  readonly errors: unknown[] = [];
  private readonly subscription: Subscription;

  constructor(bus: UnhandledExceptionBus) {
    this.subscription = bus.subscribe(({ exception }) => this.errors.push(exception));
  }

  onModuleDestroy(): void {
    this.subscription.unsubscribe();
  }
}

describe('publishing what was committed', () => {
  const log = new Log();
  const quiet = handlerOf(() => undefined);
  let app: GamesApp;

  beforeAll(async () => {
    await dropDatabase(database);
    app = await startGames({ database, providers: [quiet.type], logger: log });
  });
  afterAll(() => app?.close());
  beforeEach(() => {
    quiet.seen.length = 0;
  });

  const addGold = (game: Game): void => void (game.gold += 1);
  const of = (events: readonly AnyEvent[], id: unknown): AnyEvent[] => events.filter(({ documentId }) => String(documentId) === String(id));

  it('a create, an update and a delete each publish one event that says what happened', async () => {
    const { document } = await app.games.findOneAndUpsert({ name: 'raid' }, 'game-server', { metadata: { correlationId: 'c' } });
    const id = document._id;
    const updated = await app.games.findOneAndUpdate(id, addGold, 'admin-panel');
    await app.games.deleteOne(id, 'mobile-app');
    await until(() => quiet.seen.length === 3, 'three events');

    const [created, changed, deleted] = quiet.seen;
    const recorded = await app.games.getMissingEvents(id, 0);
    expect(created).toBeInstanceOf(DocumentCreatedEvent);
    expect(created).toEqual({ model: 'Game', documentId: id, serverSeq: 1, clientId: 'game-server', event: recorded[0], document });
    expect(changed).toBeInstanceOf(DocumentUpdatedEvent);
    expect(changed).toEqual({ model: 'Game', documentId: id, serverSeq: 2, clientId: 'admin-panel', event: recorded[1], document: updated.document });
    expect(deleted).toBeInstanceOf(DocumentDeletedEvent);
    expect(deleted).toEqual({ model: 'Game', documentId: id, serverSeq: 3, clientId: 'mobile-app', event: recorded[2] });
  });

  it('what leaves no trace publishes nothing', async () => {
    const { document } = await app.games.findOneAndUpsert({ name: 'raid' }, 'creator');
    const id = document._id;
    await app.games.findOneAndUpsert({ _id: id, name: 'again' }, 'creator');
    await app.games.findOneAndUpdate(id, () => undefined, 'editor');
    await app.games.findOneAndUpdate(id, () => Promise.reject(new Error('no')), 'editor').catch(() => undefined);
    await app.games.findOneAndUpdate(id, (game) => void (game.gold = 'many' as never), 'editor').catch(() => undefined);
    await app.games.findOneAndUpdate(id, addGold, 'editor', { expectedVersion: 7 }).catch(() => undefined);
    await app.games.deleteOne(new ObjectId(), 'deleter');
    await app.games.findOneAndUpdate(id, addGold, 'last');
    await until(() => quiet.seen.some(({ clientId }) => clientId === 'last'), 'the last event');
    expect(quiet.seen.map(({ clientId }) => clientId)).toEqual(['creator', 'last']);
  });

  it('a handler that looks into the database finds what it was told', async () => {
    const looks: Promise<readonly [number, mongoose.mongo.BSON.Document | null, number]>[] = [];
    const looking = handlerOf(({ documentId, serverSeq }) => {
      const id = documentId as mongoose.Types.ObjectId;
      const options = { readConcern: { level: 'majority' } } as const;
      const look = Promise.all([other.documents().findOne({ _id: id }, options), other.events().countDocuments({ '_id.d': id }, options)]);
      looks.push(look.then(([found, events]) => [serverSeq, found, events]));
    });
    const other: GamesApp = await startGames({ database, providers: [looking.type], logger: log });
    try {
      const { document } = await other.games.findOneAndUpsert({ name: 'raid' }, 'creator');
      await Promise.all(Array.from({ length: 20 }, () => other.games.findOneAndUpdate(document._id, addGold, 'editor')));
      await until(() => looks.length === 21, 'all events');
      for (const [serverSeq, found, events] of await Promise.all(looks)) {
        expect(found?.['version']).toBeGreaterThanOrEqual(serverSeq);
        expect(events).toBeGreaterThanOrEqual(serverSeq);
      }
    } finally {
      await other.close();
    }
  });

  it('events of one document are published in the order of their numbers, each once, however many writers there are', async () => {
    const documents = await Promise.all([1, 2, 3].map(() => app.games.findOneAndUpsert({ name: 'raid' }, 'creator')));
    const ids = documents.map(({ document }) => document._id);
    await Promise.all(ids.flatMap((id) => Array.from({ length: 30 }, () => app.games.findOneAndUpdate(id, addGold, 'editor'))));
    await until(() => quiet.seen.length >= 93, 'all events');
    for (const id of ids) {
      const events = of(quiet.seen, id);
      expect(numbers(events)).toEqual(upTo(31));
      expect(events.map((event) => ('document' in event ? event.document.gold : -1))).toEqual(Array.from({ length: 31 }, (_, index) => index));
    }
  });

  it('only the process that committed publishes', async () => {
    const elsewhere = handlerOf(() => undefined);
    const other = await startGames({ database, providers: [elsewhere.type], logger: log });
    try {
      const { document } = await app.games.findOneAndUpsert({ name: 'raid' }, 'here');
      await other.games.findOneAndUpdate(document._id, addGold, 'there');
      await app.games.findOneAndUpdate(document._id, addGold, 'here');
      await until(() => numbers(quiet.seen).includes(3) && elsewhere.seen.length > 0, 'the events');
      expect(quiet.seen.map(({ serverSeq, clientId }) => `${serverSeq} ${clientId}`)).toEqual(['1 here', '3 here']);
      expect(elsewhere.seen.map(({ serverSeq, clientId }) => `${serverSeq} ${clientId}`)).toEqual(['2 there']);
    } finally {
      await other.close();
    }
  });

  it.each<[string, (error: Error) => unknown]>([
    ['throws', thrower],
    ['rejects', rejected],
    ['rejects later', (error) => new Promise((_, reject) => setImmediate(() => reject(error)))],
  ])('a handler that %s harms nobody: not the writer, not the process, not the other handlers; the application is told', async (_, fail) => {
    const boom = new Error('boom');
    const failing = handlerOf(() => fail(boom));
    const healthy = handlerOf(() => undefined);
    const providers = [failing.type, healthy.type, { provide: Unhandled, useFactory: (bus: UnhandledExceptionBus) => new Unhandled(bus), inject: [UnhandledExceptionBus] }];
    const other = await startGames({ database, providers, logger: log });
    try {
      const { document } = await other.games.findOneAndUpsert({ name: 'raid' }, 'creator');
      const answers = await Promise.all(Array.from({ length: 3 }, () => other.games.findOneAndUpdate(document._id, addGold, 'editor')));
      expect(answers.map((answer) => answer.document.version)).toEqual([2, 3, 4]);
      await until(() => failing.seen.length === 4 && healthy.seen.length === 4, 'both handlers were called for each event');
      const { errors } = other.app.get(Unhandled);
      await until(() => errors.length === 4, 'the errors reached the application');
      expect(errors).toEqual([boom, boom, boom, boom]);
    } finally {
      await other.close();
    }
  });

  it.each<[string, (error: Error) => unknown]>([
    ['throws', thrower],
    ['rejects', rejected],
  ])('a publisher of the application that %s does not reach the writer, and is logged with the address of the event', async (_, fail) => {
    const other = await startGames({ database, logger: log });
    try {
      other.app.get(EventBus).publisher = { publish: () => fail(new Error('the broker is away')) };
      log.warnings.length = 0;
      const { document } = await other.games.findOneAndUpsert({ name: 'raid' }, 'creator');
      expect((await other.games.findOneAndUpdate(document._id, addGold, 'editor')).document.version).toBe(2);
      for (const version of [1, 2]) {
        const line = new RegExp(`^games/${document._id.toHexString()}@${version} .*the broker is away`);
        await until(() => log.warnings.some((warning) => line.test(warning)), `the warning of version ${version}`);
      }
    } finally {
      await other.close();
    }
  });

  it('a publisher of the application that is bridged to the bus gets every event, also without any handler', async () => {
    const other = await startGames({ database, logger: log });
    try {
      const published: AnyEvent[] = [];
      /** As brokers have it: it also passes on to the handlers of the bus what it is told. */
      class Bridged {
        subject$: object | undefined;

        bridgeEventsTo(subject: object): void {
          this.subject$ = subject;
        }

        publish(event: AnyEvent): void {
          published.push(event);
        }
      }
      const publisher = new Bridged();
      const bus = other.app.get<EventBus<AnyEvent>>(EventBus);
      publisher.bridgeEventsTo(bus.subject$);
      bus.publisher = publisher as never;
      const { document } = await other.games.findOneAndUpsert({ name: 'raid' }, 'creator');
      await other.games.findOneAndUpdate(document._id, addGold, 'editor');
      await other.games.deleteOne(document._id, 'deleter');
      await until(() => published.length >= 3, 'three events');
      expect(published.map(({ serverSeq, clientId }) => `${serverSeq} ${clientId}`)).toEqual(['1 creator', '2 editor', '3 deleter']);
    } finally {
      await other.close();
    }
  });

  it('a handler that never ends holds up neither the writers nor the events after it', async () => {
    const { passed, open } = gate();
    const slow = handlerOf(() => passed);
    const other = await startGames({ database, providers: [slow.type], logger: log });
    try {
      const { document } = await other.games.findOneAndUpsert({ name: 'raid' }, 'creator');
      for (let edit = 0; edit < 3; edit++) await other.games.findOneAndUpdate(document._id, addGold, 'editor');
      await until(() => slow.seen.length === 4, 'all events arrived');
    } finally {
      open();
      await other.close();
    }
  });

  it('what a handler does to its event reaches neither the writer nor the cache nor the history', async () => {
    const ruining = handlerOf((event) => {
      if ('document' in event) Object.assign(event.document, { gold: -1 }).tags?.push('ruined');
      if (event instanceof DocumentCreatedEvent) Object.assign(event.event.createdDoc, { gold: -1 });
      if (event instanceof DocumentUpdatedEvent) Object.assign(event.event.diff.set, { gold: -1 });
    });
    const other = await startGames({ database, providers: [ruining.type], logger: log });
    try {
      const { document } = await other.games.findOneAndUpsert({ name: 'raid', tags: ['a'] }, 'creator');
      await until(() => ruining.seen.length === 1, 'the create');
      await nextTurn(); // now the cache has what was written
      const answer = await other.games.findOneAndUpdate(document._id, addGold, 'editor');
      await until(() => ruining.seen.length === 2, 'both events');
      await nextTurn();
      expect(document).toMatchObject({ gold: 0, tags: ['a'] });
      expect(answer).toMatchObject({ document: { gold: 1, tags: ['a'] }, diff: { set: { gold: 1 } } });
      expect(await other.games.findOne(document._id)).toMatchObject({ gold: 1, tags: ['a'] });
      expect(await other.games.getMissingEvents(document._id, 0)).toMatchObject([{ createdDoc: { gold: 0 } }, { diff: { set: { gold: 1 } } }]);
    } finally {
      await other.close();
    }
  });

  it('an application without CqrsModule works, and is told once that nobody hears of its changes', async () => {
    log.warnings.length = 0;
    const other = await startGames({ database, cqrs: false, logger: log });
    try {
      const { document } = await other.games.findOneAndUpsert({ name: 'raid' }, 'creator');
      await other.games.findOneAndUpdate(document._id, addGold, 'editor');
      expect(await other.games.deleteOne(document._id, 'deleter')).toEqual({ deleted: true, version: 3 });
      expect(log.warnings.filter((warning) => warning.includes('CqrsModule'))).toHaveLength(1);
    } finally {
      await other.close();
    }
  });

  it("with publish: 'never' nothing is published, and nothing is complained about", async () => {
    const deaf = handlerOf(() => undefined);
    log.warnings.length = 0;
    const apps = [await startGames({ database, providers: [deaf.type], root: { publish: 'never' }, logger: log }), await startGames({ database, cqrs: false, root: { publish: 'never' }, logger: log })];
    try {
      for (const { games } of apps) {
        const { document } = await games.findOneAndUpsert({ name: 'raid' }, 'creator');
        await games.findOneAndUpdate(document._id, addGold, 'editor');
        await games.deleteOne(document._id, 'deleter');
      }
      // publishing is synchronous, so an event of the bus itself arrives after all that could have been published
      const marker = new DocumentDeletedEvent('marker', 'x', 1, 'test', {} as never);
      apps[0]?.app.get(EventBus).publish(marker);
      await until(() => deaf.seen.includes(marker as never), 'the marker');
      expect(deaf.seen).toEqual([marker]);
      expect(log.warnings.filter((warning) => warning.includes('CqrsModule') || warning.includes('EventBus'))).toEqual([]);
    } finally {
      for (const each of apps) await each.close();
    }
  });

  it('a transaction publishes after its commit, in its order; an aborted one publishes nothing', async () => {
    const { document } = await app.games.findOneAndUpsert({ name: 'raid' }, 'creator');
    const id = document._id;
    await until(() => quiet.seen.length === 1, 'the create');
    await app.games.withTransaction(async (session) => {
      await app.games.findOneAndUpdate(id, addGold, 'first', { session });
      await app.games.findOneAndUpdate(id, addGold, 'second', { session });
      expect(quiet.seen).toHaveLength(1);
    });
    await until(() => quiet.seen.length === 3, 'the events of the transaction');
    const aborted = app.games.withTransaction(async (session) => {
      await app.games.findOneAndUpdate(id, addGold, 'aborted', { session });
      throw new Error('no');
    });
    await expect(aborted).rejects.toThrow('no');
    await app.games.findOneAndUpdate(id, addGold, 'last');
    await until(() => quiet.seen.some(({ clientId }) => clientId === 'last'), 'the last event');
    expect(quiet.seen.map(({ serverSeq, clientId }) => `${serverSeq} ${clientId}`)).toEqual(['1 creator', '2 first', '3 second', '4 last']);
  });

  it('a transaction that lost a race and ran again publishes what was committed, once', async () => {
    const { document } = await app.games.findOneAndUpsert({ name: 'raid' }, 'creator');
    const other = await startGames({ database, logger: log });
    try {
      let runs = 0;
      let races = 0;
      await app.games.withTransaction(async (session) => {
        runs++;
        await app.games.findOne(document._id, { session });
        if (races === 0) await other.games.findOneAndUpdate(document._id, addGold, 'faster').then(() => races++);
        await app.games.findOneAndUpdate(document._id, addGold, `run ${runs}`, { session });
      });
      expect(runs).toBeGreaterThan(1);
      await until(() => quiet.seen.length >= 2, 'the event');
      expect(quiet.seen.map(({ serverSeq, clientId }) => `${serverSeq} ${clientId}`)).toEqual(['1 creator', `3 run ${runs}`]);
    } finally {
      await other.close();
    }
  });
});

async function rejected(reason: Error): Promise<never> {
  await Promise.resolve();
  throw reason;
}

function thrower(error: Error): never {
  throw error;
}
