import type { DynamicModule, LoggerService, ModuleMetadata } from '@nestjs/common';
import { CqrsModule } from '@nestjs/cqrs';
import { getConnectionToken, getModelToken, MongooseModule } from '@nestjs/mongoose';
import { Test, type TestingModule } from '@nestjs/testing';
import mongoose from 'mongoose';
import type { Connection, Model } from 'mongoose';
import {
  EventSourcedStorageModule,
  type EventSourcedStorageService,
  type FeatureDefinition,
  getEventSourcedStorageToken,
  type StorageModuleOptions,
} from 'nestjs-event-sourced-storage';

type Collection = mongoose.mongo.Collection;

/** How the sample connects, so that tests meet the same client. */
export const clientOptions = { socketTimeoutMS: 5_000, heartbeatFrequencyMS: 1_000, serverSelectionTimeoutMS: 5_000 } as const;

/** What a test wants different from an ordinary application. */
export interface AppOptions {
  readonly database: string;
  readonly uri?: string;
  readonly root?: StorageModuleOptions;
  readonly imports?: readonly DynamicModule[];
  readonly providers?: NonNullable<ModuleMetadata['providers']>;
  readonly client?: mongoose.ConnectOptions;
  /** `false`: an application without `CqrsModule`. */
  readonly cqrs?: boolean;
  /** Receives what the application logs. */
  readonly logger?: LoggerService;
}

/** One application as a user would build it, with the storage of one model. */
export interface StorageApp<T extends object> {
  readonly app: TestingModule;
  readonly storage: EventSourcedStorageService<T>;
  readonly connection: Connection;
  /** Any collection, raw. */
  raw(name: string): Collection;
  documents(): Collection;
  events(): Collection;
  close(): Promise<void>;
}

/** A database name that no other suite of this run uses. */
export function databaseName(suite: string): string {
  return `test_${process.env['JEST_WORKER_ID'] ?? '1'}_${suite}`;
}

/** The URI of the run's replica set. */
export function testUri(): string {
  const uri = process.env['TEST_MONGODB_URI'];
  if (uri === undefined) throw new Error('TEST_MONGODB_URI is missing: run the tests with npm test');
  return uri;
}

export async function startStorage<T extends object>(feature: FeatureDefinition, options: AppOptions): Promise<StorageApp<T>> {
  const { database, uri = testUri(), root = {}, imports = [], providers = [], client = {}, cqrs = true, logger } = options;
  const builder = Test.createTestingModule({
    imports: [
      MongooseModule.forRoot(uri, { dbName: database, retryAttempts: 0, ...clientOptions, ...client }),
      ...(cqrs ? [CqrsModule.forRoot()] : []),
      EventSourcedStorageModule.forRoot(root),
      EventSourcedStorageModule.forFeature([feature]),
      ...imports,
    ],
    providers: [...providers],
  });
  if (logger !== undefined) builder.setLogger(logger);
  const app = await started(async () => {
    const compiled = await builder.compile();
    await compiled.init();
    return compiled;
  });
  const connection = app.get<Connection>(getConnectionToken());
  const { name: collection } = app.get<Model<unknown>>(getModelToken(feature.name)).collection;
  const raw = (name: string): Collection => connection.getClient().db(database).collection(name);
  return {
    app,
    storage: app.get<EventSourcedStorageService<T>>(getEventSourcedStorageToken(feature.name)),
    connection,
    raw,
    documents: () => raw(collection),
    events: () => raw(feature.eventsCollection ?? `${collection}_events`),
    close: () => app.close(),
  };
}

/** More features in a module of their own, as an application with several domains has them. */
export function featureModule(features: readonly FeatureDefinition[]): DynamicModule {
  class FeatureModule {}
  return { module: FeatureModule, imports: [EventSourcedStorageModule.forFeature(features)] };
}

/** What the start answers; when it fails, the connections that it had opened are closed, or nothing would ever end. */
export async function started<R>(start: () => Promise<R>): Promise<R> {
  const before = new Set(mongoose.connections);
  try {
    return await start();
  } catch (error) {
    await Promise.all(mongoose.connections.filter((connection) => !before.has(connection)).map((connection) => connection.close()));
    throw error;
  }
}

/** Drops a database of an earlier run. */
export async function dropDatabase(database: string, uri: string = testUri()): Promise<void> {
  const client = await mongoose.mongo.MongoClient.connect(uri);
  await client.db(database).dropDatabase();
  await client.close();
}
