import type { Mongod } from './resolve-mongod.mjs';

export interface ReplicaSetOptions {
  /** How many, 3 by default. */
  readonly members?: number;
  /** A new folder for the data, which stays. Without it: a temporary one that `stop()` removes. */
  readonly dataDir?: string;
  /** Name of the replica set, `rs0` by default. */
  readonly name?: string;
  /** More arguments for each mongod. */
  readonly args?: readonly string[];
  /** Replica set settings beside `electionTimeoutMillis: 1000` and `heartbeatIntervalMillis: 200`. */
  readonly settings?: Readonly<Record<string, unknown>>;
  /** The server to run; found by `resolveMongod()` otherwise. */
  readonly mongod?: Mongod;
}

export interface ReplicaSetMember {
  readonly index: number;
  readonly host: string;
  readonly port: number;
  readonly pid: number;
}

export interface ReplicaSet {
  /** Names all members and the set, without a database. */
  readonly uri: string;
  readonly version: string;
  /** As they are now: a restart changes the `pid`, never the port. */
  readonly members: readonly ReplicaSetMember[];
  /** Sends a signal, `SIGKILL` by default, and waits until the process is gone. `SIGSTOP` freezes it, `SIGCONT` thaws it: both return at once. */
  kill(index: number, signal?: NodeJS.Signals): Promise<void>;
  /** Starts a member again (a running one is ended first) on its port and data; resolves once it serves. The others must have a majority with it. */
  restart(index: number): Promise<void>;
  /** The member that takes writes; waits for an election, 60 s at most. */
  primary(): Promise<ReplicaSetMember>;
  /** Ends all members. */
  stop(): Promise<void>;
}

/** Starts a set of mongods on 127.0.0.1 that elects a new primary within about two seconds; resolves once all members serve. */
export declare function startReplicaSet(options?: ReplicaSetOptions): Promise<ReplicaSet>;
