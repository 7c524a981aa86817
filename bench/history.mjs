// Does a write cost more at the end of a long history? Runs inside the worker of this library.
import mongoose from 'mongoose';
import { contentOf, counter, idOf, usualBytes } from './documents.mjs';
import { seeded } from './random.mjs';
import { recount } from './recount.mjs';
import { spread } from './statistics.mjs';

const { Long, ObjectId } = mongoose.mongo;
const chunk = 5_000;
const explained = 20;

/**
 * Alternates batches of writes on a document with `length` events and on a fresh one, and compares their times and what the server did.
 * @param {{ length: number, pairs: number, batch: number, seed: number }} options
 */
export async function measureHistory(open, { length, pairs, batch, seed }) {
  const random = seeded(seed);
  const long = await create(open, 0);
  await plantHistory(open, long, length);
  const counts = new Map([[String(long), length - 1]]);
  const write = async (id, times) => {
    for (let left = times; left > 0; left -= 1) await open.write(id);
    counts.set(String(id), (counts.get(String(id)) ?? 0) + times);
  };
  await write(long, batch); // its state is cached from here on, and the code is warm

  const timed = async (id) => {
    const began = performance.now();
    await write(id, batch);
    return performance.now() - began;
  };
  const ratios = [];
  for (let pair = 1; pair <= pairs; pair += 1) {
    const fresh = await create(open, pair);
    const order = random() < 0.5 ? [long, fresh] : [fresh, long];
    const times = new Map();
    for (const id of order) times.set(id, await timed(id));
    ratios.push(times.get(long) / times.get(fresh));
  }

  const fresh = await create(open, pairs + 1);
  const work = { long: await serverWork(open, () => write(long, explained)), fresh: await serverWork(open, () => write(fresh, explained)) };
  const expected = new Map(Array.from(counts, ([id, successes]) => [id, { successes, unknown: 0 }]));
  return {
    length,
    pairs,
    batch,
    ratio: spread(ratios),
    ratios,
    work,
    sameWork: JSON.stringify(work.long) === JSON.stringify(work.fresh),
    recount: await recount({ records: open.records(), stored: await open.stored() }, expected, counter),
  };
}

async function create({ storage }, index) {
  await storage.findOneAndUpsert(contentOf(index, usualBytes, ObjectId), 'bench');
  return new ObjectId(idOf(index));
}

/** Events up to `length`, as copies of one that the library wrote itself, so in exactly its format; and the document as they leave it. */
export async function plantHistory({ write, documents, events }, id, length) {
  await write(id);
  // without the checksum, which is of that one event only
  const { crc: _crc, ...template } = await events.findOne({ _id: { d: id, v: Long.fromNumber(2) } });
  const copyOf = (version) => ({
    ...template,
    _id: { d: id, v: Long.fromNumber(version) },
    operationId: new ObjectId().toHexString(),
    flight: new ObjectId(),
    diff: { ...template.diff, set: { ...template.diff.set, [counter]: version - 1 } },
  });
  for (let next = 3; next <= length; next += chunk) {
    const count = Math.min(chunk, length - next + 1);
    await events.insertMany(Array.from({ length: count }, (_, place) => copyOf(next + place)), { ordered: false, writeConcern: { w: 1 } });
  }
  await documents.updateOne({ _id: id }, { $set: { version: length, [counter]: length - 1 } });
}

/** What the server's profiler saw: per command and collection how often, and how many keys and documents were examined and keys written. */
async function serverWork({ documents, events }, run) {
  const db = documents.client.db(documents.dbName);
  const namespaces = [documents.namespace, events.namespace]; // what a process does once in a while elsewhere is no part of a write
  await db.command({ profile: 0 });
  await db.collection('system.profile').drop().catch(() => undefined); // the first time there is none
  await db.command({ profile: 2 });
  await run();
  await db.command({ profile: 0 });
  const seen = await db.collection('system.profile').find({ ns: { $in: namespaces } }).toArray();
  const work = {};
  for (const { op, ns, command = {}, keysExamined = 0, docsExamined = 0, keysInserted = 0 } of seen) {
    const name = `${op === 'command' ? Object.keys(command)[0] : op} ${ns.split('.').slice(1).join('.')}`;
    const entry = (work[name] ??= { times: 0, keysExamined: 0, docsExamined: 0, keysInserted: 0 });
    entry.times += 1;
    entry.keysExamined += keysExamined;
    entry.docsExamined += docsExamined;
    entry.keysInserted += keysInserted;
  }
  return Object.fromEntries(Object.entries(work).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}
