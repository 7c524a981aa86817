import { ConflictException, HttpException, HttpStatus, Injectable, NotFoundException } from '@nestjs/common';
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
import type { ComparisonAnswer, HistoryAnswer } from './dto/history.answer.js';
import type { RevertDto } from './dto/revert.dto.js';
import { Game } from './game.schema.js';
import { authorKey, historyEntry } from './history-entry.js';
import { listChanges } from './list-changes.js';
import { refusalOf, strike, type Strike } from './raid.js';

/** What somebody says about a new game. */
export type NewGame = Pick<Game, 'name' | 'gold' | 'experience'> & { readonly boss?: { readonly name: string; readonly hp: number } };

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
    const { document } = await this.games.findOneAndUpsert(opened(game), clientId);
    return document;
  }

  /** An existing game is answered as it is: nothing is written and nothing recorded. */
  createIfAbsent(id: Types.ObjectId, game: NewGame, clientId: string, options: UpsertOptions): Promise<UpsertResult<Game>> {
    return this.games.findOneAndUpsert({ _id: id, ...opened(game) }, clientId, options);
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

  /** The same strike with the same operation counts once. */
  async strike(id: Types.ObjectId, hit: Strike, clientId: string, options: UpdateOptions): Promise<Game> {
    const { document } = await this.games.findOneAndUpdate(
      id,
      (game) => {
        const refusal = refusalOf(game, hit);
        if (refusal !== undefined) throw new ConflictException(refusal);
        strike(game, hit);
        game.lastUpdated = new Date();
      },
      clientId,
      { ...options, metadata: { [authorKey]: hit.hero } },
    );
    return document;
  }

  /** A new event that brings an old state back; the history itself is never changed. */
  async revert(id: Types.ObjectId, { toVersion, reason, by }: RevertDto, clientId: string, options: UpdateOptions): Promise<Game> {
    if (options.expectedVersion === undefined) preconditionRequired();
    const { document } = await this.games.revert(id, { toVersion }, clientId, { ...options, metadata: { reason, ...(by === undefined ? {} : { [authorKey]: by }) } });
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

  /** Newest first, `limit` entries below `before`. */
  async history(id: Types.ObjectId, { before, limit }: { readonly before: number; readonly limit: number }): Promise<HistoryAnswer> {
    const { events, next } = await this.games.getEvents(id, { to: before - 1, order: 'desc', limit });
    const last = events.at(-1)?.serverSeq;
    return { entries: events.map(historyEntry), ...(next === undefined || last === undefined ? {} : { next: last }) };
  }

  /** Before its first version, and while it is deleted, a game is nothing. */
  async compare(id: Types.ObjectId, from: number, to: number): Promise<ComparisonAnswer> {
    const [before, after] = await Promise.all([from, to].map((version) => this.games.stateAt(id, { version })));
    return { from, to, changes: listChanges(asJson(before), asJson(after)) };
  }
}

/** A raid begins with a boss in full health. */
function opened({ name, gold, experience, boss }: NewGame): Partial<Game> {
  return { name, gold, experience, ...(boss === undefined ? {} : { boss: { name: boss.name, hp: boss.hp, maxHp: boss.hp } }) };
}

/** As the answer will have it: ids and dates are texts. The number of the version is what is compared, not a difference. */
function asJson(game: Game | null | undefined): unknown {
  if (game === null || game === undefined) return undefined;
  const { version: _version, ...state } = game;
  return JSON.parse(JSON.stringify(state)) as unknown;
}

function preconditionRequired(): never {
  const message = 'Say with If-Match which version you have seen: a revert must not undo what you do not know of.';
  throw new HttpException({ code: 'PRECONDITION_REQUIRED', message }, HttpStatus.PRECONDITION_REQUIRED);
}

function notFound(message: string): never {
  throw new NotFoundException({ code: 'DOCUMENT_NOT_FOUND', message });
}
