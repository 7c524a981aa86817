import type { Connection, mongo } from 'mongoose';
import { IndexMismatchError } from '../errors/index-mismatch.error.js';
import { codeOf } from './driver-errors.js';
import { databaseOf } from './raw-collection.js';

/** The collections of one feature. */
export interface FeatureCollections {
  readonly documents: string;
  readonly events: string;
  readonly snapshots: string;
  /** Of the histories that are not plain "from 1". */
  readonly streams: string;
}

/** Name of the index that allows one event per operation of a document, as a duplicate-key error shows it. */
export const operationIndex = '_id.d_1_operationId_1';
/** Name of the index that allows one snapshot per document and number. */
export const snapshotIndex = 'documentId_1_serverSeq_1';

type IndexKey = Readonly<Record<string, 1>>;

const namespaceExists = 48;
/** IndexOptionsConflict, IndexKeySpecsConflict, DuplicateKey: what is there already and the index exclude each other. */
const conflicts: ReadonlySet<unknown> = new Set([85, 86, 11_000]);

/**
 * Makes the collections and unique indexes that are missing, and nothing else: a collection that is younger than a transaction cannot be
 * written in it, and a new index behind an open transaction holds up every writer. Any number of processes may do so at once.
 * @throws IndexMismatchError when another index is in the place of a required one, or stored data break it
 */
export async function prepareCollections(connection: Connection, names: FeatureCollections): Promise<void> {
  const database = databaseOf(connection);
  const existing = await collectionNames(database);
  for (const name of [names.documents, names.events, names.snapshots, names.streams]) {
    if (!existing.has(name)) await createCollection(database, name);
  }
  await ensureUnique(database.collection(names.events), operationIndex, { '_id.d': 1, operationId: 1 });
  await ensureUnique(database.collection(names.snapshots), snapshotIndex, { documentId: 1, serverSeq: 1 });
}

/** Makes collections that are missing and need no index but that of their keys. */
export async function ensureCollections(connection: Connection, names: readonly string[]): Promise<void> {
  const database = databaseOf(connection);
  const existing = await collectionNames(database);
  for (const name of names) if (!existing.has(name)) await createCollection(database, name);
}

async function collectionNames(database: mongo.Db): Promise<ReadonlySet<string>> {
  const found = await database.listCollections({}, { nameOnly: true }).toArray();
  return new Set(found.map(({ name }) => name));
}

async function createCollection(database: mongo.Db, name: string): Promise<void> {
  try {
    await database.createCollection(name);
  } catch (error) {
    if (codeOf(error) !== namespaceExists) throw error;
  }
}

async function ensureUnique(collection: mongo.Collection, name: string, key: IndexKey): Promise<void> {
  const indexes = (await collection.listIndexes().toArray()) as IndexDescription[]; // the driver types them as anything
  const found = indexes.find((index) => sameKey(index.key, key));
  if (found !== undefined) return refuseOther(collection, found);
  try {
    await collection.createIndex(key, { name, unique: true });
  } catch (error) {
    if (!conflicts.has(codeOf(error))) throw error;
    throw new IndexMismatchError(collection.collectionName, name, messageOf(error), { cause: error });
  }
}

interface IndexDescription {
  readonly name?: string;
  readonly key?: unknown;
  readonly unique?: boolean;
  readonly sparse?: boolean;
  readonly hidden?: boolean;
  readonly partialFilterExpression?: unknown;
  readonly collation?: unknown;
}

const restrictingOptions = ['sparse', 'hidden', 'partialFilterExpression', 'collation'] as const;

/** An index over the right fields that does not hold for every record, or is not used, is worse than none: nobody would notice. */
function refuseOther(collection: mongo.Collection, index: IndexDescription): void {
  const restrictions = restrictingOptions.filter((option) => Boolean(index[option]));
  if (index.unique === true && restrictions.length === 0) return;
  const problem = index.unique === true ? `it has the option ${restrictions.join(', ')}` : 'it is not unique';
  throw new IndexMismatchError(collection.collectionName, index.name ?? '', problem);
}

/** The order of the fields is part of an index. */
function sameKey(a: unknown, b: IndexKey): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

/** The server's words without the values of a duplicate key, which may be secret. */
function messageOf(error: unknown): string {
  if (codeOf(error) === 11_000) return 'several stored records have the same values in its fields';
  return error instanceof Error ? error.message : String(error);
}
