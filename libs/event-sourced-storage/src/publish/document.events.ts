import type { CreateEvent, DeleteEvent, UpdateEvent } from '../model/document-event.js';
import type { DocumentId } from '../model/document-id.js';

/** What all events on the application's `EventBus` say. `E` is the recorded event. */
export interface PublishedEvent<E> {
  /** The name of the Mongoose model, as given to `forFeature()`. */
  readonly model: string;
  /** The `_id` of the document. */
  readonly documentId: DocumentId;
  /** The document's version after the change; of a delete, the number of the tombstone. */
  readonly serverSeq: number;
  /** Who asked for the change. */
  readonly clientId: string;
  /** The event as recorded; a copy for the bus. */
  readonly event: E;
}

/**
 * A document was created, in this process. Published on the application's `EventBus` after the commit, in the order of the numbers of each
 * document, at most once: a crash in between loses it. Handlers of one bus run concurrently and share the event, so they must not change it; what one
 * does to it never reaches the storage.
 */
export class DocumentCreatedEvent<T = Record<string, unknown>> implements PublishedEvent<CreateEvent<T>> {
  /** Made by the library, and by tests of handlers. */
  constructor(
    /** The name of the Mongoose model, as given to `forFeature()`. */
    readonly model: string,
    /** The `_id` of the document. */
    readonly documentId: DocumentId,
    /** The document's version: 1, or the number after its tombstone. */
    readonly serverSeq: number,
    /** Who asked for the change. */
    readonly clientId: string,
    /** The event as recorded; a copy for the bus. */
    readonly event: CreateEvent<T>,
    /** The document as created. */
    readonly document: T,
  ) {}
}

/** A document was changed, in this process. Published as {@link DocumentCreatedEvent}. */
export class DocumentUpdatedEvent<T = Record<string, unknown>> implements PublishedEvent<UpdateEvent> {
  /** Made by the library, and by tests of handlers. */
  constructor(
    /** The name of the Mongoose model, as given to `forFeature()`. */
    readonly model: string,
    /** The `_id` of the document. */
    readonly documentId: DocumentId,
    /** The document's version after the change. */
    readonly serverSeq: number,
    /** Who asked for the change. */
    readonly clientId: string,
    /** The event as recorded; a copy for the bus. */
    readonly event: UpdateEvent,
    /** The document after the change. */
    readonly document: T,
  ) {}
}

/** A document was deleted, in this process; its last state is `event.deletedDoc`. Published as {@link DocumentCreatedEvent}. */
export class DocumentDeletedEvent<T = Record<string, unknown>> implements PublishedEvent<DeleteEvent<T>> {
  /** Made by the library, and by tests of handlers. */
  constructor(
    /** The name of the Mongoose model, as given to `forFeature()`. */
    readonly model: string,
    /** The `_id` of the document. */
    readonly documentId: DocumentId,
    /** The number of the tombstone, one above the version of the document that went away. */
    readonly serverSeq: number,
    /** Who asked for the change. */
    readonly clientId: string,
    /** The event as recorded; a copy for the bus. */
    readonly event: DeleteEvent<T>,
  ) {}
}
