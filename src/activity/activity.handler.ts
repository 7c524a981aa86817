import { EventsHandler, type IEventHandler } from '@nestjs/cqrs';
import { DocumentCreatedEvent, DocumentDeletedEvent, DocumentUpdatedEvent } from 'nestjs-event-sourced-storage';
import { Game } from '../games/game.schema.js';
import { ActivityLog } from './activity-log.js';
import { BossDefeatedEvent } from './boss-defeated.event.js';

type Noted = DocumentCreatedEvent<Game> | DocumentUpdatedEvent<Game> | DocumentDeletedEvent<Game> | BossDefeatedEvent;

/** Writes down what happens. */
@EventsHandler(DocumentCreatedEvent, DocumentUpdatedEvent, DocumentDeletedEvent, BossDefeatedEvent)
export class ActivityHandler implements IEventHandler<Noted> {
  constructor(private readonly log: ActivityLog) {}

  handle(noted: Noted): void {
    if (noted instanceof BossDefeatedEvent) this.log.add(`The boss of "${noted.name}" is defeated, the last blow came from ${noted.clientId}`);
    else this.log.add(`${noted.model} ${String(noted.documentId)}@${noted.serverSeq}: ${noted.event.operation} by ${noted.clientId}`, noted.event.timestamp);
  }
}
