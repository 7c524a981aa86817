import { idKey } from '../model/bson-values.js';
import type { Image } from '../model/diff.js';
import type { DocumentEvent } from '../model/document-event.js';
import type { DocumentId } from '../model/document-id.js';
import type { AfterCommit } from '../write/after-commit.js';
import type { EventHub } from './event-hub.js';
import { EventWatch } from './event-watch.js';

/** Where the document after an event comes from. */
export interface StateSource {
  /** What the cache holds, when it is exactly that version. */
  cached(key: string, version: number): Promise<Image | undefined>;
  /** The document right after an event. */
  stateAt(id: DocumentId, version: number): Promise<Image | null>;
}

/** What publishing works with. */
export interface PublishEverywhereParts {
  readonly hub: EventHub;
  readonly publisher: AfterCommit;
  readonly states: StateSource;
  readonly warn: (message: string) => void;
}

const maxBuffered = 10_000;

/** Publishes every commit that the feed tells, of this process and of others, each once, per document in order. */
export class PublishEverywhere {
  private running: Promise<void> | undefined;

  constructor(private readonly parts: PublishEverywhereParts) {}

  start(): void {
    const { hub, warn } = this.parts;
    const onGap = ({ reason }: { readonly reason: string }): void => warn(`Some events are not published here: ${reason}`);
    this.running ??= this.publish(new EventWatch<Image>(hub, undefined, { onGap, maxBuffered }));
  }

  /** Resolves after the hub is closed and what it had told is published. */
  async done(): Promise<void> {
    await this.running;
  }

  private async publish(events: EventWatch<Image>): Promise<void> {
    for await (const event of events) {
      try {
        this.parts.publisher.notify({ event, document: await this.documentAfter(event) });
      } catch (error) {
        this.parts.warn(`The event ${event.serverSeq} of ${String(event.documentId)} is not published here: ${String(error)}`);
      }
    }
  }

  private async documentAfter(event: DocumentEvent<Image>): Promise<Image | null> {
    if (event.operation === 'create') return event.createdDoc;
    if (event.operation === 'delete') return null;
    const { documentId, serverSeq } = event;
    return (await this.parts.states.cached(idKey(documentId), serverSeq)) ?? this.parts.states.stateAt(documentId, serverSeq);
  }
}
