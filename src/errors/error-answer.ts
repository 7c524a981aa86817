import { HttpException, HttpStatus } from '@nestjs/common';
import mongoose from 'mongoose';
import {
  ClientAheadError,
  DocumentLockedError,
  DocumentNotFoundError,
  DocumentValidationError,
  DuplicateValueError,
  EventSourcedStorageError,
  DocumentPurgedError,
  HistoryCompactedError,
  HistoryCorruptError,
  HistoryMissingError,
  IndeterminateOutcomeError,
  InvalidArgumentError,
  LimitExceededError,
  OperationIdReusedError,
  OperationTimeoutError,
  OverloadError,
  StorageClosedError,
  VersionConflictError,
  WriteRejectedError,
} from 'nestjs-event-sourced-storage';

/** What a client gets for an error. */
export interface ErrorAnswer {
  readonly status: number;
  readonly body: { readonly code: string; readonly message: string; readonly [fact: string]: unknown };
}

type Rule = (error: EventSourcedStorageError) => { readonly status: number; readonly facts: object } | undefined;

/** One line per error of the storage: its status, and which of its facts a client may see. */
const rules: readonly Rule[] = [
  rule(InvalidArgumentError, 400, ({ argument }) => ({ argument })),
  rule(DocumentValidationError, 400, ({ problems }) => ({ problems })),
  rule(DocumentNotFoundError, 404),
  rule(VersionConflictError, 409, ({ expected, found }) => ({ expected, found })),
  rule(OperationIdReusedError, 409, ({ recorded, asked }) => ({ recorded, asked })),
  rule(HistoryMissingError, 409),
  rule(DuplicateValueError, 409, ({ index }) => ({ index })),
  rule(DocumentPurgedError, 410, () => ({})),
  rule(HistoryCompactedError, 410, ({ floor, head }) => ({ floor, head })),
  rule(ClientAheadError, 410, ({ head, asked }) => ({ head, asked })),
  rule(LimitExceededError, 413, ({ limit, allowed, value }) => ({ limit, allowed, value })),
  rule(OverloadError, 503),
  rule(DocumentLockedError, 503),
  rule(IndeterminateOutcomeError, 503, ({ documentId, operationId }) => ({ documentId, operationId })),
  rule(OperationTimeoutError, 503, ({ reason }) => ({ reason })),
  rule(StorageClosedError, 503),
  rule(HistoryCorruptError, 500),
  rule(WriteRejectedError, 500),
];

const internalMessage = 'Something went wrong inside; it was logged.';

/** Decides status and body for anything that was thrown. Of errors nobody foresaw, nothing reaches the client. */
export function errorAnswer(error: unknown, request: { readonly hasIfMatch: boolean }): ErrorAnswer {
  if (error instanceof EventSourcedStorageError) return storageAnswer(error, request.hasIfMatch);
  if (error instanceof HttpException) return httpAnswer(error);
  if (isOutage(error)) return { status: 503, body: { code: 'DATABASE_UNAVAILABLE', message: 'The database does not answer; try again.' } };
  return { status: 500, body: { code: 'INTERNAL_ERROR', message: internalMessage } };
}

function rule<E extends EventSourcedStorageError>(type: abstract new (...args: never[]) => E, status: number, facts: (error: E) => object = () => ({})): Rule {
  return (error) => (error instanceof type ? { status, facts: facts(error) } : undefined);
}

function storageAnswer(error: EventSourcedStorageError, hasIfMatch: boolean): ErrorAnswer {
  const { status, facts } = findRule(error) ?? { status: 500, facts: {} };
  return {
    status: hasIfMatch && error instanceof VersionConflictError ? 412 : status,
    body: { code: error.code, message: status === 500 ? internalMessage : error.message, ...facts },
  };
}

function findRule(error: EventSourcedStorageError): ReturnType<Rule> {
  for (const matching of rules) {
    const found = matching(error);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** A read that did not reach the database. Writes say it in the words of the storage, which knows whether they happened. */
function isOutage(error: unknown): boolean {
  const { MongoNetworkError, MongoNotConnectedError, MongoServerSelectionError } = mongoose.mongo;
  return error instanceof MongoServerSelectionError || error instanceof MongoNetworkError || error instanceof MongoNotConnectedError;
}

function httpAnswer(error: HttpException): ErrorAnswer {
  const status = error.getStatus();
  const response = error.getResponse();
  const said: Readonly<Record<string, unknown>> = typeof response === 'object' ? { ...response } : {};
  const { statusCode: _statusCode, error: _error, code = HttpStatus[status], message = error.message, ...facts } = said;
  return { status, body: { code: String(code), message: Array.isArray(message) ? message.join('; ') : String(message), ...facts } };
}
