import { Module, type DynamicModule } from '@nestjs/common';
import { CqrsModule } from '@nestjs/cqrs';
import { getConnectionToken, MongooseModule, Prop, Schema, SchemaFactory } from '@nestjs/mongoose';
import { Test, type TestingModule } from '@nestjs/testing';
import mongoose from 'mongoose';
import type { Connection } from 'mongoose';
import {
  EventSourcedStorageModule,
  EventSourcedStorageService,
  type FeatureDefinition,
  getEventSourcedStorageToken,
  type StorageModuleOptions,
} from 'nestjs-event-sourced-storage';

/** The document of most tests: the seed's game, and one field of every kind that matters. */
@Schema({ versionKey: 'version', collection: 'games' })
export class Game {
  declare readonly _id: mongoose.Types.ObjectId;

  @Prop({ type: String, required: true })
  name!: string;

  @Prop({ type: Number, default: 0 })
  gold!: number;

  @Prop({ type: Number, default: 0 })
  experience!: number;

  @Prop({ type: Date })
  lastUpdated?: Date;

  @Prop({ type: [String] })
  tags?: string[];

  @Prop({ type: mongoose.Schema.Types.Mixed })
  extra?: unknown;

  declare version: number;
}

export const GameSchema: mongoose.Schema<Game> = SchemaFactory.createForClass(Game);

/** How the sample connects, so that tests meet the same client. */
export const clientOptions = { socketTimeoutMS: 5_000, heartbeatFrequencyMS: 1_000, serverSelectionTimeoutMS: 5_000 } as const;

/** One application as a user would build it, with the storage of games. */
export interface GamesApp {
  readonly app: TestingModule;
  readonly games: EventSourcedStorageService<Game>;
  readonly connection: Connection;
  /** The raw events of the database, for a foreign recount. */
  events(): mongoose.mongo.Collection;
  /** The raw documents. */
  documents(): mongoose.mongo.Collection;
  close(): Promise<void>;
}

/** What a test wants different. */
export interface GamesAppOptions {
  readonly database: string;
  readonly uri?: string;
  readonly root?: StorageModuleOptions;
  readonly feature?: Partial<FeatureDefinition>;
  readonly imports?: DynamicModule[];
  readonly providers?: NonNullable<Parameters<typeof Test.createTestingModule>[0]['providers']>;
  readonly client?: mongoose.ConnectOptions;
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

@Module({})
class Nothing {}

export async function startGames({ database, uri = testUri(), root = {}, feature = {}, imports = [], providers = [], client = {} }: GamesAppOptions): Promise<GamesApp> {
  const app = await Test.createTestingModule({
    imports: [
      MongooseModule.forRoot(uri, { dbName: database, ...clientOptions, ...client }),
      CqrsModule.forRoot(),
      EventSourcedStorageModule.forRoot(root),
      EventSourcedStorageModule.forFeature([{ name: Game.name, schema: GameSchema, ...feature }]),
      Nothing,
      ...imports,
    ],
    providers: [...providers],
  }).compile();
  await app.init();
  const connection = app.get<Connection>(getConnectionToken());
  const raw = (name: string): mongoose.mongo.Collection => connection.getClient().db(database).collection(name);
  return {
    app,
    games: app.get<EventSourcedStorageService<Game>>(getEventSourcedStorageToken(Game.name)),
    connection,
    events: () => raw(feature.eventsCollection ?? 'games_events'),
    documents: () => raw('games'),
    close: () => app.close(),
  };
}

/** Drops a database of an earlier run. */
export async function dropDatabase(database: string): Promise<void> {
  const client = await mongoose.mongo.MongoClient.connect(testUri());
  await client.db(database).dropDatabase();
  await client.close();
}
