/** A server program found on this machine. */
export interface Mongod {
  readonly path: string;
  /** As it prints it, for example `6.0.5`. */
  readonly version: string;
  /** Which way it was found, in words. */
  readonly source: string;
}

/**
 * Finds a mongod in this order: `MONGOMS_SYSTEM_BINARY`, the memory-server's cache, the cache of the Python wheel, the
 * memory-server's download (when its server answers within 4 seconds), `mongod` on the PATH (6.0 or newer), the Python wheel.
 * In a test run the answer of the global set-up (`TEST_MONGOD`) is taken.
 * @throws one error that lists what was tried and what helps.
 */
export declare function resolveMongod(options?: { readonly log?: (text: string) => void }): Promise<Mongod>;
