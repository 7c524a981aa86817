import type { EventMetadata } from '../model/document-event.js';
import type { DocumentId } from '../model/document-id.js';
import type { TransactionSession } from '../read/document-reader.js';

/** Options of every write. */
export interface WriteOptions {
  /**
   * Idempotency key: a write that is repeated with the same key answers the first result and writes nothing. 1 to 200 characters.
   * A result without an event (nothing changed) is not remembered. Valid until the event is compacted.
   */
  readonly operationId?: string;
  /** User keys recorded with the event; at most 16 KiB. */
  readonly metadata?: EventMetadata;
  /** Write inside this transaction of yours. The cache and the events follow once it is committed. */
  readonly session?: TransactionSession;
  /** Gives up when aborted: `OperationTimeoutError`, or `IndeterminateOutcomeError` when the commit may be on its way. Not heeded with `session`. */
  readonly signal?: AbortSignal;
  /** Time budget of this call in milliseconds, instead of the feature's. `0` means none. */
  readonly timeoutMs?: number;
  /** Retries of this call after a lost race, instead of the feature's. `0` means one attempt. With `session` there is always one. */
  readonly maxRetries?: number;
}

/** What the caller believes to be stored: a version, `'no-document'`, or `'any'` (default). Anything else found is a `VersionConflictError`. */
export type ExpectedVersion = number | 'no-document' | 'any';

/** Options of `findOneAndUpsert`. */
export interface UpsertOptions extends WriteOptions {
  /** `'no-document'` refuses an existing document with a `VersionConflictError`. Default `'any'`: it is answered as it is. */
  readonly expectedVersion?: Exclude<ExpectedVersion, number>;
}

/** Options of `findOneAndUpdate`. */
export interface UpdateOptions extends WriteOptions {
  /** The version (from 1) that the edit is meant for, else `VersionConflictError`. Default `'any'`. */
  readonly expectedVersion?: Exclude<ExpectedVersion, 'no-document'>;
}

/** Options of `deleteOne`. */
export interface DeleteOptions extends WriteOptions {
  /** The version (from 1) that may be deleted; another one, or no document, is a `VersionConflictError`. Default `'any'`. */
  readonly expectedVersion?: Exclude<ExpectedVersion, 'no-document'>;
  /** Throw `DocumentNotFoundError` instead of answering `{ deleted: false }`. Default `false`. */
  readonly throwIfMissing?: boolean;
}

/** Options of `createMany` and `updateMany`; they hold for each write. */
export type BulkOptions = Pick<WriteOptions, 'metadata' | 'signal' | 'timeoutMs' | 'maxRetries'>;

/** What became of one write of a bulk: its answer as `value`, or the error that the single call would have thrown. */
export type BulkResult<V> = { readonly ok: true; readonly value: V } | { readonly ok: false; readonly error: Error };

/** Options of `resolveOperation`. */
export interface ResolveOptions {
  /** The document that the operation was to write. */
  readonly documentId: DocumentId;
  /** Time budget in milliseconds, instead of the feature's. `0` means none. */
  readonly timeoutMs?: number;
}

/** What became of an operation: `version` is the number that it wrote; not `applied` means that it never will be. */
export type OperationOutcome = { readonly applied: true; readonly version: number } | { readonly applied: false };
