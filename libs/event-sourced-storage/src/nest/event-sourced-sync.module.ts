import { type BeforeApplicationShutdown, type DynamicModule, Inject, Injectable, Logger, Module, type ModuleMetadata, type Provider } from '@nestjs/common';
import type { InjectionToken, OptionalFactoryDependency } from '@nestjs/common';
import { InvalidOptionsError } from '../errors/invalid-options.error.js';
import { createSyncController, syncEndpointsToken } from '../sync/sync.controller.js';
import { SyncEndpoints } from '../sync/sync-endpoints.js';
import { SyncHub } from '../sync/sync-hub.js';
import type { SyncMetrics } from '../sync/sync-metrics.js';
import { type ResolvedSyncOptions, resolveSyncOptions, type SyncModuleOptions } from '../sync/sync-options.js';
import type { StreamInfo } from '../sync/sync-stream.js';
import type { StorageRoot } from './storage-root.js';
import { storageRootToken } from './tokens.js';

const optionsToken = 'EventSourcedSyncModule options';
const hubToken = 'EventSourcedSyncModule hub';

/** Where the routes are, beside what may come from a factory. */
export interface SyncRootOptions extends SyncModuleOptions {
  /** The path of the routes, below the application's global prefix. @default 'sync' */
  path?: string;
}

/** Options of `EventSourcedSyncModule.forRootAsync()`. */
export interface SyncModuleAsyncOptions extends Pick<ModuleMetadata, 'imports'> {
  /** As in `forRoot()`: it has to be known before the application starts. @default 'sync' */
  readonly path?: string;
  /** Makes the options; may be async. `authorizeStream` has to be among them. */
  readonly useFactory: (...dependencies: never[]) => SyncModuleOptions | Promise<SyncModuleOptions>;
  /** The tokens whose values `useFactory` gets. */
  readonly inject?: readonly (InjectionToken | OptionalFactoryDependency)[];
}

/** What an application can do with the streams that are open: count them, and end some. */
@Injectable()
export class EventSourcedSync implements BeforeApplicationShutdown {
  constructor(@Inject(hubToken) private readonly hub: SyncHub) {}

  /** What the sync server counts. */
  get metrics(): SyncMetrics {
    return this.hub.metrics;
  }

  /**
   * Ends the streams that the predicate chooses, for example those of a user whose rights were taken: they say `bye token`, and their clients
   * come back to be authorised anew.
   * @returns how many
   */
  kick(predicate: (stream: StreamInfo) => boolean): number {
    return this.hub.kick(predicate);
  }

  /** Says `bye shutdown` to every stream and waits for them, so that the HTTP server can close. Called by Nest; twice is harmless. */
  beforeApplicationShutdown(): Promise<void> {
    return this.hub.close();
  }
}

/**
 * Serves the documents of the storages to clients that keep a replica: JSON and server-sent events. Closed: without `authorizeStream` there
 * are no routes. Guards of the application apply as to any controller. Needs `EventSourcedStorageModule.forRoot()`.
 */
@Module({})
export class EventSourcedSyncModule {
  /**
   * Import it once.
   * @throws InvalidOptionsError
   */
  static forRoot({ path = 'sync', ...options }: SyncRootOptions = {}): DynamicModule {
    if (options.authorizeStream === undefined) {
      new Logger('EventSourcedSync').warn('No authorizeStream: the sync routes are not mounted.');
      return { module: EventSourcedSyncModule };
    }
    return mounted(path, [], { provide: optionsToken, useValue: resolveSyncOptions(options) });
  }

  /** The same with options that come from other providers. The application refuses to start when the factory gives no `authorizeStream`. */
  static forRootAsync({ path = 'sync', imports = [], inject = [], useFactory }: SyncModuleAsyncOptions): DynamicModule {
    const make = async (...dependencies: never[]): Promise<ResolvedSyncOptions> => resolveSyncOptions(await useFactory(...dependencies));
    return mounted(path, imports, { provide: optionsToken, useFactory: make, inject: [...inject] });
  }
}

function mounted(path: string, imports: NonNullable<ModuleMetadata['imports']>, options: Provider): DynamicModule {
  if (!/^[\w./-]+$/.test(path)) throw new InvalidOptionsError([`EventSourcedSyncModule: path must be a path of plain characters, it is "${path}"`]);
  const logger = new Logger('EventSourcedSync');
  const warn = (message: string): void => logger.warn(message);
  return {
    module: EventSourcedSyncModule,
    imports,
    controllers: [createSyncController(path)],
    providers: [
      options,
      { provide: hubToken, useFactory: (resolved: ResolvedSyncOptions) => new SyncHub(resolved, warn), inject: [optionsToken] },
      {
        provide: syncEndpointsToken,
        useFactory: (resolved: ResolvedSyncOptions, hub: SyncHub, root: StorageRoot) => new SyncEndpoints(resolved, hub, () => root.syncSources, warn),
        inject: [optionsToken, hubToken, storageRootToken],
      },
      EventSourcedSync,
    ],
    exports: [EventSourcedSync],
  };
}
