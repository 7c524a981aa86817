import { HttpException, HttpStatus } from '@nestjs/common';
import {
  ClientAheadError,
  DocumentLockedError,
  DocumentNotFoundError,
  DocumentValidationError,
  DuplicateValueError,
  EventSourcedStorageError,
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
} from 'nestjs-event-sourced-storage';

/** What a client gets for an error. */
export interface ErrorAnswer {
  readonly status: number;
  readonly body: { readonly code: string; readonly message: string; readonly [fact: string]: unknown };
}

type ErrorClass<E extends EventSourcedStorageError> = abstract new (...args: never[]) => E;
type Rule = { readonly type: ErrorClass<EventSourcedStorageError>; readonly status: number; readonly facts: readonly string[] };

/** One line per error of the storage: its status, and which of its facts a client may see. */
const rules: readonly Rule[] = [
  rule(InvalidArgumentError, 400, 'argument'),
  rule(DocumentValidationError, 400, 'problems'),
  rule(DocumentNotFoundError, 404),
  rule(VersionConflictError, 409, 'expected', 'found'),
  rule(OperationIdReusedError, 409, 'recorded', 'asked'),
  rule(HistoryMissingError, 409),
  rule(DuplicateValueError, 409, 'index'),
  rule(HistoryCompactedError, 410, 'floor', 'head'),
  rule(ClientAheadError, 410, 'head', 'asked'),
  rule(LimitExceededError, 413, 'limit', 'allowed', 'value'),
  rule(OverloadError, 503),
  rule(DocumentLockedError, 503),
  rule(IndeterminateOutcomeError, 503, 'operationId'),
  rule(OperationTimeoutError, 503, 'reason'),
  rule(StorageClosedError, 503),
  rule(HistoryCorruptError, 500),
];

const internalMessage = 'Something went wrong inside; it was logged.';

/** Decides status and body for anything that was thrown. Of errors nobody foresaw, nothing reaches the client. */
export function errorAnswer(error: unknown, request: { readonly hasIfMatch: boolean }): ErrorAnswer {
  if (error instanceof EventSourcedStorageError) return storageAnswer(error, request.hasIfMatch);
  if (error instanceof HttpException) return httpAnswer(error);
  return { status: 500, body: { code: 'INTERNAL_ERROR', message: internalMessage } };
}

function rule<E extends EventSourcedStorageError>(type: ErrorClass<E>, status: number, ...facts: readonly (keyof E & string)[]): Rule {
  return { type, status, facts };
}

function storageAnswer(error: EventSourcedStorageError, hasIfMatch: boolean): ErrorAnswer {
  const { status, facts } = rules.find(({ type }) => error instanceof type) ?? { status: 500, facts: [] };
  const values = error as unknown as Readonly<Record<string, unknown>>; // the names were checked where the rule was made
  return {
    status: hasIfMatch && error instanceof VersionConflictError ? 412 : status,
    body: {
      code: error.code,
      message: status === 500 ? internalMessage : error.message,
      ...Object.fromEntries(facts.map((fact) => [fact, values[fact]])),
    },
  };
}

function httpAnswer(error: HttpException): ErrorAnswer {
  const status = error.getStatus();
  const response = error.getResponse();
  const { statusCode: _statusCode, error: _error, code, message, ...facts } = (typeof response === 'object' ? response : {}) as Readonly<Record<string, unknown>>;
  const lines = Array.isArray(message) ? message : [message];
  return {
    status,
    body: {
      code: typeof code === 'string' ? code : (HttpStatus[status] ?? 'HTTP_ERROR'),
      message: typeof message === 'undefined' ? error.message : lines.join('; '),
      ...facts,
    },
  };
}
