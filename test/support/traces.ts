import type { Connection } from 'mongoose';
import { canonical } from './canonical.js';

/** Everything that is stored in a database, to be compared before and after: what leaves no trace leaves it as it is. */
export async function everythingStored(connection: Connection): Promise<Record<string, string[]>> {
  const database = connection.getClient().db(connection.name);
  const collections = await database.listCollections({ type: 'collection' }, { nameOnly: true }).toArray();
  const contents = collections
    .map(({ name }) => name)
    .filter((name) => !name.startsWith('ess_')) // leases of running processes: they beat
    .toSorted()
    .map(async (name) => {
      const records = await database.collection(name).find({}, { promoteValues: false, sort: { _id: 1 } }).toArray();
      return [name, records.map((record) => canonical(record))] as const;
    });
  return Object.fromEntries(await Promise.all(contents));
}
