import { describe, expect, it } from '@jest/globals';
import mongoose from 'mongoose';
import { InvalidArgumentError } from '../errors/invalid-argument.error.js';
import type { DocumentId } from '../model/document-id.js';
import { eventKey, eventRange, operationFilter } from './event-key.js';

const { Long, MaxKey } = mongoose.mongo;
const id = new mongoose.Types.ObjectId();

describe('the key of an event', () => {
  it('has the document first and the number as Long', () => {
    expect(Object.keys(eventKey(id, 7))).toEqual(['d', 'v']);
    expect(eventKey(id, 7)).toEqual({ d: id, v: Long.fromNumber(7) });
    expect(eventKey(id, 2 ** 40).v.toString()).toBe(String(2 ** 40));
  });

  it.each([id, new mongoose.Types.UUID(), mongoose.Types.Decimal128.fromString('1'), Long.fromNumber(1), 'text', 5, 5n])('takes %p', (given) => {
    expect(eventKey(given as DocumentId, 1).d).toBe(given);
  });

  it.each([undefined, null, Symbol('x'), () => 1, true, [id], {}, { $gt: '' }, { _bsontype: 'ObjectId' }, Number.NaN, new Date(), new MaxKey(), new mongoose.mongo.BSONRegExp('a')])('refuses %p, which is no value of a filter', (given) => {
    expect(() => eventKey(given as never, 1)).toThrow(InvalidArgumentError);
    expect(() => eventRange(given as never, 1)).toThrow(InvalidArgumentError);
    expect(() => operationFilter(given as never, 'x')).toThrow(InvalidArgumentError);
  });

  it.each([1.5, Number.NaN, Infinity, '1'])('refuses the number %p', (given) => {
    expect(() => eventKey(id, given as number)).toThrow(InvalidArgumentError);
    expect(() => eventRange(id, 1, given as number)).toThrow(InvalidArgumentError);
  });
});

describe('a range of events', () => {
  it('is closed at both ends', () => {
    expect(eventRange(id, 3, 5)).toEqual({ _id: { $gte: { d: id, v: Long.fromNumber(3) }, $lte: { d: id, v: Long.fromNumber(5) } } });
  });

  it('without an end goes up to the largest value there is', () => {
    expect(eventRange(id, 1)._id.$lte).toEqual({ d: id, v: new MaxKey() });
  });
});
