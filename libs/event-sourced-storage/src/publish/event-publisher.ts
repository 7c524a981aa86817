import { cloneValue } from '../model/bson-values.js';
import type { Image } from '../model/diff.js';
import { isThenable } from '../model/promises.js';
import { AfterCommit, type CommittedChange } from '../write/after-commit.js';
import { DocumentCreatedEvent, DocumentDeletedEvent, DocumentUpdatedEvent } from './document.events.js';

/** What publishing needs of an event bus: `@nestjs/cqrs`' has it. */
export interface PublishingBus {
  publish(event: object): unknown;
}

/** Turns a commit into an event on the application's bus. What a handler throws never reaches the writer. */
export class EventPublisher extends AfterCommit {
  constructor(
    private readonly model: string,
    private readonly collection: string,
    /** `undefined`: the application has no bus (yet), nobody listens. */
    private readonly bus: () => PublishingBus | undefined,
    private readonly warn: (message: string) => void,
  ) {
    super();
  }

  override notify(committed: CommittedChange): void {
    try {
      const bus = this.bus();
      if (bus === undefined) return;
      const published = bus.publish(this.eventFor(committed));
      // a publisher of the application may be asynchronous
      if (isThenable(published)) void Promise.resolve(published).catch((error: unknown) => this.report(committed, error));
    } catch (error) {
      this.report(committed, error);
    }
  }

  private eventFor({ event: shared, document }: CommittedChange): object {
    const event = cloneValue(shared);
    const { documentId, serverSeq, clientId } = event;
    switch (event.operation) {
      case 'create':
        return new DocumentCreatedEvent(this.model, documentId, serverSeq, clientId, event, cloneValue(document) as Image);
      case 'update':
        return new DocumentUpdatedEvent(this.model, documentId, serverSeq, clientId, event, cloneValue(document) as Image);
      case 'delete':
        return new DocumentDeletedEvent(this.model, documentId, serverSeq, clientId, event);
    }
  }

  private report({ event }: CommittedChange, error: unknown): void {
    const reason = error instanceof Error ? error.message : String(error);
    this.warn(`${this.collection}/${String(event.documentId)}@${event.serverSeq} was committed, but publishing its event failed: ${reason}`);
  }
}
