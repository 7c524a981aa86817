import { Injectable, NotFoundException } from '@nestjs/common';
import type { Types } from 'mongoose';
import {
  type DeleteOptions,
  type DeleteResult,
  type DocumentEvent,
  EventSourcedStorageService,
  InjectEventSourcedStorage,
  type UpdateOptions,
  type UpsertOptions,
  type UpsertResult,
} from 'nestjs-event-sourced-storage';
import { Game } from './game.schema.js';

/** What somebody says about a new game. */
export type NewGame = Pick<Game, 'name' | 'gold' | 'experience'>;

/** What a fight brings in. */
export type Loot = Pick<Game, 'gold' | 'experience'>;

/** What one can do with a game. */
@Injectable()
export class GamesService {
  constructor(@InjectEventSourcedStorage(Game.name) private readonly games: EventSourcedStorageService<Game>) {}

  list(page: { readonly limit: number; readonly skip: number }): Promise<Game[]> {
    return this.games.findMany({}, { sort: { _id: 1 }, limit: page.limit, skip: page.skip });
  }

  async get(id: Types.ObjectId): Promise<Game> {
    return (await this.games.findOne(id)) ?? notFound(`There is no game ${id.toHexString()}.`);
  }

  async create(game: NewGame, clientId: string): Promise<Game> {
    const { document } = await this.games.findOneAndUpsert(game, clientId);
    return document;
  }

  /** An existing game is answered as it is: nothing is written and nothing recorded. */
  createIfAbsent(id: Types.ObjectId, game: NewGame, clientId: string, options: UpsertOptions): Promise<UpsertResult<Game>> {
    return this.games.findOneAndUpsert({ _id: id, ...game }, clientId, options);
  }

  async addLoot(id: Types.ObjectId, loot: Loot, clientId: string, options: UpdateOptions): Promise<Game> {
    const { document } = await this.games.findOneAndUpdate(
      id,
      (game) => {
        if (loot.gold === 0 && loot.experience === 0) return; // an edit that changes nothing leaves no trace
        game.gold += loot.gold;
        game.experience += loot.experience;
        game.lastUpdated = new Date();
        game.version++; // as in the original's example; ignored, because the storage owns this number
      },
      clientId,
      options,
    );
    return document;
  }

  delete(id: Types.ObjectId, clientId: string, options: DeleteOptions): Promise<DeleteResult> {
    return this.games.deleteOne(id, clientId, options);
  }

  missedEvents(id: Types.ObjectId, after: number, limit: number): Promise<DocumentEvent<Game>[]> {
    return this.games.getMissingEvents(id, after, { limit });
  }

  async at(id: Types.ObjectId, version: number): Promise<Game> {
    return (await this.games.stateAt(id, { version })) ?? notFound(`At version ${version} there was no game ${id.toHexString()}.`);
  }
}

function notFound(message: string): never {
  throw new NotFoundException({ code: 'DOCUMENT_NOT_FOUND', message });
}
