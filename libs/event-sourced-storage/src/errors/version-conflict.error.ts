import type { DocumentEvent } from '../model/document-event.js';
import { EventSourcedStorageError } from './event-sourced-storage.error.js';

/** Another writer committed first, and attempts were used up or the caller asked for one exact version. Nothing was written. */
export class VersionConflictError extends EventSourcedStorageError {
  readonly code = 'VERSION_CONFLICT';
  readonly address: string;
  /** The version the write was based on; `'no-document'` when it expected none. */
  readonly expected: number | 'no-document';
  /** The version found; `null` when the document does not exist. */
  readonly found: number | null;
  /** How often the write was tried. */
  readonly attempts: number;
  /** What happened between `expected` and `found`, oldest first; at most 100, empty when the history could not be read. */
  readonly missedEvents: readonly DocumentEvent[];

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
