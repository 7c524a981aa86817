import { Prop, Schema, SchemaFactory } from '@nestjs/mongoose';
import mongoose from 'mongoose';
import type { EventSourcedStorageService, FeatureDefinition } from 'nestjs-event-sourced-storage';
import { upTo } from './numbers.js';
import { type AppOptions, startStorage, type StorageApp } from './storage-app.js';

export { clientOptions, databaseName, dropDatabase, testUri } from './storage-app.js';

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

/** A plain copy with some fields changed. */
export function copyOf(game: Game, changes: Partial<Game> = {}): Game {
  return Object.fromEntries([...Object.entries(game), ...Object.entries(changes)]) as unknown as Game;
}

/** One application as a user would build it, with the storage of games. */
export interface GamesApp extends StorageApp<Game> {
  readonly games: EventSourcedStorageService<Game>;
}

/** What a test wants different. */
export interface GamesAppOptions extends AppOptions {
  readonly feature?: Partial<FeatureDefinition>;
}

/** A document with a history of `length` events; event `n` leaves `gold: n`. */
export async function withHistory({ games }: Pick<GamesApp, 'games'>, length: number, id: mongoose.Types.ObjectId = new mongoose.Types.ObjectId()): Promise<mongoose.Types.ObjectId> {
  await games.findOneAndUpsert({ _id: id, name: 'raid', gold: 1 }, 'creator');
  await Promise.all(upTo(length, 2).map(() => games.findOneAndUpdate(id, (game) => void (game.gold += 1), 'editor')));
  return id;
}

export async function startGames({ feature = {}, ...options }: GamesAppOptions): Promise<GamesApp> {
  const app = await startStorage<Game>({ name: Game.name, schema: GameSchema, ...feature }, options);
  return { ...app, games: app.storage };
}
