// A recount that cannot find a wrong history is worth nothing: each wrong one is planted here.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import mongoose from 'mongoose';
import { contentOf, usualBytes } from './documents.mjs';
import { comparable, recount } from './recount.mjs';

const { BSON, Long, ObjectId } = mongoose.mongo;

const created = { name: 'first', gold: 0, version: 1 };

/** A right history of one document with three acknowledged writes, and a way to spoil it. */
function right() {
  return {
    records: [
      { number: 1, create: created },
      { number: 2, set: { gold: 1, version: 2 } },
      { number: 3, set: { gold: 2, version: 3 } },
      { number: 4, set: { gold: 3, version: 4 } },
    ],
    stored: { name: 'first', gold: 3, version: 4 },
    expected: { successes: 3, unknown: 0 },
    others: {},
  };
}

function counted({ records, stored, expected, others }) {
  const found = {
    records: records && records.map((record) => ({ id: 'a', record })),
    stored: new Map(stored ? [['a', stored]] : []),
    ...others,
  };
  return recount(found, new Map([['a', expected]]), 'gold');
}

async function problemsAfter(spoil) {
  const history = right();
  spoil(history);
  return Object.keys((await counted(history)).problems);
}

describe('the recount', () => {
  it('accepts a right history', async () => {
    assert.deepEqual(await counted(right()), { ok: true, history: true, documents: 1, records: 4, problems: {} });
  });

  const spoilt = [
    ['a gap', 'gap', ({ records }) => records.splice(2, 1)],
    ['a lost record', 'lost record', ({ records }) => records.pop()],
    ['a doubled number', 'doubled number', ({ records }) => (records[3].number = 3)],
    ['a doubled record', 'doubled number', ({ records }) => records.splice(2, 0, records[2])],
    ['a record that nobody was told of', 'record nobody was told of', ({ expected }) => (expected.successes = 2)],
    ['a history that begins late', 'wrong first number', ({ records }) => records.forEach((record) => (record.number += 1))],
    ['a history that begins early', 'wrong first number', (history) => (history.others.firstNumber = 2)],
    ['a history without its create', 'create not first', ({ records }) => (records[0] = { number: 1, set: created })],
    ['a second create', 'create not first', ({ records }) => (records[2] = { number: 3, create: created })],
    ['a record with a wrong value', 'fold is not the stored state', ({ records }) => (records[3].set.gold = 4)],
    ['a stored state that lost a field', 'fold is not the stored state', ({ stored }) => delete stored.name],
    ['a stored state with a wrong version', 'fold is not the stored state', ({ stored }) => (stored.version = 3)],
    ['a lost write in state and history', 'fold: lost write', ({ expected }) => (expected.successes = 4)],
    ['a write too many', 'fold: write nobody was told of', ({ expected }) => (expected.successes = 1)],
    ['a diff that does not chain', 'does not chain', ({ records }) => (records[2].before = { gold: 0 })],
    ['a document that is gone', 'document missing', (history) => (history.stored = undefined)],
    ['a document without any record', 'no history', (history) => (history.records = [])],
  ];
  for (const [name, problem, spoil] of spoilt) {
    it(`finds ${name}`, async () => assert.ok((await problemsAfter(spoil)).includes(problem)));
  }

  it('finds a history that belongs to no document', async () => {
    const records = right().records.map((record) => ({ id: 'b', record }));
    const { problems } = await recount({ records, stored: new Map() }, new Map(), 'gold');
    assert.deepEqual(problems, { 'unknown document': { documents: 1, examples: ['b'] } });
  });

  it('lets a write of unknown outcome have happened or not', async () => {
    for (const successes of [2, 3]) {
      assert.deepEqual(await problemsAfter(({ expected }) => Object.assign(expected, { successes, unknown: 1 })), []);
    }
  });

  it('folds additions, nested paths and removals', async () => {
    const history = {
      records: [
        { number: 1, create: { gold: 0, place: { x: 1, y: 2 }, tags: ['a', 'b'] } },
        { number: 2, add: { gold: 1 }, set: { 'place.x': 5, 'tags.1': 'c' }, unset: ['place.y'] },
      ],
      stored: { gold: 1, place: { x: 5 }, tags: ['a', 'c'] },
      expected: { successes: 1, unknown: 0 },
    };
    assert.equal((await counted(history)).ok, true);
  });

  it('compares what a partial state document holds, and only that', async () => {
    const others = { partial: true };
    assert.deepEqual(await problemsAfter((history) => Object.assign(history, { others, stored: { version: 4 } })), []);
    assert.deepEqual(await problemsAfter((history) => Object.assign(history, { others, stored: { version: 3 } })), ['fold is not the stored state']);
  });

  it('looks at the state alone where there is no history', async () => {
    const found = { 3: [], 2: ['lost write'], 4: ['write nobody was told of'] };
    for (const [gold, problems] of Object.entries(found)) {
      assert.deepEqual(await problemsAfter((history) => Object.assign(history, { records: null, stored: { gold } })), problems);
    }
  });
});

describe('comparing states', () => {
  it('does not mind the order of keys or the class of an integer', () => {
    assert.equal(comparable({ a: 1, b: new Date(5) }), comparable({ b: new Date(5), a: Long.fromNumber(1) }));
  });

  it('tells an id from its text, a date from its number, a missing key from null', () => {
    const id = new ObjectId();
    assert.notEqual(comparable({ id }), comparable({ id: id.toHexString() }));
    assert.notEqual(comparable({ at: new Date(5) }), comparable({ at: 5 }));
    assert.notEqual(comparable({}), comparable({ a: null }));
  });
});

describe('the documents', () => {
  it('have exactly the size asked for', () => {
    for (const bytes of [512, usualBytes, 5_120, 51_200]) {
      for (const index of [0, 1, 1_999]) assert.equal(BSON.calculateObjectSize(contentOf(index, bytes, ObjectId)), bytes);
    }
  });
});
