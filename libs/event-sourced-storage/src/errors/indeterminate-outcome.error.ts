import type { DocumentId } from '../model/document-id.js';
import { EventSourcedStorageError } from './event-sourced-storage.error.js';

/**
 * The commit was sent and its answer never came in time: the write may have happened or not.
 * Repeat the call with the same `operationId` (it never writes twice), or ask `resolveOperation()` later.
 */
export class IndeterminateOutcomeError extends EventSourcedStorageError {
  /** Constant, safe to send to clients; over HTTP usually 503. */
  readonly code = 'INDETERMINATE_OUTCOME';

  constructor(
    /** `collection/documentId`; `transaction <id>` for a commit of `withTransaction`. */
    readonly address: string,
    /** What `resolveOperation()` asks for; the id of the transaction for a commit of `withTransaction`. */
    readonly documentId: DocumentId,
    /** The caller's, or the one the library made; the id of the transaction for a commit of `withTransaction`, which it cannot be repeated with. */
    readonly operationId: string,
    options?: ErrorOptions,
    advice: string = `Repeat it with operationId "${operationId}", which never writes twice, or ask resolveOperation().`,
  ) {
    super(`It is not known whether the write on ${address} happened. ${advice}`, options);
  }
}
