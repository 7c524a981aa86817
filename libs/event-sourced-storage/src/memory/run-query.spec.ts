import { describe, expect, it } from '@jest/globals';
import mongoose from 'mongoose';
import { InvalidArgumentError } from '../errors/invalid-argument.error.js';
import { runQuery } from './run-query.js';

const { ObjectId } = mongoose.mongo;

describe('runQuery', () => {
  const [first, second] = [new ObjectId('000000000000000000000001'), new ObjectId('000000000000000000000002')];
  const documents = [
    { _id: first, n: 1, at: new Date(10), list: [{ a: 1 }], none: null },
    { _id: second, n: 2, at: new Date(20), list: [] },
  ];

  it.each([
    [{}, [1, 2]],
    [{ _id: new ObjectId('000000000000000000000002') }, [2]],
    [{ _id: { $gt: first } }, [2]],
    [{ at: { $lte: new Date(10) } }, [1]],
    [{ n: { $ne: 1 } }, [2]],
    [{ n: { $nin: [2, 3] } }, [1]],
    [{ n: { $gt: '0' } }, []],
    [{ n: { $gte: 1, $lt: 2 } }, [1]],
    [{ none: null }, [1, 2]],
    [{ 'list.0.a': 1 }, [1]],
    [{ list: [{ a: 1 }] }, [1]],
    [{ $and: [{ n: 1 }, { n: 2 }] }, []],
    [{ $or: [{ n: 1 }, { n: 2 }] }, [1, 2]],
  ])('%j finds %j', (filter, found) => {
    expect(runQuery(documents, { filter }).map(({ n }) => n)).toEqual(found);
  });

  it.each([{ $where: '1' }, { n: { $regex: 'a' } }, { $expr: {} }, { n: { $gt: 1, $mod: [2, 0] } }])('refuses what it does not know: %j', (filter) => {
    expect(() => runQuery([{ n: 2 }], { filter })).toThrow(InvalidArgumentError);
  });

  it('refuses projections of nested fields', () => {
    expect(() => runQuery(documents, { filter: {}, projection: { 'list.a': 1 } })).toThrow(InvalidArgumentError);
  });

  it('sorts what is absent first', () => {
    expect(runQuery([{ n: 2 }, {}, { n: 1 }], { filter: {}, sort: { n: 1 } })).toEqual([{}, { n: 1 }, { n: 2 }]);
    expect(runQuery([{ n: 2 }, {}, { n: 1 }], { filter: {}, sort: { n: -1 } })).toEqual([{ n: 2 }, { n: 1 }, {}]);
  });
});
