import { describe, expect, it } from '@jest/globals';
import { listChanges } from './list-changes.js';

describe('Changes between two states', () => {
  it('lists leaves that were added, removed and changed, by path', () => {
    const before = { gold: 1, boss: { hp: 10 }, heroes: [{ name: 'Ada' }], note: 'x' };
    const after = { gold: 1, boss: { hp: 7 }, heroes: [{ name: 'Ada' }, { name: 'Bob' }] };
    expect(listChanges(before, after)).toEqual([
      { path: 'boss.hp', kind: 'changed', before: 10, after: 7 },
      { path: 'heroes.1.name', kind: 'added', after: 'Bob' },
      { path: 'note', kind: 'removed', before: 'x' },
    ]);
  });

  it('from nothing everything is added, to nothing everything is removed', () => {
    expect(listChanges(undefined, { a: { b: 1 } })).toEqual([{ path: 'a.b', kind: 'added', after: 1 }]);
    expect(listChanges({ a: { b: 1 } }, undefined)).toEqual([{ path: 'a.b', kind: 'removed', before: 1 }]);
    expect(listChanges(undefined, undefined)).toEqual([]);
  });

  it('null, empty and missing are three things', () => {
    expect(listChanges({ a: null, b: [] }, { a: [], b: null })).toEqual([
      { path: 'a', kind: 'changed', before: null, after: [] },
      { path: 'b', kind: 'changed', before: [], after: null },
    ]);
    expect(listChanges({ a: [1] }, { a: [] })).toEqual([{ path: 'a', kind: 'changed', before: [1], after: [] }]);
  });

  it('inherited names are not values', () => {
    expect(listChanges({ a: 1 }, JSON.parse('{"a":1,"constructor":2,"__proto__":3}'))).toEqual([
      { path: 'constructor', kind: 'added', after: 2 },
      { path: '__proto__', kind: 'added', after: 3 },
    ]);
  });
});
