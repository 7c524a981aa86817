import type { Connection, Schema } from 'mongoose';
import mongoose from 'mongoose';
import { CacheManagerDocumentCache } from '../cache/cache-manager-document-cache.js';
import type { ImageCodec } from '../cache/encoded-entries.js';
import { NoDocumentCache } from '../cache/no-document-cache.js';
import { isUnavailable } from '../mongoose/driver-errors.js';
import { prepareCollections } from '../mongoose/indexes.js';
import { MongooseDocumentCommitter } from '../mongoose/mongoose-document-committer.js';
import { MongooseDocumentReader } from '../mongoose/mongoose-document-reader.js';
import { MongooseEventStore } from '../mongoose/mongoose-event-store.js';
import { MongooseOperationResolver } from '../mongoose/mongoose-operation-resolver.js';
import { MongooseSnapshotStore } from '../mongoose/mongoose-snapshot-store.js';
import { runTransaction } from '../mongoose/run-transaction.js';
import { SchemaCaster } from '../mongoose/schema-caster.js';
import { schemaWarnings } from '../mongoose/schema-warnings.js';
import type { ResolvedFeatureOptions } from '../options/resolve-storage-options.js';
import { EventPublisher } from '../publish/event-publisher.js';
import type { DocumentCache } from '../read/document-cache.js';
import { StorageEngine } from '../storage-engine.js';
import type { StorageRoot } from './storage-root.js';

/** What a model of the application has, whatever its documents. */
export interface FeatureModel {
  readonly modelName: string;
  readonly schema: Schema;
  readonly collection: { readonly name: string };
  /** Resolves once Mongoose has built the schema's own indexes. */
  init(): Promise<unknown>;
}

/** The engine of one feature on its model and connection, ready to write. */
export async function openFeature(
  root: StorageRoot,
  name: string,
  model: FeatureModel,
  connection: Connection,
  options: ResolvedFeatureOptions,
): Promise<StorageEngine> {
  const { sessions, scopes, orphans } = await root.connect(connection);
  const warn = (message: string): void => root.logger.warn(message);
  for (const warning of schemaWarnings(model.schema, options.versionField)) warn(`${name}: ${warning}`);
  // Mongoose first: it knows the options of the collection, and an index that it still builds would hold up the first writes
  await model.init().catch((error: unknown) => warn(`${name}: Mongoose could not prepare its own indexes: ${String(error)}`));
  await prepareCollections(connection, { documents: options.collection, events: options.eventsCollection, snapshots: options.snapshotsCollection });

  const { now, random, newFlightId } = root.options;
  const engine = new StorageEngine(
    {
      committer: new MongooseDocumentCommitter(connection, options, sessions, orphans, newFlightId),
      resolver: new MongooseOperationResolver(connection, options, sessions, orphans),
      reader: new MongooseDocumentReader(connection, options.collection),
      cache: documentCache(root, connection, options, warn),
      events: new MongooseEventStore(connection, options.eventsCollection),
      snapshots: new MongooseSnapshotStore(connection, options.snapshotsCollection),
      caster: new SchemaCaster(model, options.collection, options.versionField),
      scopes,
      afterCommit: new EventPublisher(name, options.collection, () => root.eventBus(), warn),
      runTransaction: (run) => runTransaction({ connection, sessions, scopes, options, random }, run),
      isUnavailable,
    },
    { options, now, random, newOperationId: () => new mongoose.mongo.ObjectId().toHexString(), warn },
  );
  root.register(engine);
  return engine;
}

const codec: ImageCodec = {
  serialize: (image) => mongoose.mongo.BSON.serialize(image),
  deserialize: (bytes) => mongoose.mongo.BSON.deserialize(bytes),
};

function documentCache(root: StorageRoot, connection: Connection, options: ResolvedFeatureOptions, warn: (message: string) => void): DocumentCache {
  const given = root.options.cache;
  if (given === false) return new NoDocumentCache();
  return new CacheManagerDocumentCache({
    backend: root.cache(),
    collection: `${connection.name}.${options.collection}`,
    versionField: options.versionField,
    ttlMs: options.cacheTTL,
    // the default cache answers at once: a timer would cost more than the read
    timeoutMs: given === undefined ? 0 : root.options.cacheTimeoutMs,
    codec: given === undefined ? undefined : codec,
    onWarning: warn,
    now: root.options.now,
  });
}
