/**
 * Starts one replica set for a whole test run, or takes the one of `MONGODB_URI`, and exports it to the workers:
 * `TEST_MONGODB_URI`, and `TEST_MONGOD` (JSON with `path` and `version`) for suites that start servers of their own.
 * @throws when there is none to be had: the run must fail.
 */
export declare function startTestDatabase(): Promise<void>;

export declare function stopTestDatabase(): Promise<void>;
