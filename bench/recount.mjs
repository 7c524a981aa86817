// Counts a cell's histories again, knowing nothing of the contender but its records: does the database hold what the writers were told?

/**
 * One record of a history: the whole document it begins with, or a change of single paths.
 * @typedef {object} HistoryRecord
 * @property {number} number
 * @property {object} [create] the document as created
 * @property {Record<string, unknown>} [set] new values by path
 * @property {readonly string[]} [unset] paths that went away
 * @property {Record<string, number>} [add] what was added to numbers
 * @property {Record<string, unknown>} [before] what it says stood there before
 */

/**
 * @typedef {object} Expected what the writers of one document were told
 * @property {number} successes
 * @property {number} unknown writes that ended in an error which leaves open whether they happened
 */

const kept = 3;

/**
 * @param {object} found
 * @param {AsyncIterable<{ id: string, record: HistoryRecord }> | Iterable<{ id: string, record: HistoryRecord }> | null} found.records
 *   in order of document and number; `null` for a contender without history
 * @param {ReadonlyMap<string, object>} found.stored the state documents
 * @param {boolean} [found.partial] the state documents hold a part of the state only
 * @param {number} [found.firstNumber] the number of the first record of a history
 * @param {ReadonlyMap<string, Expected>} expected by document
 * @param {string} counter the field to which each write added 1, beginning with 0
 */
export async function recount({ records, stored, partial = false, firstNumber = 1 }, expected, counter) {
  const report = new Report();
  const missing = new Map(expected);
  const check = (history) => {
    const wanted = missing.get(history.id);
    missing.delete(history.id);
    report.add(history.id, wanted ? history.problems({ stored: stored.get(history.id), wanted, partial, counter }) : ['unknown document']);
  };
  if (records === null) {
    for (const [id, wanted] of expected) report.add(id, stateProblems(stored.get(id), wanted, counter));
    return report.result({ history: false, documents: expected.size });
  }
  let history;
  for await (const { id, record } of records) {
    if (history?.id !== id) {
      if (history) check(history);
      history = new History(id, firstNumber);
    }
    history.take(record);
    report.records += 1;
  }
  if (history) check(history);
  for (const id of missing.keys()) report.add(id, ['no history']);
  return report.result({ history: true, documents: expected.size });
}

/** One document's history, folded record by record. */
class History {
  #next;
  #count = 0;
  #state;
  #found = new Set();

  constructor(id, firstNumber) {
    this.id = id;
    this.#next = firstNumber;
  }

  /** @param {HistoryRecord} record */
  take(record) {
    if (record.number < this.#next) this.#found.add(this.#count === 0 ? 'wrong first number' : 'doubled number');
    if (record.number > this.#next) this.#found.add(this.#count === 0 ? 'wrong first number' : 'gap');
    this.#next = record.number + 1;
    if ((this.#count === 0) !== (record.create !== undefined)) this.#found.add('create not first');
    this.#count += 1;
    this.#fold(record);
  }

  problems({ stored, wanted, partial, counter }) {
    const acknowledged = wanted.successes + 1; // the create
    if (this.#count < acknowledged) this.#found.add('lost record');
    if (this.#count > acknowledged + wanted.unknown) this.#found.add('record nobody was told of');
    for (const problem of stateProblems(this.#state, wanted, counter)) this.#found.add(`fold: ${problem}`);
    const state = partial && stored ? Object.fromEntries(Object.keys(stored).map((key) => [key, this.#state[key]])) : this.#state;
    if (!stored) this.#found.add('document missing');
    else if (comparable(state) !== comparable(stored)) this.#found.add('fold is not the stored state');
    return Array.from(this.#found);
  }

  #fold({ create, before = {}, set = {}, unset = [], add = {} }) {
    if (create) this.#state = copy(create);
    this.#state ??= {};
    for (const [path, value] of Object.entries(before)) {
      if (comparable(at(this.#state, path)) !== comparable(value)) this.#found.add('does not chain');
    }
    for (const [path, value] of Object.entries(set)) put(this.#state, path, value);
    for (const [path, value] of Object.entries(add)) put(this.#state, path, at(this.#state, path) + value);
    for (const path of unset) put(this.#state, path, undefined);
  }
}

function stateProblems(state, { successes, unknown }, counter) {
  if (!state) return ['document missing'];
  const value = Number(state[counter]);
  if (value < successes) return ['lost write'];
  return value > successes + unknown ? ['write nobody was told of'] : [];
}

/** How often each problem was found, and the first documents that have it. */
class Report {
  records = 0;
  #problems = {};

  add(id, problems) {
    for (const problem of problems) {
      const entry = (this.#problems[problem] ??= { documents: 0, examples: [] });
      entry.documents += 1;
      if (entry.examples.length < kept) entry.examples.push(id);
    }
  }

  result({ history, documents }) {
    return { ok: Object.keys(this.#problems).length === 0, history, documents, records: this.records, problems: this.#problems };
  }
}

function at(state, path) {
  return path.split('.').reduce((place, key) => place?.[key], state);
}

function put(state, path, value) {
  const keys = path.split('.');
  const last = keys.pop();
  let place = state;
  for (const key of keys) place = place[key] ??= {};
  if (value === undefined) delete place[last];
  else place[last] = copy(value);
}

const isPlain = (value) => Object.prototype.toString.call(value) === '[object Object]' && !('_bsontype' in value);

function copy(value) {
  if (Array.isArray(value)) return value.map(copy);
  if (!isPlain(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, copy(item)]));
}

/** A text that is the same for the same content, whatever copy of the driver read it and in whatever order its keys are. */
export function comparable(value) {
  return JSON.stringify(sorted(value)) ?? 'undefined';
}

function sorted(value) {
  if (value === null || typeof value !== 'object') return typeof value === 'bigint' ? Number(value) : value;
  if (Array.isArray(value)) return value.map(sorted);
  if (value instanceof Date) return { date: value.getTime() };
  if ('_bsontype' in value) return value._bsontype === 'Long' ? Number(value) : { [value._bsontype]: String(value) };
  return Object.fromEntries(
    Object.keys(value)
      .toSorted()
      .filter((key) => value[key] !== undefined)
      .map((key) => [key, sorted(value[key])]),
  );
}
