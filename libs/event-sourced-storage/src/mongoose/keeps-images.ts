import type { Connection } from 'mongoose';
import { databaseOf } from './raw-collection.js';

/** Whether the server keeps images of the collection's documents before and after each change. */
export async function keepsImages(connection: Connection, collection: string): Promise<boolean> {
  const [found] = await databaseOf(connection).listCollections({ name: collection }).toArray();
  const options = (found as { readonly options?: { readonly changeStreamPreAndPostImages?: { readonly enabled?: boolean } } } | undefined)?.options;
  return options?.changeStreamPreAndPostImages?.enabled === true;
}
