import type { Connection, mongo } from 'mongoose';

/** Connection-wide settings of the application that would change what the storage reads are put back to the driver's defaults. */
export const driverDefaults: mongo.CollectionOptions & { readonly readPreference: 'primary' } = {
  readPreference: 'primary',
  promoteLongs: true,
  promoteValues: true,
  promoteBuffers: false,
  useBigInt64: false,
  bsonRegExp: false,
  raw: false,
};

/**
 * A collection of the driver on the connection's database, read from the primary and in the driver's default shape.
 * @throws Error before the connection was opened
 */
export function rawCollection<T extends object>(connection: Connection, name: string): mongo.Collection<T> {
  return databaseOf(connection).collection<T>(name, driverDefaults);
}

/** The connection's database. @throws Error before the connection was opened */
export function databaseOf(connection: Connection): mongo.Db {
  if (connection.db === undefined) throw new Error(`The Mongoose connection to "${connection.name}" is not open. Await its opening before the storage is used.`);
  return connection.db;
}
