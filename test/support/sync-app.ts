import type { AddressInfo } from 'node:net';
import { CqrsModule } from '@nestjs/cqrs';
import { getConnectionToken, MongooseModule } from '@nestjs/mongoose';
import { type NestExpressApplication } from '@nestjs/platform-express';
import { Test } from '@nestjs/testing';
import type { Connection } from 'mongoose';
import type mongoose from 'mongoose';
import {
  EventSourcedStorageModule,
  type EventSourcedStorageService,
  EventSourcedSync,
  EventSourcedSyncModule,
  type FeatureDefinition,
  getEventSourcedStorageToken,
  type StorageModuleOptions,
  type SyncRootOptions,
} from 'nestjs-event-sourced-storage';
import { Game, GameSchema } from './games.js';
import { clientOptions, started, testUri } from './storage-app.js';

/** What a test wants different. */
export interface SyncAppOptions {
  readonly database: string;
  readonly sync?: SyncRootOptions;
  readonly root?: StorageModuleOptions;
  readonly client?: mongoose.ConnectOptions;
  readonly feature?: Partial<FeatureDefinition>;
  readonly setUp?: (app: NestExpressApplication) => void;
}

/** An application that serves games to clients, over real HTTP. */
export interface SyncApp {
  readonly app: NestExpressApplication;
  readonly games: EventSourcedStorageService<Game>;
  readonly sync: EventSourcedSync;
  readonly connection: Connection;
  readonly port: number;
  /** The address of the routes. */
  readonly url: string;
  /** Any collection, raw. */
  raw(name: string): mongoose.mongo.Collection;
  close(): Promise<void>;
}

export async function startSync({ database, sync = {}, root = {}, client = {}, feature = {}, setUp }: SyncAppOptions): Promise<SyncApp> {
  const app = await started(async () => {
    const compiled = await Test.createTestingModule({
      imports: [
        MongooseModule.forRoot(testUri(), { dbName: database, retryAttempts: 0, ...clientOptions, ...client }),
        CqrsModule.forRoot(),
        EventSourcedStorageModule.forRoot(root),
        EventSourcedStorageModule.forFeature([{ name: Game.name, schema: GameSchema, ...feature }]),
        EventSourcedSyncModule.forRoot({ authorizeStream: () => ({ allow: true }), maxStreamsPerAddress: 5_000, ...sync }),
      ],
    }).compile();
    const application = compiled.createNestApplication<NestExpressApplication>({ logger: false });
    setUp?.(application);
    await application.listen(0, '127.0.0.1');
    return application;
  });
  const connection = app.get<Connection>(getConnectionToken());
  const { port } = (app.getHttpServer() as { address(): AddressInfo }).address();
  return {
    app,
    games: app.get<EventSourcedStorageService<Game>>(getEventSourcedStorageToken(Game.name)),
    get sync() {
      return app.get(EventSourcedSync, { strict: false });
    },
    connection,
    port,
    url: `http://127.0.0.1:${port}/sync`,
    raw: (name) => connection.getClient().db(database).collection(name),
    close: () => app.close(),
  };
}
