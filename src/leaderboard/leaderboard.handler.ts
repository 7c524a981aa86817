import type { OnApplicationBootstrap } from '@nestjs/common';
import { EventsHandler, type IEventHandler } from '@nestjs/cqrs';
import {
  DocumentCreatedEvent,
  DocumentDeletedEvent,
  DocumentUpdatedEvent,
  EventSourcedStorageService,
  InjectEventSourcedStorage,
} from 'nestjs-event-sourced-storage';
import { Game } from '../games/game.schema.js';
import { Leaderboard } from './leaderboard.js';

type Changed = DocumentCreatedEvent<Game> | DocumentUpdatedEvent<Game> | DocumentDeletedEvent<Game>;

/**
 * Keeps the leaderboard up to date: read once at start, then changed by what happens. Events of the process that stops between a commit
 * and its publication are lost, and those of other processes never arrive: good enough for a board that starts afresh with the process.
 */
@EventsHandler(DocumentCreatedEvent, DocumentUpdatedEvent, DocumentDeletedEvent)
export class LeaderboardHandler implements IEventHandler<Changed>, OnApplicationBootstrap {
  constructor(
    private readonly board: Leaderboard,
    @InjectEventSourcedStorage(Game.name) private readonly games: EventSourcedStorageService<Game>,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    for (const game of await this.games.findMany({}, { sort: { gold: -1 }, limit: this.board.capacity })) this.put(game);
  }

  handle(changed: Changed): void {
    if (changed.model !== Game.name) return;
    if (changed instanceof DocumentDeletedEvent) this.board.remove(String(changed.documentId));
    else this.put(changed.document);
  }

  private put({ _id, name, gold }: Game): void {
    this.board.put({ id: _id.toHexString(), name, gold });
  }
}
