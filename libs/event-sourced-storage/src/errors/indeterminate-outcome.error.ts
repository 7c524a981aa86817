import type { DocumentId } from '../model/document-id.js';
import { EventSourcedStorageError } from './event-sourced-storage.error.js';

/**
 * The commit was sent and its answer never came in time: the write may have happened or not.
 * Repeat the call with the same `operationId` (it never writes twice), or ask `resolveOperation()` later.
 */
export class IndeterminateOutcomeError extends EventSourcedStorageError {
  readonly code = 'INDETERMINATE_OUTCOME';

  constructor(
    readonly address: string,
    readonly documentId: DocumentId,
    readonly operationId: string,
    options?: ErrorOptions,
  ) {
    super(`It is not known whether the write on ${address} happened. Repeat it with operationId "${operationId}", which never writes twice.`, options);
  }
}
