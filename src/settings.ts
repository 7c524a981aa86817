/** What the environment sets. Each function says in its error what is wrong and what would be right. */
type Environment = Readonly<Record<string, string | undefined>>;

/** `MONGODB_URI`: the replica set to use. Required. */
export function readMongoUri(environment: Environment): string {
  const uri = environment['MONGODB_URI'];
  if (uri === undefined || uri === '') {
    throw new Error('MONGODB_URI is missing. Set it to a replica set, for example mongodb://127.0.0.1:27017/?replicaSet=rs0, or use npm start, which brings one.');
  }
  if (!/^mongodb(\+srv)?:\/\/./.test(uri)) throw new Error('MONGODB_URI must start with mongodb:// or mongodb+srv://.');
  return uri;
}

/** `PORT`: where the application listens, 3000 by default; 0 is any free one. */
export function readPort(environment: Environment): number {
  return readInteger(environment, 'PORT', { min: 0, max: 65_535, default: 3_000 });
}

/** `SNAPSHOT_EVERY`: after how many events a game gets a new snapshot, 100 by default. */
export function readSnapshotEvery(environment: Environment): number {
  return readInteger(environment, 'SNAPSHOT_EVERY', { min: 1, max: 1_000_000, default: 100 });
}

/** The database that a connection string names, or `game`. */
export function databaseOf(mongoUri: string): string {
  const [, path = ''] = /^[^/]+:\/\/[^/?]+\/([^?]*)/.exec(mongoUri) ?? [];
  return path === '' ? 'game' : decodeURIComponent(path);
}

function readInteger(environment: Environment, name: string, range: { readonly min: number; readonly max: number; readonly default: number }): number {
  const text = environment[name];
  if (text === undefined || text === '') return range.default;
  const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= range.min && value <= range.max) return value;
  throw new Error(`${name} must be a whole number from ${range.min} to ${range.max}, it is "${text}".`);
}
