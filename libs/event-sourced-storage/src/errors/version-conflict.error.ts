import type { DocumentEvent } from '../model/document-event.js';
import { EventSourcedStorageError } from './event-sourced-storage.error.js';

/** Another writer committed first, and attempts were used up or the caller asked for one exact version. Nothing was written. */
export class VersionConflictError extends EventSourcedStorageError {
  /** Constant, safe to send to clients; over HTTP usually 409, or 412 as the answer to `If-Match`. */
  readonly code = 'VERSION_CONFLICT';
  /** `collection/documentId`. */
  readonly address: string;
  /** The version the write was based on; `'no-document'` when it expected none. */
  readonly expected: number | 'no-document';
  /** The version found; `null` when the document does not exist, or when it could not be looked up: after a race lost inside a transaction, always. */
  readonly found: number | null;
  /** How often the write was tried. */
  readonly attempts: number;
  /** What happened after `expected`, oldest first; at most 100. Empty after a race lost inside a transaction, and when the history could not be read. */
  readonly missedEvents: readonly DocumentEvent[];

  /** @param facts the fields; `missedEvents` is empty by default, `advice` ends the message */
  constructor(facts: {
    readonly address: string;
    readonly expected: number | 'no-document';
    readonly found: number | null;
    readonly attempts: number;
    readonly missedEvents?: readonly DocumentEvent[];
    readonly advice?: string;
  }) {
    const found = facts.found === null ? 'no document' : facts.found;
    const advice = facts.advice ?? `Another writer committed first; read again and retry, or raise maxRetries (attempts made: ${facts.attempts}).`;
    super(`Version conflict on ${facts.address}: expected ${facts.expected}, found ${found}. ${advice}`);
    this.address = facts.address;
    this.expected = facts.expected;
    this.found = facts.found;
    this.attempts = facts.attempts;
    this.missedEvents = facts.missedEvents ?? [];
  }
}
