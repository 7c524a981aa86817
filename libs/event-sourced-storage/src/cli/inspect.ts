import mongoose, { type Connection } from 'mongoose';
import { operationIndex, snapshotIndex } from '../mongoose/indexes.js';
import { leasesCollection } from '../mongoose/process-lease.js';
import { checkTopology } from '../mongoose/topology.js';
import type { CollectionNames } from './collections.js';
import type { Finding } from './finding.js';
import { rightsFindings } from './rights.js';

type Look = (connection: Connection, names: CollectionNames, uri: string) => Promise<Finding[]>;

const unauthorized = 13;

/** Looks at everything and changes nothing. */
export async function inspect(connection: Connection, names: CollectionNames, uri: string): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const [topic, look] of Object.entries(looks) as [Finding['topic'], Look][]) findings.push(...(await allowed(topic, () => look(connection, names, uri))));
  return findings;
}

const looks: Readonly<Record<Finding['topic'], Look>> = { topology, collections, indexes, rights, client, generation, feed };

async function topology(connection: Connection): Promise<Finding[]> {
  const admin = connection.getClient().db('admin');
  const { version } = (await admin.command({ buildInfo: 1 })) as { readonly version: string };
  try {
    await checkTopology(connection);
  } catch (error) {
    return [{ level: 'missing', topic: 'topology', message: (error as Error).message }];
  }
  const { setName, hosts = [] } = (await admin.command({ hello: 1 })) as { readonly setName?: string; readonly hosts?: readonly string[] };
  return [{ level: 'ok', topic: 'topology', message: setName === undefined ? `MongoDB ${version}, sharded cluster` : `MongoDB ${version}, replica set "${setName}" of ${hosts.length}` }];
}

async function collections(connection: Connection, names: CollectionNames): Promise<Finding[]> {
  const existing = new Map((await connection.listCollections()).map((each) => [each.name, each as { readonly name: string; readonly type?: string; readonly options?: { readonly capped?: boolean } }]));
  return Object.entries(names).map(([role, name]: [string, string]): Finding => {
    const found = existing.get(name);
    if (found === undefined) return { level: 'missing', topic: 'collections', message: `${role}: there is no "${name}"` };
    if (found.type !== undefined && found.type !== 'collection') return { level: 'missing', topic: 'collections', message: `${role}: "${name}" is a ${found.type}` };
    if (found.options?.capped === true) return { level: 'missing', topic: 'collections', message: `${role}: "${name}" is capped: the server removes what is oldest` };
    return { level: 'ok', topic: 'collections', message: `${role}: ${name}` };
  });
}

interface IndexFacts {
  readonly name?: string;
  readonly key: Readonly<Record<string, unknown>>;
  readonly unique?: boolean;
  readonly sparse?: boolean;
  readonly hidden?: boolean;
  readonly partialFilterExpression?: unknown;
  readonly collation?: unknown;
}

async function indexes(connection: Connection, names: CollectionNames): Promise<Finding[]> {
  return Promise.all([
    uniqueIndex(connection, names.events, operationIndex, { '_id.d': 1, operationId: 1 }),
    uniqueIndex(connection, names.snapshots, snapshotIndex, { documentId: 1, serverSeq: 1 }),
  ]);
}

async function uniqueIndex(connection: Connection, collection: string, name: string, key: object): Promise<Finding> {
  const found = (await connection.collection(collection).listIndexes().toArray().catch(noCollection)) as readonly IndexFacts[];
  const index = found.find((each) => JSON.stringify(each.key) === JSON.stringify(key));
  if (index === undefined) return { level: 'missing', topic: 'indexes', message: `${collection}: there is no "${name}"; the storage makes it when it starts` };
  const isWhole = index.unique === true && [index.sparse, index.hidden, index.partialFilterExpression, index.collation].every((restriction) => restriction === undefined || restriction === false);
  return isWhole
    ? { level: 'ok', topic: 'indexes', message: `${collection}: ${index.name ?? name}` }
    : { level: 'missing', topic: 'indexes', message: `${collection}: "${index.name ?? name}" is not unique over all records` };
}

function noCollection(error: unknown): [] {
  if ((error as { readonly codeName?: unknown }).codeName === 'NamespaceNotFound') return [];
  throw error;
}

async function rights(connection: Connection, names: CollectionNames): Promise<Finding[]> {
  const { authInfo } = (await connection.getClient().db('admin').command({ connectionStatus: 1, showPrivileges: true })) as { readonly authInfo: Parameters<typeof rightsFindings>[0] };
  return rightsFindings(authInfo, connection.name, { ...names, leases: leasesCollection });
}

/** What the address itself says: options that the application gives in code are not seen here. */
async function client(_connection: Connection, _names: CollectionNames, uri: string): Promise<Finding[]> {
  const unopened = new mongoose.mongo.MongoClient(uri);
  const { socketTimeoutMS = 0, heartbeatFrequencyMS = 10_000, writeConcern, readPreference, retryWrites = true } = unopened.options as Partial<typeof unopened.options>; // the typings promise what is not set
  await unopened.close();
  const findings: Finding[] = [];
  const add = (level: Finding['level'], message: string): void => void findings.push({ level, topic: 'client', message });
  if (socketTimeoutMS === 0) add('note', 'socketTimeoutMS is not in the address: give the application 5_000, or a server that stops answering holds up writes for half a minute');
  if (heartbeatFrequencyMS >= 10_000) add('note', 'heartbeatFrequencyMS is not in the address: give the application 1_000, or a new primary is noticed late');
  if (writeConcern?.w !== undefined && writeConcern.w !== 'majority') add('warning', `w=${String(writeConcern.w)} in the address: the storage commits with majority, other writes of the application do not`);
  if (readPreference !== undefined && readPreference.mode !== 'primary') add('warning', `readPreference=${readPreference.mode} in the address: the storage reads from the primary all the same`);
  if (!retryWrites) add('warning', 'retryWrites=false in the address: a new primary fails writes of the application that could be repeated');
  return findings.length === 0 ? [{ level: 'ok', topic: 'client', message: 'the address has the recommended options' }] : findings;
}

async function generation(connection: Connection, names: CollectionNames): Promise<Finding[]> {
  const record = await connection.collection(names.streams).findOne({ _id: { $eq: { reserved: 'generation' } } } as object);
  const kept = (record as { readonly generation?: string } | null)?.generation;
  return [{ level: 'ok', topic: 'generation', message: kept === undefined ? 'the first one: epochs were never renewed' : `${kept}: epochs were renewed` }];
}

async function feed(connection: Connection, names: CollectionNames): Promise<Finding[]> {
  const stream = connection.getClient().db(connection.name).collection(names.events).watch([], { maxAwaitTimeMS: 100 });
  try {
    await stream.tryNext();
    return [{ level: 'ok', topic: 'feed', message: 'commits can be watched' }];
  } catch (error) {
    return [{ level: 'missing', topic: 'feed', message: `commits cannot be watched: ${(error as Error).message}` }];
  } finally {
    await stream.close();
  }
}

/** What may not be looked at is an answer, too. */
async function allowed(topic: Finding['topic'], look: () => Promise<Finding[]>): Promise<Finding[]> {
  try {
    return await look();
  } catch (error) {
    if ((error as { readonly code?: unknown }).code !== unauthorized) throw error;
    return [{ level: 'missing', topic, message: `the user may not look at this: ${(error as Error).message}` }];
  }
}
