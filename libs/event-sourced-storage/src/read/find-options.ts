import type { TransactionSession } from './document-reader.js';

/** Options of `findOne`. */
export interface FindOptions {
  /** Ask the primary, and have it confirmed that it still is one. Default `false`: the cache may answer. */
  readonly fresh?: boolean;
  /** Read inside this transaction of yours; the cache is not asked. Default: none. */
  readonly session?: TransactionSession;
  /** Aborted before the call: it rejects with the signal's reason. Later it stops a `fresh` read only; others may serve several callers. */
  readonly signal?: AbortSignal;
}

/** Options of `findMany`. */
export interface FindManyOptions {
  /** By field: 1 ascending, -1 descending. Default: as the server finds them. */
  readonly sort?: Readonly<Record<string, 1 | -1>>;
  /** How many to pass over. Default 0. */
  readonly skip?: number;
  /** At most so many, 1 to 1,000; `0` is refused. Default 1,000. */
  readonly limit?: number;
  /** Fields to show (`1`) or to leave out (`0`), not mixed. Default: all. Such results never enter the cache. */
  readonly projection?: Readonly<Record<string, 0 | 1>>;
  /** Read inside this transaction of yours. Default: none. */
  readonly session?: TransactionSession;
  /** Ends the query when aborted: it rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}
