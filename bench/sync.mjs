// npm run bench:sync -- [subscribers=1000] [rates=20,50] [seconds=30]
// From the commit of a change to its frame at every subscriber of one hot document: p50, p99, and what the server did for it.
// Server, database and subscribers share this machine: read the numbers as an upper bound.
import http from 'node:http';
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { buildWhenStale } from '../tools/build-when-stale.mjs';
import { table } from './report.mjs';
import { writeResults } from './results.mjs';
import { conditions, inWords, startServer } from './server.mjs';

const [subscribers = 1_000, rates = '20,50', seconds = 30] = process.argv.slice(2).map((text, index) => (index === 1 ? text : Number(text)));

if (process.env.SYNC_BENCH_SERVER === undefined) await measure();
else await serve();

/** The application, in a process of its own: commits at a rate when told to, and says when each was committed. */
async function serve() {
  await import('reflect-metadata');
  const { Module } = await import('@nestjs/common');
  const { NestFactory } = await import('@nestjs/core');
  const { CqrsModule } = await import('@nestjs/cqrs');
  const { MongooseModule } = await import('@nestjs/mongoose');
  const { default: mongoose } = await import('mongoose');
  const { EventSourcedStorageModule, EventSourcedSync, EventSourcedSyncModule, getEventSourcedStorageToken } = await import('nestjs-event-sourced-storage');
  const schema = new mongoose.Schema({ name: String, gold: Number }, { versionKey: 'version', collection: 'hot' });
  class App {}
  Module({
    imports: [
      MongooseModule.forRoot(process.env.SYNC_BENCH_SERVER, { dbName: `bench_sync_${process.pid}` }),
      CqrsModule.forRoot(),
      EventSourcedStorageModule.forRoot(),
      EventSourcedStorageModule.forFeature([{ name: 'Hot', schema }]),
      EventSourcedSyncModule.forRoot({ authorizeStream: () => ({ allow: true }), maxStreams: 10_000, maxStreamsPerAddress: 10_000 }),
    ],
  })(App);
  const app = await NestFactory.create(App, { logger: ['error'] });
  await app.listen(0, '127.0.0.1');
  const storage = app.get(getEventSourcedStorageToken('Hot'), { strict: false });
  const { document } = await storage.findOneAndUpsert({ name: 'hot', gold: 0 }, 'bench');
  process.send({ kind: 'ready', port: app.getHttpServer().address().port, id: String(document._id) });
  process.on('message', async ({ rate, count }) => {
    const committed = [];
    const start = performance.now();
    for (let index = 0; index < count; index++) {
      await new Promise((resolve) => setTimeout(resolve, Math.max(0, start + (index * 1_000) / rate - performance.now())));
      const { diff } = await storage.findOneAndUpdate(document._id, (hot) => void hot.gold++, 'bench');
      committed.push([diff.version, Date.now()]);
    }
    await new Promise((resolve) => setTimeout(resolve, 5_000));
    const { metrics } = app.get(EventSourcedSync, { strict: false });
    process.send({ kind: 'done', committed, metrics: { ...metrics }, rss: process.memoryUsage().rss });
  });
}

async function measure() {
  buildWhenStale(fileURLToPath(new URL('..', import.meta.url)));
  const database = await startServer();
  const server = fork(fileURLToPath(import.meta.url), process.argv.slice(2), { env: { ...process.env, SYNC_BENCH_SERVER: database.uri } });
  const rows = [];
  const { port, id } = await said(server, 'ready');
  const seen = []; // [version, time] of every frame at every subscriber
  const numbers = await Promise.all(Array.from({ length: subscribers }, () => subscribe(port, id, seen)));
  for (const rate of String(rates).split(',').map(Number)) {
    seen.length = 0;
    const count = rate * seconds;
    server.send({ rate, count });
    const { committed, metrics, rss } = await said(server, 'done');
    const at = new Map(committed);
    const delays = seen.filter(([version]) => at.has(version)).map(([version, time]) => time - at.get(version)).toSorted((a, b) => a - b);
    const part = (share) => delays[Math.min(delays.length - 1, Math.floor(delays.length * share))];
    const wrong = numbers.filter((state) => state.wrong > 0).length;
    const frames = `${seen.length.toLocaleString('en')} of ${(count * subscribers).toLocaleString('en')}`;
    rows.push([String(rate), `${part(0.5)} ms`, `${part(0.99)} ms`, frames, String(wrong), String(metrics.catchUpReads), `${Math.round(rss / 1_048_576)} MiB`]);
    if (seen.length !== count * subscribers || wrong > 0) process.exitCode = 1;
  }
  const found = conditions(database);
  const report = [
    `${inWords(found)}. ${subscribers.toLocaleString('en')} subscribers of one hot document, ${seconds} s at each rate, one after the other in one process; subscribers, server and database on the same two processors.`,
    table(['changes/s', 'commit to frame, p50', 'p99', 'frames that arrived', 'subscribers with a gap', 'catch-up reads so far', 'memory of the server then'], rows),
  ].join('\n\n');
  console.log(`${report}\n\nWritten: ${writeResults('sync', { subscribers, rates, seconds, rows, conditions: found }, report)}`);
  server.kill();
  await database.stop();
  process.exit();
}

function said(child, kind) {
  return new Promise((resolve) => {
    const listen = (message) => {
      if (message.kind !== kind) return;
      child.off('message', listen);
      resolve(message);
    };
    child.on('message', listen);
  });
}

/** Resolves once it is live. Notes the time of each frame, and whether a number is missing. */
function subscribe(port, id, seen) {
  const state = { last: 1, wrong: 0 };
  return new Promise((resolve, reject) => {
    const request = http.get({ port, host: '127.0.0.1', path: `/sync/hot/${id}/stream?after=now`, agent: false }, (response) => {
      response.setEncoding('latin1');
      response.on('data', (chunk) => {
        if (chunk.includes('event: live')) resolve(state);
        for (const [, version] of chunk.matchAll(/^id: [\w-]+\.(\d+)$/gm)) {
          if (Number(version) !== state.last + 1) state.wrong++;
          state.last = Number(version);
          seen.push([state.last, Date.now()]);
        }
      });
    });
    request.on('error', reject);
  });
}
