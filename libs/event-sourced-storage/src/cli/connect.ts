import mongoose, { type Connection } from 'mongoose';
import { exitCodes } from './exit-codes.js';
import { Refusal } from './refusal.js';

/** Where the data are. */
export interface DatabaseOptions {
  readonly uri?: string;
  readonly database?: string;
  readonly timeout: number;
}

/** A connection for a command line: nothing is made by opening it. Aborting gives up what is not open yet. */
export async function connect({ uri, database, timeout }: DatabaseOptions, signal: AbortSignal): Promise<Connection> {
  if (uri === undefined) throw new Refusal('Where is the database? Give --uri, or set MONGODB_URI.', exitCodes.usage);
  const connection = mongoose.createConnection(uri, {
    ...(database === undefined ? {} : { dbName: database }),
    appName: 'nestjs-event-sourced-storage',
    autoCreate: false,
    autoIndex: false,
    serverSelectionTimeoutMS: timeout,
    connectTimeoutMS: timeout,
    socketTimeoutMS: 60_000,
    heartbeatFrequencyMS: 1_000,
  });
  connection.on('error', () => undefined); // what fails is told by the call that failed
  const giveUp = (): void => void connection.close().catch(() => undefined);
  signal.addEventListener('abort', giveUp, { once: true });
  try {
    return await connection.asPromise();
  } catch (error) {
    await connection.close().catch(() => undefined);
    throw error;
  } finally {
    signal.removeEventListener('abort', giveUp);
  }
}
