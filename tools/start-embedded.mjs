// One mongod as a replica set of one, on a folder that may stay: for `npm start` and for tests.
import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import mongoose from 'mongoose';
import { host, startMongod } from './mongod-process.mjs';
import { resolveMongod } from './resolve-mongod.mjs';
import { removeFolder, temporaryFolder } from './temporary-folder.mjs';

const { MongoClient } = mongoose.mongo; // Mongoose's own driver: the memory-server brings another copy
const primaryMs = 30_000;

/** @type {typeof import('./start-embedded.mjs').startEmbedded} */
export async function startEmbedded({ dataDir, port = 0, name = 'rs0', args = [], mongod: given } = {}) {
  const mongod = given ?? (await resolveMongod());
  const dbPath = resolve(dataDir ?? temporaryFolder());
  let started;
  const stop = async () => {
    if (started) await shutDown(started);
    if (!dataDir) removeFolder(dbPath);
  };
  try {
    started = await startMongod({ mongod, dbPath, port, name, args });
    await becomePrimary(started.port, name);
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    uri: `mongodb://${host}:${started.port}/?replicaSet=${name}`,
    port: started.port,
    pid: started.pid,
    version: mongod.version,
    source: mongod.source,
    dataDir: dbPath,
    exited: started.exited,
    stop,
  };
}

/** Initiates the set, or tells an existing one its new port; waits until it takes writes. */
async function becomePrimary(port, name) {
  const member = { _id: 0, host: `${host}:${port}` };
  const client = await MongoClient.connect(`mongodb://${host}:${port}/?directConnection=true`);
  try {
    const admin = client.db('admin');
    const old = await client.db('local').collection('system.replset').findOne();
    const { _id: owner = name } = old ?? {};
    if (owner !== name) throw new Error(`the data folder belongs to the replica set ${owner}, not to ${name}`);
    if (!old) await admin.command({ replSetInitiate: { _id: name, members: [member] } });
    else if (old.members[0].host !== member.host) {
      const moved = { ...old, version: old.version + 1, members: [{ ...old.members[0], ...member }] };
      await admin.command({ replSetReconfig: moved, force: true });
    }
    for (const limit = Date.now() + primaryMs; Date.now() < limit; await sleep(20)) {
      if ((await admin.command({ hello: 1 })).isWritablePrimary) return;
    }
    throw new Error(`mongod on port ${port} did not become primary of ${name} within ${primaryMs / 1000} s`);
  } finally {
    await client.close();
  }
}

/** By command, because a signal means nothing to mongod on Windows; by signal when it does not listen. */
async function shutDown(started) {
  if (!started.running()) return;
  const uri = `mongodb://${host}:${started.port}/?directConnection=true`;
  const client = await MongoClient.connect(uri, { serverSelectionTimeoutMS: 2_000 }).catch(() => undefined);
  const command = { shutdown: 1, force: true, timeoutSecs: 0 };
  await client?.db('admin').command(command).catch(() => undefined); // it closes the connection instead of answering
  await client?.close();
  if (client) await started.exitsWithin(5_000);
  await started.end('SIGTERM');
}
