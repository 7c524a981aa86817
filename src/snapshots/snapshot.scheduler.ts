import { Injectable, Logger, type OnModuleDestroy } from '@nestjs/common';
import { EventsHandler, type IEventHandler } from '@nestjs/cqrs';
import { Interval } from '@nestjs/schedule';
import {
  DocumentCreatedEvent,
  DocumentDeletedEvent,
  type DocumentId,
  DocumentUpdatedEvent,
  EventSourcedStorageService,
  InjectEventSourcedStorage,
} from 'nestjs-event-sourced-storage';
import { Game } from '../games/game.schema.js';
import { needsSnapshot } from './needs-snapshot.js';

const intervalMs = 10_000;

type Changed = DocumentCreatedEvent<Game> | DocumentUpdatedEvent<Game> | DocumentDeletedEvent<Game>;

/** How many events a history may grow by before it gets a snapshot. */
export class SnapshotPolicy {
  constructor(readonly every: number) {}
}

/**
 * Keeps histories cheap to read: every ten seconds it looks at the games that this process changed since, and snapshots those whose
 * history has grown enough. A snapshot that is missed costs reading time, nothing else, so a failure is logged and left at that.
 */
@Injectable()
@EventsHandler(DocumentCreatedEvent, DocumentUpdatedEvent, DocumentDeletedEvent)
export class SnapshotScheduler implements IEventHandler<Changed>, OnModuleDestroy {
  private readonly logger = new Logger(SnapshotScheduler.name);
  private readonly changed = new Map<string, DocumentId>();
  private running: Promise<void> = Promise.resolve();
  private stopped = false;

  constructor(
    @InjectEventSourcedStorage(Game.name) private readonly games: EventSourcedStorageService<Game>,
    private readonly policy: SnapshotPolicy,
  ) {}

  handle({ model, documentId, serverSeq }: Changed): void {
    if (model === Game.name && needsSnapshot({ head: serverSeq, newestSnapshot: 0 }, this.policy.every)) this.changed.set(String(documentId), documentId);
  }

  /** One round; rounds never overlap. */
  @Interval(intervalMs)
  tick(): Promise<void> {
    this.running = this.running.then(() => this.round());
    return this.running;
  }

  /** Before the storage closes: no new round, and the one under way ends. */
  async onModuleDestroy(): Promise<void> {
    this.stopped = true;
    await this.running;
  }

  private async round(): Promise<void> {
    const ids = [...this.changed.values()];
    this.changed.clear();
    for (const id of ids) {
      if (this.stopped) return;
      await this.snapshotWhenDue(id).catch((error: unknown) => this.logger.error(`No snapshot of ${String(id)}: ${String(error)}`));
    }
  }

  private async snapshotWhenDue(id: DocumentId): Promise<void> {
    const { snapshot, events } = await this.games.getEventsWithSnapshot(id);
    const newestSnapshot = snapshot?.serverSeq ?? 0;
    const head = events.at(-1)?.serverSeq ?? newestSnapshot;
    if (needsSnapshot({ head, newestSnapshot }, this.policy.every)) await this.games.createSnapshot(id);
  }
}
