import { EventSourcedStorageError } from './event-sourced-storage.error.js';

/** History and document do not fit: a gap, a number that is ahead of the document, a fold that fails. Nothing was written. */
export class HistoryCorruptError extends EventSourcedStorageError {
  /** Constant, safe to send to clients; over HTTP usually 500. */
  readonly code = 'HISTORY_CORRUPT';

  constructor(
    /** `collection/documentId`; `documentId@serverSeq` for an event that cannot be read. */
    readonly address: string,
    /** Continues "History of … is damaged: ". */
    problem: string,
    /** `advice`: what to do, as sentences; default: what to do after somebody wrote around the storage. */
    options?: ErrorOptions & { readonly advice?: string },
  ) {
    super(`History of ${address} is damaged: ${problem}. ${options?.advice ?? 'Somebody wrote around the storage; compare events and document before you write on.'}`, options);
  }
}
