import { EventSourcedStorageError } from './event-sourced-storage.error.js';

/** The Mongoose schema refused the document or the changed paths. Nothing was written. */
export class DocumentValidationError extends EventSourcedStorageError {
  /** Constant, safe to send to clients; over HTTP usually 400. */
  readonly code = 'DOCUMENT_VALIDATION';

  constructor(
    /** `collection/documentId`, or the collection alone for a document that has no id yet. */
    readonly address: string,
    /** What is wrong, by path. */
    readonly problems: Readonly<Record<string, string>>,
    options?: ErrorOptions,
  ) {
    const list = Object.entries(problems).map(([path, problem]) => `${path}: ${problem}`);
    super(`${address} was not written, the schema refuses it. ${list.join('; ')}`, options);
  }
}
