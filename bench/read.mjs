// npm run bench:read: a cached findOne of this library against Mongoose findById, with and without lean, on the same documents and server.
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import mongoose from 'mongoose';
import { buildWhenStale } from '../tools/build-when-stale.mjs';
import { clientOptions } from './contenders/contender.mjs';
import ours from './contenders/ours.mjs';
import { contentOf, counter, documentSchema, idOf, usualBytes } from './documents.mjs';
import { seeded, shuffled } from './random.mjs';
import { readBar, readReport } from './read-report.mjs';
import { writeResults } from './results.mjs';
import { conditions, startServer } from './server.mjs';

const documents = 1_000;
const readers = [1, 32];
const titles = { ours: 'this library, cached `findOne`', findById: 'Mongoose `findById`', 'findById-lean': 'Mongoose `findById().lean()`' };
const { values } = parseArgs({ options: { rounds: { type: 'string', default: '7' }, seconds: { type: 'string', default: '1' }, seed: { type: 'string' } } });
const settings = { rounds: Number(values.rounds), seconds: Number(values.seconds), seed: Number(values.seed ?? Math.floor(Math.random() * 1e9)) };

buildWhenStale(fileURLToPath(new URL('..', import.meta.url)));
const server = await startServer();
try {
  const results = { ...settings, documents, readers, titles, conditions: conditions(server), rounds: await measured(server) };
  const report = readReport(results);
  console.log(`${report}\n\nWritten: ${writeResults('read', results, report)}`);
  if (!readBar(results).met) process.exitCode = 1;
} finally {
  await server.stop();
}

async function measured({ uri }) {
  const place = { uri, database: 'bench_read' };
  const open = await ours.open(place);
  const connection = await mongoose.createConnection(uri, { dbName: place.database, ...clientOptions }).asPromise();
  try {
    const Model = connection.model('Document', documentSchema(mongoose, { versionKey: 'version', autoIndex: false, autoCreate: false }));
    await open.plant(Array.from({ length: documents }, (_, index) => contentOf(index, usualBytes, open.ObjectId)));
    const ids = Array.from({ length: documents }, (_, index) => open.toId(idOf(index)));
    return await interleaved(ids, {
      ours: (id) => open.storage.findOne(id),
      findById: (id) => Model.findById(id),
      'findById-lean': (id) => Model.findById(id).lean(),
    });
  } finally {
    await connection.close();
    await open.close();
  }
}

async function interleaved(ids, ways) {
  const random = seeded(settings.seed);
  for (const read of Object.values(ways)) await cell(read, ids, 32, 300, random); // warm: code, connections, cache
  const rounds = [];
  for (let round = 0; round < settings.rounds; round += 1) {
    const cells = shuffled(Object.keys(ways).flatMap((contender) => readers.map((width) => ({ contender, readers: width }))), random);
    for (const each of cells) each.readsPerSecond = await cell(ways[each.contender], ids, each.readers, settings.seconds * 1000, random);
    rounds.push(cells);
  }
  return rounds;
}

/** Reads per second. Every answer is looked at, so that none can be left out. */
async function cell(read, ids, width, ms, random) {
  const began = performance.now();
  let done = 0;
  const reader = async () => {
    while (performance.now() - began < ms) {
      const document = await read(ids[Math.floor(random() * ids.length)]);
      if (document[counter] !== 0) throw new Error('a read answered the wrong document');
      done += 1;
    }
  };
  await Promise.all(Array.from({ length: width }, reader));
  return done / ((performance.now() - began) / 1000);
}
