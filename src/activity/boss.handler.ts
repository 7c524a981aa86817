import { EventBus, EventsHandler, type IEventHandler } from '@nestjs/cqrs';
import { DocumentUpdatedEvent, EventSourcedStorageService, InjectEventSourcedStorage } from 'nestjs-event-sourced-storage';
import { Game } from '../games/game.schema.js';
import { BossDefeatedEvent } from './boss-defeated.event.js';

/** In a game without a boss of its own, one falls when the experience reaches this. */
const bossExperience = 1_000;

/**
 * Raises a domain event from a recorded change. An event says what a value became; what it was before stands in the history.
 */
@EventsHandler(DocumentUpdatedEvent)
export class BossHandler implements IEventHandler<DocumentUpdatedEvent<Game>> {
  constructor(
    @InjectEventSourcedStorage(Game.name) private readonly games: EventSourcedStorageService<Game>,
    private readonly bus: EventBus,
  ) {}

  async handle({ model, documentId, serverSeq, clientId, document }: DocumentUpdatedEvent<Game>): Promise<void> {
    if (model !== Game.name || !hasWon(document)) return;
    const before = await this.games.stateAt(documentId, { version: serverSeq - 1 });
    if (before === null || hasWon(before)) return;
    this.bus.publish(new BossDefeatedEvent(String(documentId), document.name, clientId));
  }
}

function hasWon({ boss, experience }: Game): boolean {
  return boss === undefined ? experience >= bossExperience : boss.hp <= 0;
}
