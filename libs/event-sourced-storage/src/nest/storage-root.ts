import { type BeforeApplicationShutdown, Logger, type OnApplicationBootstrap } from '@nestjs/common';
import type { ModuleRef } from '@nestjs/core';
import { EventBus } from '@nestjs/cqrs';
import type { Connection } from 'mongoose';
import mongoose from 'mongoose';
import { createDefaultCache } from '../cache/create-default-cache.js';
import { LimitedWarnings } from '../cache/limited-warnings.js';
import { DurableHandlers } from '../delivery/durable-handlers.js';
import { InvalidOptionsError } from '../errors/invalid-options.error.js';
import type { LeaseStore } from '../leases/lease-store.js';
import { FlightSessions } from '../mongoose/flight-sessions.js';
import { MongooseChangeFeed } from '../mongoose/mongoose-change-feed.js';
import { MongooseLeaseStore } from '../mongoose/mongoose-lease-store.js';
import { MongooseTransactionScopes } from '../mongoose/mongoose-transaction-scopes.js';
import { Orphans } from '../mongoose/orphans.js';
import { ProcessLease } from '../mongoose/process-lease.js';
import { clientWarnings } from '../mongoose/schema-warnings.js';
import { checkTopology } from '../mongoose/topology.js';
import { within } from '../mongoose/within.js';
import { type ResolvedFeatureOptions, type ResolvedModuleOptions, resolveModuleOptions } from '../options/resolve-storage-options.js';
import type { CacheBackend, StorageModuleOptions } from '../options/storage-options.js';
import type { PublishingBus } from '../publish/event-publisher.js';
import type { StorageEngine } from '../storage-engine.js';
import type { SyncSource } from '../sync/sync-source.js';
import type { DeliveryFeature } from './delivery-feature.js';

/** How long a shutdown waits for a database that may be gone, in ms. A lease that stays behind is taken for dead after five seconds. */
const releaseMs = 1_000;

/** What the features on one connection share. */
export interface SharedConnection {
  readonly lease: ProcessLease;
  readonly orphans: Orphans;
  readonly leases: LeaseStore;
  /** For the commits of the queues. */
  readonly flights: FlightSessions;
  /** For all other transactions. */
  readonly sessions: FlightSessions;
  /** Opened when somebody first listens. */
  readonly feed: MongooseChangeFeed;
  readonly scopes: MongooseTransactionScopes;
}

/** What all features share, made once by `forRoot()`: options, cache, sessions; and the list of what has to be closed. */
export class StorageRoot implements OnApplicationBootstrap, BeforeApplicationShutdown {
  readonly logger: Logger = new Logger('EventSourcedStorage');
  readonly options: ResolvedModuleOptions;
  readonly given: StorageModuleOptions;
  /** What is wrong with the module's options; told together with what is wrong with the features'. */
  readonly problems: readonly string[];
  /** What clients may follow, once the features are open. */
  readonly syncSources: SyncSource[] = [];
  /** What durable handlers may handle, once the features are open. */
  readonly deliveryFeatures: DeliveryFeature[] = [];
  readonly durableHandlers: DurableHandlers;
  /** Ends what writes by itself, before the storages close. */
  stopDeliveries: (() => Promise<void>) | undefined;
  private readonly connections = new Map<Connection, Promise<SharedConnection>>();
  private readonly collections = new Map<string, string>();
  private readonly engines: StorageEngine[] = [];
  private backend: CacheBackend | undefined;
  private bus: PublishingBus | null | undefined;

  constructor(
    given: StorageModuleOptions | undefined,
    private readonly moduleRef: ModuleRef,
  ) {
    this.given = given ?? {};
    const problems: string[] = [];
    this.options = resolveModuleOptions(given as StorageModuleOptions, problems);
    this.problems = problems;
    this.durableHandlers = new DurableHandlers(this.options.now);
  }

  /** The backend of all caches; the default one is made when it is first needed. */
  cache(): CacheBackend {
    if (typeof this.options.cache === 'object') return this.options.cache;
    this.backend ??= createDefaultCache({ maxBytes: this.options.cacheMaxBytes });
    return this.backend;
  }

  /** Checks a connection once, however many features use it. @throws UnsupportedTopologyError */
  connect(connection: Connection): Promise<SharedConnection> {
    let shared = this.connections.get(connection);
    if (shared === undefined) this.connections.set(connection, (shared = this.open(connection)));
    return shared;
  }

  /** Two features must not share a collection: they would fight over its documents. @returns the problems found */
  claim(connection: Connection, feature: string, options: ResolvedFeatureOptions): string[] {
    return [options.collection, options.eventsCollection, options.snapshotsCollection, options.streamsCollection].flatMap((name) => {
      const key = JSON.stringify([connection.host, connection.port, connection.name, name]);
      const owner = this.collections.get(key);
      this.collections.set(key, feature);
      return owner === undefined ? [] : [`forFeature "${feature}": the collection "${name}" is already used by feature "${owner}"`];
    });
  }

  register(engine: StorageEngine): void {
    this.engines.push(engine);
  }

  /** The application's bus, `undefined` when it has none. Looked up late: features are made before the application is complete. */
  eventBus(): PublishingBus | undefined {
    if (this.options.publish === 'never') return undefined;
    if (this.bus === undefined) this.bus = this.findBus();
    return this.bus ?? undefined;
  }

  /**
   * What runs by itself begins when the application is complete, and the others are listened to before it is up. A stream that cannot be
   * opened yet holds up nothing: it is tried again behind the scenes.
   */
  async onApplicationBootstrap(): Promise<void> {
    for (const engine of this.engines) void engine.startWatching();
    for (const engine of this.engines) engine.start();
    await Promise.all([...this.connections.values()].map(async (shared) => (await shared).feed.tried()));
  }

  /** Every write taken is settled before the application goes on closing. Twice is harmless. */
  async beforeApplicationShutdown(): Promise<void> {
    await this.stopDeliveries?.();
    await Promise.all(this.engines.map((engine) => engine.close()));
    for (const opened of this.connections.values()) {
      const shared = await opened.catch(() => undefined);
      await within('closing the change stream', releaseMs, shared?.feed.close() ?? Promise.resolve()).catch(() => undefined);
      await shared?.flights.close();
      await shared?.sessions.close();
      await within('releasing the lease', releaseMs, shared?.lease.release() ?? Promise.resolve()).catch((error: unknown) => this.logger.warn(`The lease of this process stays behind: ${String(error)}`));
    }
  }

  private findBus(): PublishingBus | null {
    try {
      return this.moduleRef.get<PublishingBus>(EventBus, { strict: false });
    } catch {
      this.logger.warn('No EventBus found: document events are not published. Import CqrsModule.forRoot(), or set publish: "never".');
      return null;
    }
  }

  private async open(connection: Connection): Promise<SharedConnection> {
    await connection.asPromise();
    await checkTopology(connection);
    for (const warning of clientWarnings(connection)) this.logger.warn(warning);
    const lease = new ProcessLease(connection);
    const orphans = new Orphans(lease, (message) => this.logger.warn(message));
    const { now, random } = this.options;
    // apart from those of transactions: there the application may do more than this process knows of
    const flights = new FlightSessions(() => connection.getClient(), lease, (wasKilled) => feed.sessionsChanged(wasKilled));
    const sessions = new FlightSessions(() => connection.getClient(), lease);
    const warnings = new LimitedWarnings((message) => this.logger.warn(message), now);
    const feed = new MongooseChangeFeed(connection, { warn: (message) => warnings.warn(message), now, random, ownSessions: () => flights.ids() });
    return {
      lease,
      orphans,
      leases: new MongooseLeaseStore(connection, orphans),
      flights,
      sessions,
      feed,
      scopes: new MongooseTransactionScopes(connection, () => new mongoose.mongo.ObjectId().toHexString()),
    };
  }
}

/** @throws InvalidOptionsError when there is any problem */
export function refuseProblems(problems: readonly string[]): void {
  if (problems.length > 0) throw new InvalidOptionsError(problems);
}
