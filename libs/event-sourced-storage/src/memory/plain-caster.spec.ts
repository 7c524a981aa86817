import { describe, expect, it } from '@jest/globals';
import mongoose from 'mongoose';
import { DocumentValidationError } from '../errors/document-validation.error.js';
import { InvalidArgumentError } from '../errors/invalid-argument.error.js';
import { PlainCaster } from './plain-caster.js';

const { ObjectId, UUID, Long, Decimal128 } = mongoose.mongo;

describe('PlainCaster', () => {
  const caster = new PlainCaster(() => 'made', 'games');

  it.each(['a', '', 5, -0.5, 5n, new ObjectId(), new UUID(), Long.fromNumber(7), Decimal128.fromString('1.5')])('takes %p as an id, as it is', (id) => {
    expect(caster.castId(id)).toBe(id);
  });

  it.each([undefined, null, true, {}, { $ne: 1 }, { _bsontype: 'ObjectId' }, [], ['a'], new Date(), Symbol('a'), () => 'a'])('refuses %p as an id', (id) => {
    expect(() => caster.castId(id)).toThrow(InvalidArgumentError);
  });

  it('makes ids with what it was given, and none without', () => {
    expect(caster.newId()).toBe('made');
    expect(() => new PlainCaster().newId()).toThrow(InvalidArgumentError);
  });

  it('a new document is a copy with the id first, without what is undefined', async () => {
    const data = { _id: 'ignored', bag: { sword: 1 }, none: undefined };
    const image = await caster.castNew('a', data);
    expect(Object.entries(image)).toEqual([
      ['_id', 'a'],
      ['bag', { sword: 1 }],
    ]);
    expect(image['bag']).not.toBe(data.bag);
  });

  it('refuses a new document that cannot be stored, naming the path', async () => {
    const refused = caster.castNew('a', { bag: { edit: () => 1 } });
    await expect(refused).rejects.toBeInstanceOf(DocumentValidationError);
    await expect(refused).rejects.toMatchObject({ address: 'games/a', problems: { 'bag.edit': expect.any(String) } });
  });

  it('casts changes by applying them, and leaves the document itself when there are none', () => {
    const before = { _id: 'a', gold: 1, old: true };
    expect(caster.castChanges(before, {}, { set: { gold: 2, 'bag.sword': 1 }, unset: ['old'] })).toEqual({ _id: 'a', gold: 2, bag: { sword: 1 } });
    expect(caster.castChanges(before, {}, { set: {}, unset: [] })).toBe(before);
  });
});
