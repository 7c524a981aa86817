import { expect } from '@jest/globals';
import { canonical } from './canonical.js';
import { type Recount, recount } from './recount.js';
import type { StorageApp } from './storage-app.js';

type Collections = Pick<StorageApp<object>, 'documents' | 'events'>;

/** Recounts one document: numbers without a gap from 1, and a history that folds to what is stored, BSON types included. */
export async function consistent(app: Collections, id: unknown): Promise<Recount> {
  const exact = await recount(app.documents(), app.events(), id, { promoteValues: false });
  expect(exact.numbers).toEqual(Array.from({ length: exact.numbers.length }, (_, index) => index + 1));
  expect(canonical(exact.state)).toBe(canonical(exact.stored));
  return recount(app.documents(), app.events(), id);
}
