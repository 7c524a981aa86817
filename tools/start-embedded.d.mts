import type { Mongod } from './resolve-mongod.mjs';

export interface EmbeddedOptions {
  /** Where the data lies; the folder stays after `stop()`. Without it: a temporary folder that `stop()` removes. */
  readonly dataDir?: string;
  /** Taken when it is free, else another one is. `0` (default): any free port. */
  readonly port?: number;
  /** Name of the replica set, `rs0` by default. */
  readonly name?: string;
  /** More arguments for mongod. */
  readonly args?: readonly string[];
  /** The server to run; found by `resolveMongod()` otherwise. */
  readonly mongod?: Mongod;
}

/** How a process ended; both `null`: it could not be started at all. */
export interface ProcessEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface EmbeddedMongod {
  /** With the name of the replica set, without a database. */
  readonly uri: string;
  readonly port: number;
  readonly pid: number;
  readonly version: string;
  /** Where the server came from, in words. */
  readonly source: string;
  readonly dataDir: string;
  /** Resolves when mongod ends, for whatever reason. */
  readonly exited: Promise<ProcessEnd>;
  /** Ends mongod cleanly. Harmless when it is gone already. */
  stop(): Promise<void>;
}

/**
 * Starts one mongod on 127.0.0.1 as a replica set of one and resolves once it takes writes. A folder of an earlier run is
 * taken up again, on another port too. When this process dies, mongod ends within a second.
 */
export declare function startEmbedded(options?: EmbeddedOptions): Promise<EmbeddedMongod>;
