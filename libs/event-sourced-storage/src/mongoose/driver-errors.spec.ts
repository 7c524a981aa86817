import { describe, expect, it } from '@jest/globals';
import mongoose from 'mongoose';
import { isOfDatabase, isUnavailable, reasonOf } from './driver-errors.js';

const { MongoExpiredSessionError, MongoNetworkError, MongoServerError, MongoTopologyClosedError } = mongoose.mongo;
const ofServer = (answer: object) => new MongoServerError({ message: 'no', ...answer });

describe('what an error of the driver means', () => {
  it.each([
    ['11601: the session was killed', ofServer({ code: 11_601, codeName: 'Interrupted' })],
    ['the session was ended', new MongoExpiredSessionError()],
    ['the client was closed', new MongoTopologyClosedError()],
    ['the network', new MongoNetworkError('gone')],
  ])('asking again later may help: %s', (_, error) => expect(isUnavailable(error)).toBe(true));

  it.each([
    ['a right is missing', ofServer({ code: 13, codeName: 'Unauthorized' })],
    ['a bug', new TypeError('x is not a function')],
  ])('nothing is gained by asking again: %s', (_, error) => expect(isUnavailable(error)).toBe(false));

  it('what the database did not say is a bug', () => {
    for (const error of [ofServer({ code: 13 }), new MongoExpiredSessionError(), new mongoose.mongo.BSON.BSONError('odd')]) expect(isOfDatabase(error)).toBe(true);
    for (const error of [new TypeError('x is not a function'), new Error('odd'), 'odd', undefined]) expect(isOfDatabase(error)).toBe(false);
  });

  it('a number of the server has the name that the server gives it, or none', () => {
    expect(reasonOf(ofServer({ code: 13, codeName: 'Unauthorized' }))).toBe('Unauthorized');
    expect(reasonOf(ofServer({ code: 8_000 }))).toBeUndefined();
    expect(reasonOf(new MongoExpiredSessionError())).toBe('MongoExpiredSessionError');
  });
});
