import { applyDecorators } from '@nestjs/common';
import { ApiProperty, ApiResponse } from '@nestjs/swagger';

/** Every answer that is an error. More facts may stand beside these two, for example `head` with `CLIENT_AHEAD`. */
export class ErrorBody {
  @ApiProperty({ example: 'VERSION_CONFLICT', description: 'For programs: constant per kind of error.' })
  readonly code!: string;

  @ApiProperty({ example: 'Version conflict on games/665f1c2e9b1e8a0012345678: expected 1, found 2.', description: 'For people.' })
  readonly message!: string;
}

const descriptions = {
  400: 'The request is malformed, or the game would be invalid: BAD_REQUEST, INVALID_ARGUMENT, DOCUMENT_VALIDATION.',
  404: 'There is no such game: DOCUMENT_NOT_FOUND.',
  409: 'The game is not as the request needs it: VERSION_CONFLICT, OPERATION_ID_REUSED, HISTORY_MISSING, DUPLICATE_VALUE.',
  410: 'The history does not reach there: HISTORY_COMPACTED (with floor and head), CLIENT_AHEAD (with head).',
  412: 'The game has another version than If-Match says: VERSION_CONFLICT (with expected and found).',
  413: 'The body or the game is too large: PAYLOAD_TOO_LARGE, LIMIT_EXCEEDED.',
  503: 'Not now, see Retry-After: OVERLOAD, DOCUMENT_LOCKED, OPERATION_TIMEOUT, STORAGE_CLOSED, INDETERMINATE_OUTCOME.',
} as const;

/** Documents the error answers of a route. */
export function ApiErrors(...statuses: readonly (keyof typeof descriptions)[]): MethodDecorator {
  return applyDecorators(...statuses.map((status) => ApiResponse({ status, description: descriptions[status], type: ErrorBody })));
}
