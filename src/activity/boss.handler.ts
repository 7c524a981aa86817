import { EventBus, EventsHandler, type IEventHandler } from '@nestjs/cqrs';
import { DocumentUpdatedEvent, EventSourcedStorageService, InjectEventSourcedStorage } from 'nestjs-event-sourced-storage';
import { Game } from '../games/game.schema.js';
import { BossDefeatedEvent } from './boss-defeated.event.js';

/** A boss falls when the experience of its game reaches this. */
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
    if (model !== Game.name || document.experience < bossExperience) return;
    const before = await this.games.stateAt(documentId, { version: serverSeq - 1 });
    if (before === null || before.experience >= bossExperience) return;
    this.bus.publish(new BossDefeatedEvent(String(documentId), document.name, clientId));
  }
}
