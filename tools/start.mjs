// npm start: builds what is stale, starts an embedded MongoDB unless MONGODB_URI names one, then the app.
// A script or a service runs `node tools/start.mjs`: without a terminal npm does not pass signals on.
import { join, relative } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { buildWhenStale } from './build-when-stale.mjs';
import { resolveMongod } from './resolve-mongod.mjs';
import { startEmbedded } from './start-embedded.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const port = Number(process.env.PORT ?? 3000);
const closeMs = 10_000;
let app;
let mongo;
let stopping;

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => stop(0, `${signal}: stopping`)); // on, not once: npm passes Ctrl-C on a second time

try {
  if (!Number.isInteger(port)) throw new Error(`PORT must be a number, is ${process.env.PORT}`);
  buildWhenStale(root);
  const uri = process.env.MONGODB_URI ?? (await startMongo());
  console.log(`URI      ${uri.replace(/\/\/[^@/]*@/, '//***@')}`);
  app = await startApp(uri);
  console.log(`App      ${await app.getUrl()}`);
  console.log('Stop with Ctrl-C');
} catch (error) {
  await stop(1, error.message);
}

/** The folder's name carries the major version: a server refuses the files of another. */
async function startMongo() {
  const mongod = await resolveMongod();
  const dataDir = join(process.env.DATA_DIR ?? join(root, '.data'), `mongo-${Number.parseInt(mongod.version)}`);
  mongo = await startEmbedded({ dataDir, port: 27_117, mongod });
  void mongo.exited.then(() => stop(1, `mongod ended by itself, see ${join(mongo.dataDir, 'mongod.log')}`));
  console.log(`MongoDB  ${mongo.version} (${mongo.source}), data in ${relative(process.cwd(), mongo.dataDir)}`);
  return mongo.uri;
}

async function startApp(mongoUri) {
  const { bootstrap } = await import(pathToFileURL(join(root, 'dist', 'main.js')).href);
  return bootstrap({ mongoUri, port }).catch((error) => {
    if (error.code !== 'EADDRINUSE') console.error(error);
    const reason = error.code === 'EADDRINUSE' ? `port ${port} is taken, choose another one: PORT=${port + 1} npm start` : error.message;
    throw new Error(`The app did not start: ${reason}`, { cause: error });
  });
}

/** The app first, so that it can finish what it writes; mongod in any case. Only the first call counts. */
function stop(exitCode, message) {
  stopping ??= (async () => {
    if (exitCode) console.error(message);
    else console.log(message);
    const closed = await Promise.race([closeApp(), sleep(closeMs).then(() => new Error(`not within ${closeMs / 1000} s`))]);
    if (closed) console.error('The app did not close:', closed);
    await mongo?.stop();
    process.exit(closed ? 1 : exitCode);
  })();
  return stopping;
}

/** The error, if there was one. */
async function closeApp() {
  try {
    await app?.close();
    return undefined;
  } catch (error) {
    return error;
  }
}
