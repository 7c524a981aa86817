export { EventSourcedStorageService, type HistoryPoint } from './event-sourced-storage.service.js';
export { EventSourcedStorageModule, type FeatureDefinition } from './nest/event-sourced-storage.module.js';
export { type StorageModuleAsyncOptions } from './nest/event-sourced-storage-core.module.js';
export { getEventSourcedStorageToken, InjectEventSourcedStorage } from './nest/tokens.js';

export { DocumentCreatedEvent, DocumentDeletedEvent, DocumentUpdatedEvent, type PublishedEvent } from './publish/document.events.js';

export type { Diff, DiffPaths, Image as DocumentImage } from './model/diff.js';
export type { CreateEvent, DeleteEvent, DocumentEvent, EventMetadata, Operation, RecordedEvent, UpdateEvent } from './model/document-event.js';
export type { BsonTyped, DocumentId } from './model/document-id.js';
export type { Snapshot } from './model/snapshot.js';
export { inverseDiff } from './model/inverse-diff.js';
export { type JsonPatchOperation, toJsonPatch } from './model/to-json-patch.js';
export { toMergePatch } from './model/to-merge-patch.js';

export type { CacheBackend, FeatureOptions, LimitOptions, RetryOptions, SharedOptions, StorageModuleOptions } from './options/storage-options.js';
export type { FindManyOptions, FindOptions } from './read/find-options.js';
export type { TransactionSession } from './read/document-reader.js';
export type { EventQuery } from './history/event-store.js';
export type { EventPage, EventsWithSnapshot } from './history/history-reader.js';
export type { Edit, EditContext } from './write/run-edit.js';
export type { DeleteResult } from './write/decide-delete.js';
export type { UpdateResult } from './write/decide-update.js';
export type { UpsertResult } from './write/decide-upsert.js';
export type { BulkOptions, BulkResult, DeleteOptions, ExpectedVersion, OperationOutcome, ResolveOptions, UpdateOptions, UpsertOptions, WriteOptions } from './write/write-options.js';

export { EventSourcedStorageError } from './errors/event-sourced-storage.error.js';
export { ClientAheadError } from './errors/client-ahead.error.js';
export { DocumentLockedError } from './errors/document-locked.error.js';
export { DocumentNotFoundError } from './errors/document-not-found.error.js';
export { DocumentValidationError } from './errors/document-validation.error.js';
export { DuplicateValueError } from './errors/duplicate-value.error.js';
export { HistoryCompactedError } from './errors/history-compacted.error.js';
export { HistoryCorruptError } from './errors/history-corrupt.error.js';
export { HistoryMissingError } from './errors/history-missing.error.js';
export { IndeterminateOutcomeError } from './errors/indeterminate-outcome.error.js';
export { IndexMismatchError } from './errors/index-mismatch.error.js';
export { InvalidArgumentError } from './errors/invalid-argument.error.js';
export { InvalidOptionsError } from './errors/invalid-options.error.js';
export { LimitExceededError } from './errors/limit-exceeded.error.js';
export { OperationIdReusedError } from './errors/operation-id-reused.error.js';
export { OperationTimeoutError } from './errors/operation-timeout.error.js';
export { OverloadError } from './errors/overload.error.js';
export { StorageClosedError } from './errors/storage-closed.error.js';
export { UnsupportedTopologyError } from './errors/unsupported-topology.error.js';
export { VersionConflictError } from './errors/version-conflict.error.js';
