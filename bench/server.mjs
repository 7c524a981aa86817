// The replica set of a benchmark, and the conditions that every result carries.
import { readFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { createRequire } from 'node:module';
import mongoose from 'mongoose';
import { startEmbedded } from '../tools/start-embedded.mjs';

const require = createRequire(import.meta.url);
const versionOf = (file) => JSON.parse(readFileSync(require.resolve(file), 'utf8')).version;

/** A one-member replica set that ends with this process; `drop` removes a database. */
export async function startServer() {
  const { uri, pid, version, stop } = await startEmbedded();
  const client = await mongoose.mongo.MongoClient.connect(uri);
  return {
    uri,
    pid,
    version,
    drop: (database) => client.db(database).dropDatabase(),
    async stop() {
      await client.close();
      await stop();
    },
  };
}

export function conditions(server) {
  const processors = cpus();
  const mongooseRequire = createRequire(require.resolve('mongoose/package.json'));
  return {
    date: new Date().toISOString(),
    node: process.versions.node,
    mongod: server.version,
    mongoose: mongoose.version,
    driver: JSON.parse(readFileSync(mongooseRequire.resolve('mongodb/package.json'), 'utf8')).version,
    library: versionOf('nestjs-event-sourced-storage/package.json'),
    cpu: processors[0]?.model.trim() ?? 'unknown',
    cpus: processors.length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    platform: `${process.platform} ${process.arch}`,
  };
}

/** The conditions in one paragraph. */
export function inWords({ date, node, mongod, mongoose: version, driver, library, cpu, cpus: count, memoryGiB, platform }) {
  return (
    `${date.slice(0, 10)}, ${count} × ${cpu}, ${memoryGiB} GiB, ${platform}; client and server on the same machine; Node ${node}, ` +
    `one-member replica set on mongod ${mongod}, Mongoose ${version} with driver ${driver}, library ${library}`
  );
}
