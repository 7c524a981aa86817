import { applyDecorators } from '@nestjs/common';
import { ApiProperty, ApiResponse, type ApiResponseOptions } from '@nestjs/swagger';

/** Every answer that is an error. More facts may stand beside these two, for example `head` with `CLIENT_AHEAD`. */
export class ErrorBody {
  @ApiProperty({ example: 'DOCUMENT_NOT_FOUND', description: 'For programs: constant per kind of error.' })
  readonly code!: string;

  @ApiProperty({ example: 'There is no game 665f1c2e9b1e8a0012345678.', description: 'For people.' })
  readonly message!: string;
}

const game = 'games/665f1c2e9b1e8a0012345678';

type DocumentedStatus = 400 | 404 | 409 | 410 | 412 | 413 | 428 | 503;

const errors: Readonly<Record<DocumentedStatus, ApiResponseOptions>> = {
  400: {
    description: 'The request is malformed, or the game would be invalid: BAD_REQUEST, INVALID_ARGUMENT, DOCUMENT_VALIDATION.',
    example: { code: 'BAD_REQUEST', message: 'gold must be a finite number' },
  },
  404: {
    description: 'There is no such game: DOCUMENT_NOT_FOUND.',
    example: { code: 'DOCUMENT_NOT_FOUND', message: 'There is no game 665f1c2e9b1e8a0012345678.' },
  },
  409: {
    description: 'The game is not as the request needs it: VERSION_CONFLICT, OPERATION_ID_REUSED, HISTORY_MISSING, DUPLICATE_VALUE, NO_BOSS, BOSS_FALLEN, RAID_FULL.',
    example: { code: 'HISTORY_MISSING', message: `${game} has no history: it was written around the storage.` },
  },
  410: {
    description: 'The history does not reach there: HISTORY_COMPACTED (with floor and head), CLIENT_AHEAD (with head).',
    example: { code: 'CLIENT_AHEAD', message: `${game} is at 3, the caller asks from 9.`, head: 3, asked: 9 },
  },
  412: {
    description: 'The game has another version than If-Match says: VERSION_CONFLICT.',
    example: { code: 'VERSION_CONFLICT', message: `Version conflict on ${game}: expected 1, found 2.`, expected: 1, found: 2 },
  },
  413: {
    description: 'The body or the game is too large: PAYLOAD_TOO_LARGE, LIMIT_EXCEEDED.',
    example: { code: 'PAYLOAD_TOO_LARGE', message: 'request entity too large' },
  },
  428: {
    description: 'The request must say with If-Match which version it is about: PRECONDITION_REQUIRED.',
    example: { code: 'PRECONDITION_REQUIRED', message: 'Say with If-Match which version you have seen.' },
  },
  503: {
    description:
      'Not now, try again after Retry-After seconds: OVERLOAD, DOCUMENT_LOCKED, OPERATION_TIMEOUT, STORAGE_CLOSED, DATABASE_UNAVAILABLE. ' +
      'After INDETERMINATE_OUTCOME it is not known whether the write happened: repeat it with the operationId of the answer as Idempotency-Key.',
    example: { code: 'OVERLOAD', message: 'games has 100000 writes waiting already (maxQueued). Nothing was written; try again later.' },
    headers: { 'Retry-After': { description: 'Seconds to wait.', schema: { type: 'integer', example: 1 } } },
  },
};

/** Documents the error answers of a route. */
export function ApiErrors(...statuses: readonly DocumentedStatus[]): MethodDecorator {
  return applyDecorators(...statuses.map((status) => ApiResponse({ ...errors[status], status, type: ErrorBody })));
}
