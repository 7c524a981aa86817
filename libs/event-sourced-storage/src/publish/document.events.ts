import type { CreateEvent, DeleteEvent, UpdateEvent } from '../model/document-event.js';
import type { DocumentId } from '../model/document-id.js';

/** What all three events say. */
interface Published<E> {
  /** The name of the Mongoose model. */
  readonly model: string;
  readonly documentId: DocumentId;
  readonly serverSeq: number;
  readonly clientId: string;
  /** The recorded event. */
  readonly event: E;
}

/**
 * A document was created, in this process. Published on the application's `EventBus` after the commit, in the order of the numbers of each
 * document, at most once: a crash in between loses it. Handlers of one bus run concurrently and share the event, so they must not change it; what one
 * does to it never reaches the storage.
 */
export class DocumentCreatedEvent<T = Record<string, unknown>> implements Published<CreateEvent<T>> {
  constructor(
    readonly model: string,
    readonly documentId: DocumentId,
    readonly serverSeq: number,
    readonly clientId: string,
    readonly event: CreateEvent<T>,
    /** The document as created. */
    readonly document: T,
  ) {}
}

/** A document was changed, in this process. Published as {@link DocumentCreatedEvent}. */
export class DocumentUpdatedEvent<T = Record<string, unknown>> implements Published<UpdateEvent> {
  constructor(
    readonly model: string,
    readonly documentId: DocumentId,
    readonly serverSeq: number,
    readonly clientId: string,
    readonly event: UpdateEvent,
    /** The document after the change. */
    readonly document: T,
  ) {}
}

/** A document was deleted, in this process; its last state is `event.deletedDoc`. Published as {@link DocumentCreatedEvent}. */
export class DocumentDeletedEvent<T = Record<string, unknown>> implements Published<DeleteEvent<T>> {
  constructor(
    readonly model: string,
    readonly documentId: DocumentId,
    readonly serverSeq: number,
    readonly clientId: string,
    readonly event: DeleteEvent<T>,
  ) {}
}
