import { afterAll, afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import { expectTypeOf } from 'expect-type';
import mongoose from 'mongoose';
import {
  type AnyDocumentEvent,
  DocumentCreatedEvent,
  DocumentDeletedEvent,
  DocumentUpdatedEvent,
  type EventSourcedStorageService,
  getEventSourcedStorageToken,
  InvalidOptionsError,
  OnDocumentCreated,
  OnDocumentDeleted,
  OnDocumentEvent,
  OnDocumentUpdated,
} from 'nestjs-event-sourced-storage';
import { databaseName, dropDatabase, Game, type GamesApp, startGames } from '../support/games.js';
import { Log } from '../support/log.js';
import { featureModule } from '../support/storage-app.js';
import { until } from '../support/until.js';

const database = databaseName('listeners');
interface Guild {
  name: string;
}
const guilds = { name: 'Guild', schema: new mongoose.Schema<Guild>({ name: { type: String, required: true } }, { versionKey: 'version', collection: 'guilds' }) };

/** What each method was told, as `method model@number`. */
class Told {
  readonly all: string[] = [];

  note(method: string, { model, serverSeq }: { readonly model: string; readonly serverSeq: number }): void {
    this.all.push(`${method} ${model}@${serverSeq}`);
  }
}

@Injectable()
class Listener {
  constructor(protected readonly told: Told) {}

  @OnDocumentCreated(Game)
  created(event: DocumentCreatedEvent<Game>): void {
    expectTypeOf(event.document.gold).toBeNumber();
    this.told.note('created', event);
  }

  @OnDocumentUpdated(Game)
  updated(event: DocumentUpdatedEvent<Game>): void {
    this.told.note('updated', event);
  }

  @OnDocumentDeleted(Game)
  deleted(event: DocumentDeletedEvent<Game>): void {
    this.told.note('deleted', event);
  }

  @OnDocumentEvent<Guild>('Guild')
  any(event: AnyDocumentEvent<Guild>): void {
    this.told.note('any', event);
  }
}

/** Fails at once and later, before the others hear of the event. */
@Injectable()
class Failing {
  @OnDocumentEvent(Game)
  atOnce(): never {
    throw new Error('at once');
  }

  @OnDocumentEvent(Game)
  async later(): Promise<never> {
    await Promise.resolve();
    throw new Error('later');
  }
}

class Wrong {
  // @ts-expect-error a method that takes an update hears of no creations
  @OnDocumentCreated(Game)
  created(event: DocumentUpdatedEvent<Game>): void {
    void event;
  }

  @OnDocumentEvent('Nobody')
  nobody(): void {
    // never called: there is no such model
  }
}

describe('methods that listen to documents', () => {
  const open: GamesApp[] = [];

  beforeEach(() => dropDatabase(database));
  afterEach(async () => {
    await Promise.all(open.splice(0).map((app) => app.close()));
  });
  afterAll(() => dropDatabase(database));

  async function start(options: Partial<Parameters<typeof startGames>[0]>): Promise<GamesApp> {
    const app = await startGames({ database, imports: [featureModule([guilds])], ...options });
    open.push(app);
    return app;
  }
  async function writeAll({ app, games }: GamesApp): Promise<void> {
    const { document } = await games.findOneAndUpsert({ name: 'raid' }, 'test');
    await games.findOneAndUpdate(document._id, (game) => void (game.gold += 1), 'test');
    await games.deleteOne(document._id, 'test');
    const storage = app.get<EventSourcedStorageService<Guild & { _id: mongoose.Types.ObjectId; version: number }>>(getEventSourcedStorageToken('Guild'), { strict: false });
    const { document: guild } = await storage.findOneAndUpsert({ name: 'guild' }, 'test');
    await storage.findOneAndUpdate(guild._id, (each) => void (each.name = 'other'), 'test');
  }

  it('each hears of its own kind of change of its own model, and of nothing else', async () => {
    const app = await start({ providers: [Told, Listener] });
    await writeAll(app);
    const told = app.app.get(Told);
    await until(() => told.all.length >= 5, 'five events');
    expect(told.all).toEqual(['created Game@1', 'updated Game@2', 'deleted Game@3', 'any Guild@1', 'any Guild@2']);
  });

  it('one that fails reaches neither the writer nor the others, and is logged', async () => {
    const logger = new Log();
    const app = await start({ providers: [Failing, Told, Listener], logger });
    await writeAll(app);
    const told = app.app.get(Told);
    await until(() => told.all.length >= 5, 'five events');
    expect(told.all).toHaveLength(5);
    const failures = (what: string): number => logger.warnings.filter((text) => text.includes(`Failing.${what}`)).length;
    await until(() => failures('later failed: later') >= 3 && failures('atOnce failed: at once') >= 3, 'three failures of each in the log');
  });

  it('methods of a class that is extended listen too, and are called once', async () => {
    @Injectable()
    class Extended extends Listener {
      @OnDocumentCreated(Game)
      another(event: DocumentCreatedEvent<Game>): void {
        this.told.note('another', event);
      }
    }
    // compiled without constructor metadata of its own, the class takes what it extends
    const app = await start({ providers: [Told, { provide: Extended, useFactory: (told: Told) => new Extended(told), inject: [Told] }] });
    await writeAll(app);
    const told = app.app.get(Told);
    await until(() => told.all.length >= 6, 'six events');
    expect(told.all.toSorted()).toEqual(['another Game@1', 'any Guild@1', 'any Guild@2', 'created Game@1', 'deleted Game@3', 'updated Game@2']);
  });

  it('a model that is no feature is refused at the start', async () => {
    const failure: unknown = await start({ providers: [Wrong], logger: new Log() }).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(InvalidOptionsError);
    expect((failure as Error).message).toContain('Wrong.nobody: there is no feature "Nobody"; there are: Game, Guild');
  });

  it('without a bus to listen to it is refused at the start', async () => {
    const failure: unknown = await start({ providers: [Told, Listener], cqrs: false, logger: new Log() }).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(InvalidOptionsError);
    expect((failure as Error).message).toContain('import CqrsModule.forRoot()');
  });
});
