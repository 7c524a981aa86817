import type mongoose from 'mongoose';
import type { Connection } from 'mongoose';
import { databaseOf, driverDefaults } from './raw-collection.js';

/** What the server answers to `update` and `insert`. */
export interface WriteAnswer {
  /** Documents matched or created. */
  readonly n: number;
  readonly upserted?: readonly { readonly index: number }[];
}

interface WriteError {
  readonly index: number;
  readonly code: number;
  /** Many servers name only what refuses a whole command. */
  readonly codeName?: string;
  readonly errmsg: string;
}

/** The server refused one statement, and with it the transaction. Has the shape of the driver's own bulk errors. */
class WriteRefusedError extends Error {
  override readonly name = 'WriteRefusedError';
  readonly code: number;
  readonly codeName: string | undefined;

  constructor(readonly writeErrors: readonly [WriteError, ...WriteError[]]) {
    const [{ code, codeName, errmsg }] = writeErrors;
    super(errmsg);
    this.code = code;
    this.codeName = codeName;
  }
}

/**
 * Sends a write command as it is. The driver's bulk API measures every statement before it sends it, which for a flight is a good part of
 * the work of a commit; our statements are measured already.
 * @throws WriteRefusedError for a statement that was refused, and what the driver throws for the command
 */
export async function runWrites(connection: Connection, command: Readonly<Record<string, unknown>>, session: mongoose.mongo.ClientSession): Promise<WriteAnswer> {
  const answer = (await databaseOf(connection).command(command, { session, ...driverDefaults })) as WriteAnswer & { readonly writeErrors?: readonly WriteError[] };
  const [first, ...others] = answer.writeErrors ?? [];
  if (first !== undefined) throw new WriteRefusedError([first, ...others]);
  return answer;
}
