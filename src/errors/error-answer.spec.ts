import { BadRequestException, HttpException, NotFoundException, ServiceUnavailableException } from '@nestjs/common';
import { describe, expect, it } from '@jest/globals';
import mongoose from 'mongoose';
import * as library from 'nestjs-event-sourced-storage';
import { errorAnswer } from './error-answer.js';

const address = 'games/665f1c2e9b1e8a0012345678';
const plain = { hasIfMatch: false };

/** One of each error that a call can meet, with the answer it must get. */
const cases: readonly { readonly error: library.EventSourcedStorageError; readonly status: number; readonly facts?: object }[] = [
  { error: new library.InvalidArgumentError('clientId', 'it is empty'), status: 400, facts: { argument: 'clientId' } },
  { error: new library.DocumentValidationError(address, { name: 'too long' }), status: 400, facts: { problems: { name: 'too long' } } },
  { error: new library.DocumentNotFoundError(address), status: 404 },
  { error: new library.VersionConflictError({ address, expected: 7, found: 9, attempts: 1 }), status: 409, facts: { expected: 7, found: 9 } },
  { error: new library.OperationIdReusedError(address, 'key', 'create', 'update'), status: 409, facts: { recorded: 'create', asked: 'update' } },
  { error: new library.HistoryMissingError(address), status: 409 },
  { error: new library.DuplicateValueError(address, 'name_1'), status: 409, facts: { index: 'name_1' } },
  { error: new library.DocumentPurgedError(address, 'key'), status: 410 },
  { error: new library.HistoryCompactedError(address, 100, 250), status: 410, facts: { floor: 100, head: 250 } },
  { error: new library.ClientAheadError(address, 3, 7), status: 410, facts: { head: 3, asked: 7 } },
  { error: new library.LimitExceededError(address, 'maxEventBytes', 10, 11), status: 413, facts: { limit: 'maxEventBytes', allowed: 10, value: 11 } },
  { error: new library.OverloadError('games', 100), status: 503 },
  { error: new library.DocumentLockedError(address, 30_000, 9), status: 503 },
  { error: new library.IndeterminateOutcomeError(address, 'id', 'key'), status: 503, facts: { documentId: 'id', operationId: 'key' } },
  { error: new library.OperationTimeoutError(address, 'timeout', 'after 30 s'), status: 503, facts: { reason: 'timeout' } },
  { error: new library.StorageClosedError('games'), status: 503 },
];
const refusalsToStart = ['InvalidOptionsError', 'UnsupportedTopologyError', 'IndexMismatchError'];

describe('errorAnswer', () => {
  it.each(cases)('answers $error.code with $status', ({ error, status, facts = {} }) => {
    expect(errorAnswer(error, plain)).toEqual({ status, body: { code: error.code, message: error.message, ...facts } });
  });

  it('answers a version conflict with 412 when the request carried If-Match', () => {
    expect(errorAnswer(new library.VersionConflictError({ address, expected: 7, found: null, attempts: 1 }), { hasIfMatch: true })).toMatchObject({
      status: 412,
      body: { code: 'VERSION_CONFLICT', expected: 7, found: null },
    });
    expect(errorAnswer(new library.DocumentNotFoundError(address), { hasIfMatch: true }).status).toBe(404);
  });

  it('says of a damaged history that it is, but not how', () => {
    const { status, body } = errorAnswer(new library.HistoryCorruptError(address, 'event 4 is missing'), plain);
    expect(status).toBe(500);
    expect(body).toEqual({ code: 'HISTORY_CORRUPT', message: expect.not.stringContaining('event 4') });
  });

  it('says of a write that the database rejected that it was, but not why', () => {
    const { status, body } = errorAnswer(new library.WriteRejectedError(address, 13, 'Unauthorized'), plain);
    expect(status).toBe(500);
    expect(body).toEqual({ code: 'WRITE_REJECTED', message: expect.not.stringContaining('Unauthorized') });
  });

  it('knows every error that a call of the library can throw', () => {
    const known = [...cases.map(({ error }) => error.constructor.name), 'HistoryCorruptError', 'WriteRejectedError', 'EventSourcedStorageError', ...refusalsToStart];
    const exported = Object.keys(library).filter((name) => name.endsWith('Error'));
    expect(known.toSorted()).toEqual(exported.toSorted());
  });

  it('keeps what a Nest exception says, in one form', () => {
    expect(errorAnswer(new BadRequestException(['gold must be a number', 'name is missing']), plain)).toEqual({
      status: 400,
      body: { code: 'BAD_REQUEST', message: 'gold must be a number; name is missing' },
    });
    expect(errorAnswer(new NotFoundException({ code: 'DOCUMENT_NOT_FOUND', message: 'There is no game.' }), plain)).toEqual({
      status: 404,
      body: { code: 'DOCUMENT_NOT_FOUND', message: 'There is no game.' },
    });
    expect(errorAnswer(new ServiceUnavailableException({ status: 'error', details: {} }), plain).body).toEqual({
      code: 'SERVICE_UNAVAILABLE',
      message: expect.any(String),
      status: 'error',
      details: {},
    });
    expect(errorAnswer(new HttpException('Too much', 413), plain)).toEqual({ status: 413, body: { code: 'PAYLOAD_TOO_LARGE', message: 'Too much' } });
  });

  it('answers a read that did not reach the database with 503', () => {
    for (const error of [new mongoose.mongo.MongoNetworkError('connect ECONNREFUSED 10.0.0.7'), new mongoose.mongo.MongoNotConnectedError('closed')]) {
      expect(errorAnswer(error, plain)).toEqual({ status: 503, body: { code: 'DATABASE_UNAVAILABLE', message: 'The database does not answer; try again.' } });
    }
  });

  it.each([new Error('password=secret'), new TypeError('x is undefined'), 'a string', undefined, null, { status: 200 }])('answers %p with 500 and nothing of it', (error) => {
    expect(errorAnswer(error, plain)).toEqual({ status: 500, body: { code: 'INTERNAL_ERROR', message: 'Something went wrong inside; it was logged.' } });
  });
});
