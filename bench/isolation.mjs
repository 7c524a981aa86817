// npm run bench:isolation: what 199 documents lose when transactions from outside keep getting into the way of the two hundredth.
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import mongoose from 'mongoose';
import { buildWhenStale } from '../tools/build-when-stale.mjs';
import { clientOptions } from './contenders/contender.mjs';
import ours from './contenders/ours.mjs';
import { contentOf, counter, idOf, usualBytes } from './documents.mjs';
import { seeded } from './random.mjs';
import { isolationBar, isolationReport } from './isolation-report.mjs';
import { recount } from './recount.mjs';
import { writeResults } from './results.mjs';
import { conditions, startServer } from './server.mjs';

const documents = 200;
const writers = 64;
const heldMs = 4; // longer than a commit takes, so that hardly any flight gets past
const { values } = parseArgs({ options: { rounds: { type: 'string', default: '7' }, seconds: { type: 'string', default: '2' }, seed: { type: 'string' } } });
const settings = { rounds: Number(values.rounds), seconds: Number(values.seconds), seed: Number(values.seed ?? Math.floor(Math.random() * 1e9)) };

buildWhenStale(fileURLToPath(new URL('..', import.meta.url)));
const server = await startServer();
try {
  const measured = await measure(server);
  const results = { ...settings, documents, writers, heldMs, conditions: conditions(server), ...measured };
  const report = isolationReport(results);
  console.log(`${report}\n\nWritten: ${writeResults('isolation', results, report)}`);
  if (!isolationBar(results).met || !results.recount.ok) process.exitCode = 1;
} finally {
  await server.stop();
}

async function measure({ uri }) {
  const place = { uri, database: 'bench_isolation' };
  const open = await ours.open(place);
  const outside = await mongoose.mongo.MongoClient.connect(uri, clientOptions);
  const random = seeded(settings.seed);
  const successes = Array.from({ length: documents }, () => 0);
  try {
    await open.plant(Array.from({ length: documents }, (_, index) => contentOf(index, usualBytes, open.ObjectId)));
    const cell = (ms, disturbed) => cellOf({ open, outside: outside.db(place.database).collection('documents'), client: outside, random, successes, ms, disturbed });
    await cell(2_000, false);
    const rounds = [];
    for (let round = 0; round < settings.rounds; round += 1) {
      const order = round % 2 === 0 ? [false, true] : [true, false];
      const cells = [];
      for (const disturbed of order) cells.push({ disturbed, ...(await cell(settings.seconds * 1000, disturbed)) });
      rounds.push(cells);
    }
    const expected = new Map(successes.map((count, index) => [idOf(index), { successes: count, unknown: 0 }]));
    return { rounds, recount: await recount({ records: open.records(), stored: await open.stored() }, expected, counter) };
  } finally {
    await outside.close();
    await open.close();
  }
}

/** Writers take documents at random, the disturbed one too; counted apart. */
async function cellOf({ open, outside, client, random, successes, ms, disturbed }) {
  const end = performance.now() + ms;
  const isOver = () => performance.now() >= end;
  let others = 0;
  let victim = 0;
  const write = async (index) => {
    await open.write(open.toId(idOf(index)));
    successes[index] += 1;
    if (isOver()) return;
    if (index === 0) victim += 1;
    else others += 1;
  };
  const writer = async () => {
    while (!isOver()) await write(1 + Math.floor(random() * (documents - 1)));
  };
  const victimWriter = async () => {
    while (!isOver()) await write(0);
  };
  const [conflicts] = await Promise.all([disturbed ? disturb({ client, outside, id: open.toId(idOf(0)), isOver }) : 0, victimWriter(), ...Array.from({ length: writers - 1 }, writer)]);
  return { others: others / (ms / 1000), victim: victim / (ms / 1000), conflicts };
}

/** Takes the document into a transaction, holds it, gives it back unchanged, and takes it again. */
async function disturb({ client, outside, id, isOver }) {
  let held = 0;
  while (!isOver()) {
    const session = client.startSession();
    try {
      session.startTransaction();
      await outside.updateOne({ _id: id }, { $set: { note: 'held' } }, { session });
      held += 1;
      await sleep(heldMs);
    } catch {
      // the storage was faster: the next try
    } finally {
      await session.abortTransaction().catch(() => undefined);
      await session.endSession();
    }
  }
  return held;
}
