/** What the OpenAPI page says about games, apart from the controller so that the controller reads as what it does. */
import { applyDecorators } from '@nestjs/common';
import { ApiExtraModels, ApiHeader, ApiOkResponse, ApiParam, type ApiResponseOptions, getSchemaPath } from '@nestjs/swagger';
import { CreateEventAnswer, DeleteEventAnswer, UpdateEventAnswer } from './dto/game-event.answer.js';
import { GameAnswer } from './dto/game.answer.js';

const etag = { ETag: { description: 'The version in double quotes.', schema: { type: 'string' as const, example: '"2"' } } };
const location = { Location: { description: 'Where the game is.', schema: { type: 'string' as const, example: '/games/665f1c2e9b1e8a0012345678' } } };

/** An answer that is a game. */
export function game(description: string): ApiResponseOptions {
  return { description, type: GameAnswer, headers: etag };
}

/** An answer that is a game that did not exist before. */
export function newGame(description: string): ApiResponseOptions {
  return { description, type: GameAnswer, headers: { ...etag, ...location } };
}

export const ApiGameId = (): MethodDecorator =>
  ApiParam({ name: 'id', description: '24 hexadecimal digits.', schema: { type: 'string', pattern: '^[0-9a-fA-F]{24}$', example: '665f1c2e9b1e8a0012345678' } });

export const ApiVersion = (name = 'version'): MethodDecorator => ApiParam({ name, description: 'A version of the game.', schema: { type: 'integer', minimum: 0, example: 1 } });

export const ApiClientId = (): MethodDecorator =>
  ApiHeader({ name: 'x-client-id', required: true, description: 'Who asks for the change, 1 to 200 characters.', example: 'game-server' });

export const ApiIdempotencyKey = (): MethodDecorator =>
  ApiHeader({
    name: 'Idempotency-Key',
    required: false,
    description: 'One key per write, 1 to 200 characters: repeating the write with its key answers the first result and writes nothing.',
  });

export const ApiIfMatch = (): MethodDecorator =>
  ApiHeader({ name: 'If-Match', required: false, description: 'Write only when the game still has this version, else answer 412.', example: '"2"' });

export const ApiRequiredIfMatch = (): MethodDecorator =>
  ApiHeader({ name: 'If-Match', required: true, description: 'The version that the client has seen; when the game has another one, the answer is 412.', example: '"12"' });

/** A list of events, each of one of three kinds. */
export const ApiGameEvents = (): MethodDecorator =>
  applyDecorators(
    ApiExtraModels(CreateEventAnswer, UpdateEventAnswer, DeleteEventAnswer),
    ApiOkResponse({
      description: 'The events after that version, oldest first, without a gap.',
      schema: {
        type: 'array',
        items: {
          oneOf: [CreateEventAnswer, UpdateEventAnswer, DeleteEventAnswer].map((kind) => ({ $ref: getSchemaPath(kind) })),
          discriminator: {
            propertyName: 'operation',
            mapping: { create: getSchemaPath(CreateEventAnswer), update: getSchemaPath(UpdateEventAnswer), delete: getSchemaPath(DeleteEventAnswer) },
          },
        },
      },
    }),
  );
