import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { INestApplication } from '@nestjs/common';
import { getConnectionToken } from '@nestjs/mongoose';
import type { Connection } from 'mongoose';
import mongoose from 'mongoose';
import supertest from 'supertest';
import { bootstrap, type BootstrapOptions } from '../../src/bootstrap.js';

type Client = ReturnType<typeof supertest.agent>;

/** The sample application on a database of its own, and a client for it. */
export interface RunningApp {
  readonly app: INestApplication;
  readonly port: number;
  readonly http: Client;
  readonly connection: Connection;
  /** Everything that requests leave behind, for comparing before and after, in an application that was started with `snapshotEvery: 0`. */
  dump(): Promise<Record<string, unknown[]>>;
  close(): Promise<void>;
}

export async function startApp(suite: string, options: Partial<BootstrapOptions> = {}): Promise<RunningApp> {
  const mongoUri = testDatabase(suite);
  await dropDatabase(mongoUri);
  const app = await bootstrap({ mongoUri, port: 0, logger: false, ...options });
  const connection = app.get<Connection>(getConnectionToken());
  return {
    app,
    port: serverOf(app).address().port,
    connection,
    http: clientOf(app),
    dump: () => dump(connection),
    close: async () => {
      await app.close();
      await dropDatabase(mongoUri);
    },
  };
}

export function clientOf(app: INestApplication): Client {
  return supertest.agent(serverOf(app));
}

/** A connection string that names a database of this worker and suite. */
export function testDatabase(suite: string): string {
  const uri = process.env['TEST_MONGODB_URI'] ?? '';
  return uri.replace(/^([^/]+:\/\/[^/?]+)\/?[^?]*/, `$1/e2e_${process.env['JEST_WORKER_ID'] ?? '1'}_${suite}`);
}

export function newId(): string {
  return new mongoose.Types.ObjectId().toHexString();
}

/** Waits until the check passes: handlers run after the answer. The limit only bounds a failure. */
export async function eventually(check: () => Promise<void> | void): Promise<void> {
  for (const limit = performance.now() + 20_000; ; await new Promise((done) => setTimeout(done, 10))) {
    try {
      await check();
      return;
    } catch (error) {
      if (performance.now() > limit) throw error;
    }
  }
}

/** It listens on a port, so its address is one. */
function serverOf(app: INestApplication): Omit<Server, 'address'> & { address(): AddressInfo } {
  const server: Omit<Server, 'address'> & { address(): AddressInfo } = app.getHttpServer();
  return server;
}

async function dump(connection: Connection): Promise<Record<string, unknown[]>> {
  const collections = (await connection.listCollections()).map(({ name }) => name).filter((name) => name.startsWith('games'));
  // the scheduler makes snapshots of deleted games when it is time, whatever is asked meanwhile; their state is that there is none
  const contents = collections.toSorted().map(async (name) => [name, await connection.collection(name).find(name === 'games_snapshots' ? { state: { $ne: null } } : {}).sort({ _id: 1 }).toArray()] as const);
  return Object.fromEntries(await Promise.all(contents));
}

async function dropDatabase(uri: string): Promise<void> {
  const connection = await mongoose.createConnection(uri).asPromise();
  await connection.dropDatabase();
  await connection.close();
}
