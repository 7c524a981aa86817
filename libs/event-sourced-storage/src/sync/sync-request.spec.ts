import { describe, expect, it } from '@jest/globals';
import { cursorOf, docsOf, positionOf, Query, Refusal } from './sync-request.js';

const known = ['after', 'epoch', 'limit'];

function position(query: string, lastEventId?: unknown): unknown {
  try {
    return positionOf(new Query(`/x?${query}`, known), lastEventId);
  } catch (error) {
    if (error instanceof Refusal) return error.status;
    throw error;
  }
}

describe('positionOf', () => {
  it.each([
    ['', { kind: 'nothing' }],
    ['after=now', { kind: 'now' }],
    ['after=0', { kind: 'after', after: 0, epoch: undefined }],
    ['after=0&epoch=ab', { kind: 'after', after: 0, epoch: 'ab' }],
    ['after=41&epoch=g1x7Qa', { kind: 'after', after: 41, epoch: 'g1x7Qa' }],
    ['after=9007199254740991&epoch=A-_9', { kind: 'after', after: 9_007_199_254_740_991, epoch: 'A-_9' }],
  ])('reads "%s"', (query, expected) => {
    expect(position(query)).toEqual(expected);
  });

  it.each([
    'after=1', 'epoch=ab', 'after=', 'after=-1&epoch=a', 'after=1.5&epoch=a', 'after=1e3&epoch=a', 'after=NaN&epoch=a', 'after=Infinity&epoch=a',
    'after=9007199254740992&epoch=a', 'after=99999999999999999999&epoch=a', 'after=01&epoch=a', 'after=+1&epoch=a', 'after=%201&epoch=a', 'after=1&epoch=',
    'after=1&epoch=seventeen-letters', 'after=1&epoch=a.b', 'after=1&epoch=a%0Ab', 'after=1&epoch=%C3%A4', 'after=1&after=2&epoch=a', 'after[$gt]=1', 'unknown=1', '__proto__=1',
  ])('refuses "%s"', (query) => {
    expect(position(query)).toBe(400);
  });

  it('takes Last-Event-ID before the query, and refuses one that is none', () => {
    expect(position('after=1&epoch=a', 'b.7')).toEqual({ kind: 'after', after: 7, epoch: 'b' });
    expect(position('after=now', '')).toEqual({ kind: 'now' });
    for (const id of ['7', 'b.', '.7', 'b.-1', 'b.7.8', 'b.1e2', 'b.7\n', ['b.7', 'b.8'], 'x'.repeat(10_000)]) expect(position('', id)).toBe(400);
  });
});

describe('cursorOf', () => {
  it('is the inverse of the text', () => {
    expect(cursorOf('gen-mark.12', 'x')).toEqual({ kind: 'after', epoch: 'gen-mark', after: 12 });
  });
});

describe('docsOf', () => {
  const read = (body: unknown): unknown => {
    try {
      return [...docsOf(body, ['docs', 'mode'], 2)];
    } catch (error) {
      return error instanceof Refusal ? error.status : error;
    }
  };

  it('reads positions by ref', () => {
    expect(read({ docs: { 'games/1': null, 'games/2': { v: 3, epoch: 'a' } } })).toEqual([['games/1', { kind: 'nothing' }], ['games/2', { kind: 'after', after: 3, epoch: 'a' }]]);
    expect(read({ docs: { 'games/1': { v: 0 } } })).toEqual([['games/1', { kind: 'after', after: 0, epoch: undefined }]]);
  });

  it.each([
    [undefined], [null], [[]], ['text'], [{}], [{ docs: null }], [{ docs: [] }], [{ docs: {} }], [{ docs: { a: null, b: null, c: null } }], [{ docs: { a: 1 } }], [{ docs: { a: { v: 1 } } }],
    [{ docs: { a: { v: '1', epoch: 'a' } } }], [{ docs: { a: { v: -1, epoch: 'a' } } }], [{ docs: { a: { v: 1.5, epoch: 'a' } } }], [{ docs: { a: { v: 1, epoch: { $ne: 1 } } } }],
    [{ docs: { a: { v: 1, epoch: 'a', more: 1 } } }], [{ docs: { a: null }, more: 1 }],
  ])('refuses %j', (body) => {
    expect(read(body)).toBe(400);
  });
});
