import type { Connection, Schema } from 'mongoose';
import mongoose from 'mongoose';
import { CacheManagerDocumentCache } from '../cache/cache-manager-document-cache.js';
import type { ImageCodec } from '../cache/encoded-entries.js';
import { NoDocumentCache } from '../cache/no-document-cache.js';
import { inPresentShape } from '../history/upcasters.js';
import { isUnavailable } from '../mongoose/driver-errors.js';
import { prepareCollections } from '../mongoose/indexes.js';
import { MongooseAdoptionStore } from '../mongoose/mongoose-adoption-store.js';
import { MongooseAuditStore } from '../mongoose/mongoose-audit-store.js';
import { MongooseDocumentCommitter } from '../mongoose/mongoose-document-committer.js';
import { MongooseDocumentReader } from '../mongoose/mongoose-document-reader.js';
import { MongooseEventStore } from '../mongoose/mongoose-event-store.js';
import { MongooseHistoryPruner } from '../mongoose/mongoose-history-pruner.js';
import { MongooseHistoryIndex } from '../mongoose/mongoose-history-index.js';
import { MongooseOperationResolver } from '../mongoose/mongoose-operation-resolver.js';
import { MongooseSnapshotStore } from '../mongoose/mongoose-snapshot-store.js';
import { MongooseStreamStore } from '../mongoose/mongoose-stream-store.js';
import { MongooseSweepProgress } from '../mongoose/mongoose-sweep-progress.js';
import { runTransaction } from '../mongoose/run-transaction.js';
import { SchemaCaster } from '../mongoose/schema-caster.js';
import { schemaWarnings } from '../mongoose/schema-warnings.js';
import type { ResolvedFeatureOptions } from '../options/resolve-storage-options.js';
import { EventPublisher } from '../publish/event-publisher.js';
import type { DocumentCache } from '../read/document-cache.js';
import type { TransactionSession } from '../read/document-reader.js';
import type { SnapshotScheduling } from '../maintenance/snapshots.js';
import { StorageEngine } from '../storage-engine.js';
import { AfterCommits } from '../write/after-commits.js';
import { CommitNotices } from './commit-notices.js';
import { FeatureSyncSource } from './feature-sync-source.js';
import { openWatch } from './open-watch.js';
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
  const { flights, sessions, scopes, orphans, feed, leases } = await root.connect(connection);
  const warn = (message: string): void => root.logger.warn(message);
  for (const warning of schemaWarnings(model.schema, options.versionField)) warn(`${name}: ${warning}`);
  // Mongoose first: it knows the options of the collection, and an index that it still builds would hold up the first writes
  await model.init().catch((error: unknown) => warn(`${name}: Mongoose could not prepare its own indexes: ${String(error)}`));
  await prepareCollections(connection, { documents: options.collection, events: options.eventsCollection, snapshots: options.snapshotsCollection, streams: options.streamsCollection });

  const { now, random, newFlightId } = root.options;
  const inTransaction = <R>(run: (session: TransactionSession) => Promise<R>): Promise<R> => runTransaction({ connection, sessions, scopes, options, random }, run);
  const publisher = new EventPublisher(name, options.collection, () => root.eventBus(), warn);
  const isEverywhere = root.options.publish === 'everywhere';
  const notices = new CommitNotices(isEverywhere ? new AfterCommits([]) : publisher);
  const stores = inPresentShape({ events: new MongooseEventStore(connection, options.eventsCollection), snapshots: new MongooseSnapshotStore(connection, options.snapshotsCollection, warn) }, options);
  const streams = new MongooseStreamStore(connection, options.streamsCollection, random);
  const reader = new MongooseDocumentReader(connection, options.collection);
  const caster = new SchemaCaster(model, options.collection, options.versionField);
  const watched = await openWatch(root, feed, connection, stores.events, options);
  const scheduling = (): SnapshotScheduling | undefined =>
    root.options.snapshotScheduler && {
      options: root.options.snapshotScheduler,
      holder: new mongoose.mongo.ObjectId().toHexString(),
      leases,
      index: new MongooseHistoryIndex(connection, options.eventsCollection),
      progress: new MongooseSweepProgress(connection),
      feed: root.options.watchEnabled ? feed : undefined,
    };
  const engine = new StorageEngine(
    {
      committer: new MongooseDocumentCommitter(connection, options, flights, orphans, newFlightId),
      resolver: new MongooseOperationResolver(connection, options, sessions, orphans),
      reader,
      cache: documentCache(root, connection, options, warn),
      ...stores,
      caster,
      scopes,
      afterCommit: new AfterCommits([notices, ...watched.followers]),
      feed: watched.feed,
      hub: watched.hub,
      streams,
      audit: new MongooseAuditStore(connection, options, newFlightId),
      adoption: new MongooseAdoptionStore(connection, options, newFlightId),
      pruner: new MongooseHistoryPruner(connection, { ...options, runTransaction: inTransaction, newFlightId }),
      runTransaction: inTransaction,
      scheduling: scheduling(),
      isUnavailable,
    },
    { options, now, random, newOperationId: () => new mongoose.mongo.ObjectId().toHexString(), warn, watch: { ...watched.settings, publisher: isEverywhere ? publisher : undefined }, checkpoint: root.options.checkpoint },
  );
  root.register(engine);
  root.deliveryFeatures.push({
    model: name,
    connection,
    collection: options.collection,
    eventsCollection: options.eventsCollection,
    events: stores.events,
    streams,
    castId: (id) => caster.castId(id),
    guardCompaction: (guard) => engine.guardCompaction(guard),
  });
  root.syncSources.push(
    new FeatureSyncSource({
      ...options,
      model: name,
      engine,
      events: stores.events,
      reader,
      streams,
      caster,
      notices,
      stateAt: stores.shapes && ((id, version) => engine.stateAt(id, { version })),
      feed: root.options.watchEnabled ? feed : undefined,
    }),
  );
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
