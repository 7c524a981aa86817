// Several mongods as one replica set with quick elections: for tests of fail-over.
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import mongoose from 'mongoose';
import { host, startMongod } from './mongod-process.mjs';
import { resolveMongod } from './resolve-mongod.mjs';
import { removeFolder, temporaryFolder } from './temporary-folder.mjs';

const { MongoClient } = mongoose.mongo;
const quickElections = { electionTimeoutMillis: 1_000, heartbeatIntervalMillis: 200 };
const quickEnd = ['--setParameter', 'shutdownTimeoutMillisForSignaledShutdown=100']; // default: 15 s for the clients to leave
const healthyMs = 60_000;
const pollMs = 50;

/** @type {typeof import('./start-replica-set.mjs').startReplicaSet} */
export async function startReplicaSet({ members: count = 3, dataDir, name = 'rs0', args = [], settings = {}, mongod: given } = {}) {
  const mongod = given ?? (await resolveMongod());
  const folder = resolve(dataDir ?? temporaryFolder());
  const run = (index, place) => startMongod({ mongod, dbPath: join(folder, `member-${index}`), name, args: [...quickEnd, ...args], ...place });
  const processes = [];

  const member = (index) => ({ index, host, port: processes[index].port, pid: processes[index].pid });
  const running = () => processes.filter((each) => each.running()).map((each) => each.port);

  async function kill(index, signal = 'SIGKILL') {
    if (['SIGSTOP', 'SIGCONT'].includes(signal)) process.kill(processes[index].pid, signal);
    else await processes[index].end(signal);
  }

  async function restart(index) {
    const { port, end } = processes[index];
    await end('SIGTERM');
    processes[index] = await run(index, { port, keepPort: true });
    await until(() => isHealthy(port, 1), `member ${index} is back`);
  }

  async function primary() {
    const port = await until(() => primaryAmong(running()), 'a primary');
    return member(processes.findIndex((each) => each.port === port));
  }

  async function stop() {
    await Promise.all(
      processes.map(async (each) => {
        if (each.running()) process.kill(each.pid, 'SIGCONT'); // a frozen member hears no other signal
        await each.end('SIGTERM');
      }),
    );
    if (!dataDir) removeFolder(folder);
  }

  try {
    const started = await Promise.allSettled(Array.from({ length: count }, (_, index) => run(index)));
    processes.push(...started.flatMap(({ value }) => value ?? [])); // first all that run, so that a failure stops them too
    const failed = started.find(({ status }) => status === 'rejected');
    if (failed) throw failed.reason;
    const config = { members: processes.map(({ port }, index) => ({ _id: index, host: `${host}:${port}` })), settings: { ...quickElections, ...settings } };
    await until(() => initiate(processes[0].port, { _id: name, ...config }), 'initiated set');
    await until(() => isHealthy(processes[0].port, count), `${count} healthy members`);
  } catch (error) {
    await stop();
    throw error;
  }

  return {
    uri: `mongodb://${processes.map(({ port }) => `${host}:${port}`).join(',')}/?replicaSet=${name}`,
    version: mongod.version,
    get members() {
      return processes.map((_, index) => member(index));
    },
    kill,
    restart,
    primary,
    stop,
  };
}

/** Sends one admin command to one member; rejects within two seconds when that member is frozen or gone. */
async function ask(port, command) {
  const patience = { connectTimeoutMS: 1_000, serverSelectionTimeoutMS: 1_000 };
  const client = await MongoClient.connect(`mongodb://${host}:${port}/?directConnection=true`, patience);
  try {
    return await client.db('admin').command(command);
  } finally {
    await client.close();
  }
}

/** Until it has worked: members that have just started, on a busy machine, may answer too late. */
async function initiate(port, config) {
  await ask(port, { replSetInitiate: config }).catch((error) => {
    if (error.codeName !== 'AlreadyInitialized') throw error; // the answer of an earlier try was lost
  });
  return true;
}

/** True when the member itself serves, knows a primary and sees `count` serving members. */
async function isHealthy(port, count) {
  const { members, myState } = await ask(port, { replSetGetStatus: 1 });
  const serving = members.filter(({ stateStr }) => ['PRIMARY', 'SECONDARY'].includes(stateStr));
  return [1, 2].includes(myState) && serving.length >= count && members.some(({ stateStr }) => stateStr === 'PRIMARY');
}

/** A primary that lost its majority may believe in itself for a while: the latest election counts. */
async function primaryAmong(ports) {
  const answers = await Promise.all(ports.map((port) => ask(port, { hello: 1 }).then((hello) => ({ port, hello }), () => undefined)));
  const primaries = answers.filter((answer) => answer?.hello.isWritablePrimary);
  const [latest] = primaries.toSorted((a, b) => String(b.hello.electionId).localeCompare(String(a.hello.electionId)));
  return latest?.port;
}

async function until(fact, what) {
  let last;
  for (const limit = Date.now() + healthyMs; Date.now() < limit; await sleep(pollMs)) {
    try {
      const answer = await fact();
      if (answer) return answer;
    } catch (error) {
      last = error;
    }
  }
  throw new Error(`no ${what} within ${healthyMs / 1000} s`, { cause: last });
}
