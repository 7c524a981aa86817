import { type DynamicModule, Global, type InjectionToken, Module, type ModuleMetadata, type OnApplicationBootstrap, type OnModuleInit, type OptionalFactoryDependency, type Provider } from '@nestjs/common';
import { ModuleRef, ModulesContainer } from '@nestjs/core';
import { DurableHandlers } from '../delivery/durable-handlers.js';
import type { StorageModuleOptions } from '../options/storage-options.js';
import { startDeliveries } from './deliveries.js';
import { listenToDocuments } from './document-listeners.js';
import { refuseAmbiguousInjection } from './refuse-ambiguous-injection.js';
import { refuseProblems, StorageRoot } from './storage-root.js';
import { storageRootToken } from './tokens.js';

const givenOptionsToken = 'EventSourcedStorageModule options';

/** Options of `forRootAsync()`. */
export interface StorageModuleAsyncOptions extends Pick<ModuleMetadata, 'imports'> {
  /** Makes the options; may be async. */
  readonly useFactory: (...dependencies: never[]) => StorageModuleOptions | Promise<StorageModuleOptions>;
  /** The tokens whose values `useFactory` gets. */
  readonly inject?: readonly (InjectionToken | OptionalFactoryDependency)[];
}

/** The one global part of the module. */
@Global()
@Module({})
export class EventSourcedStorageCoreModule implements OnModuleInit, OnApplicationBootstrap {
  constructor(
    private readonly modules: ModulesContainer,
    private readonly moduleRef: ModuleRef,
  ) {}

  static forRoot(options: StorageModuleOptions): DynamicModule {
    return this.with([], { provide: givenOptionsToken, useValue: options });
  }

  static forRootAsync({ imports, inject, useFactory }: StorageModuleAsyncOptions): DynamicModule {
    return this.with(imports ?? [], { provide: givenOptionsToken, useFactory, inject: [...(inject ?? [])] });
  }

  private static with(imports: NonNullable<ModuleMetadata['imports']>, options: Provider): DynamicModule {
    const root: Provider = {
      provide: storageRootToken,
      useFactory: (given: StorageModuleOptions, moduleRef: ModuleRef) => new StorageRoot(given, moduleRef),
      inject: [givenOptionsToken, ModuleRef],
    };
    const handlers: Provider = { provide: DurableHandlers, useFactory: (made: StorageRoot) => made.durableHandlers, inject: [storageRootToken] };
    return { module: EventSourcedStorageCoreModule, imports, providers: [options, root, handlers], exports: [storageRootToken, DurableHandlers] };
  }

  onModuleInit(): void {
    refuseProblems(this.moduleRef.get<StorageRoot>(storageRootToken).problems);
    refuseAmbiguousInjection(this.modules);
  }

  async onApplicationBootstrap(): Promise<void> {
    const root = this.moduleRef.get<StorageRoot>(storageRootToken);
    try {
      listenToDocuments(root, this.modules, this.moduleRef);
      await startDeliveries(root, this.modules, this.moduleRef);
    } catch (error) {
      // a start that fails is followed by no shutdown: what is open would keep the process alive
      await root.beforeApplicationShutdown();
      throw error;
    }
  }
}
