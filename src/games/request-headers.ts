/** The request headers of a write, and what they mean to the storage. */
import { BadRequestException, createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { Request } from 'express';
import { parseWholeNumber } from '../validation/parse-whole-number.js';

const maxLength = 200;

type Headers = Request['headers'];

/** `x-client-id`: who asks for the change. Every write needs one. */
export const ClientId: () => ParameterDecorator = createParamDecorator((_: unknown, context: ExecutionContext) => readClientId(headersOf(context)));

/** `Idempotency-Key`: a write that is repeated with the same key answers the first result and writes nothing. */
export const IdempotencyKey: () => ParameterDecorator = createParamDecorator((_: unknown, context: ExecutionContext) =>
  readIdempotencyKey(headersOf(context)),
);

/** `If-Match`: the version the client believes to be stored, as an `ETag` of this application (RFC 9110 §13.1.1). */
export const IfMatch: () => ParameterDecorator = createParamDecorator((_: unknown, context: ExecutionContext) => readIfMatch(headersOf(context)));

export function readClientId(headers: Headers): string {
  return readText(headers, 'x-client-id') ?? refuse('The header x-client-id is missing: every write says who asks for it.');
}

export function readIdempotencyKey(headers: Headers): { readonly operationId?: string } {
  const operationId = readText(headers, 'idempotency-key');
  return operationId === undefined ? {} : { operationId };
}

export function readIfMatch(headers: Headers): { readonly expectedVersion?: number } {
  const tag = headers['if-match'];
  if (tag === undefined) return {};
  const expectedVersion = parseWholeNumber(/^"(\d+)"$/.exec(tag)?.[1]);
  return expectedVersion === undefined ? refuse('If-Match takes one version in double quotes, as ETag gives it: "3".') : { expectedVersion };
}

function readText(headers: Headers, name: string): string | undefined {
  const text = headers[name];
  if (text === undefined) return undefined;
  if (typeof text !== 'string' || text === '' || text.length > maxLength) refuse(`The header ${name} must have 1 to ${maxLength} characters.`);
  return text;
}

function headersOf(context: ExecutionContext): Headers {
  return context.switchToHttp().getRequest<Request>().headers;
}

function refuse(message: string): never {
  throw new BadRequestException(message);
}
