import { BadRequestException } from '@nestjs/common';
import { describe, expect, it } from '@jest/globals';
import { readClientId, readIdempotencyKey, readIfMatch } from './request-headers.js';

describe('Headers of a write', () => {
  it('x-client-id is required, 1 to 200 characters', () => {
    expect(readClientId({ 'x-client-id': 'admin-panel' })).toBe('admin-panel');
    expect(readClientId({ 'x-client-id': 'x'.repeat(200) })).toHaveLength(200);
    for (const headers of [{}, { 'x-client-id': '' }, { 'x-client-id': 'x'.repeat(201) }]) expect(() => readClientId(headers)).toThrow(BadRequestException);
  });

  it('Idempotency-Key is optional, 1 to 200 characters', () => {
    expect(readIdempotencyKey({})).toEqual({});
    expect(readIdempotencyKey({ 'idempotency-key': 'loot-1' })).toEqual({ operationId: 'loot-1' });
    for (const key of ['', 'x'.repeat(201)]) expect(() => readIdempotencyKey({ 'idempotency-key': key })).toThrow(BadRequestException);
  });

  it('If-Match is optional, one version in double quotes', () => {
    expect(readIfMatch({})).toEqual({});
    expect(readIfMatch({ 'if-match': '"3"' })).toEqual({ expectedVersion: 3 });
    for (const tag of ['', '3', 'W/"3"', '*', '"3", "4"', '"-3"', '"3.0"', '"9007199254740992"']) expect(() => readIfMatch({ 'if-match': tag })).toThrow(BadRequestException);
  });
});
