// One replica set for the whole run. Without one the run fails: a database test that is skipped proves nothing.
import mongoose from 'mongoose';
import { resolveMongod } from './resolve-mongod.mjs';
import { startEmbedded } from './start-embedded.mjs';
import { removeFoldersOfDeadProcesses } from './temporary-folder.mjs';

const parameters = ['enableTestCommands=1', 'diagnosticDataCollectionEnabled=false'];
let running;

/** Workers are forked afterwards and inherit the environment: `TEST_MONGODB_URI` and `TEST_MONGOD`, JSON with `path` and `version`. */
export async function startTestDatabase() {
  const started = performance.now();
  removeFoldersOfDeadProcesses();
  const given = process.env.MONGODB_URI;
  const mongod = await resolveMongod().catch((error) => {
    if (!given) throw error; // with a set of the user's own only the fail-over suites miss it, and then say so
  });
  if (mongod) process.env.TEST_MONGOD = JSON.stringify(mongod);
  const uri = given ? await checked(given) : await embedded(mongod);
  process.env.TEST_MONGODB_URI = uri;
  console.error(`MongoDB ${given ? 'from MONGODB_URI' : `${mongod.version} (${mongod.source})`} ready in ${Math.round(performance.now() - started)} ms`);
}

export async function stopTestDatabase() {
  await running?.stop();
}

async function embedded(mongod) {
  running = await startEmbedded({ mongod, args: parameters.flatMap((parameter) => ['--setParameter', parameter]) });
  return running.uri;
}

async function checked(uri) {
  const client = await mongoose.mongo.MongoClient.connect(uri, { serverSelectionTimeoutMS: 5_000 }).catch((error) => {
    throw new Error(`the server of MONGODB_URI does not answer: ${error.message}`, { cause: error });
  });
  try {
    const { setName } = await client.db('admin').command({ hello: 1 });
    if (!setName) throw new Error('MONGODB_URI is no replica set: transactions and change streams need one');
    return uri;
  } finally {
    await client.close();
  }
}
