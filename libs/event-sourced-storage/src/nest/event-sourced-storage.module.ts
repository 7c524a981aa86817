import { type DynamicModule, Module, type Provider, Scope } from '@nestjs/common';
import { getConnectionToken, getModelToken, type ModelDefinition, MongooseModule } from '@nestjs/mongoose';
import type { Connection } from 'mongoose';
import { InvalidOptionsError } from '../errors/invalid-options.error.js';
import { EventSourcedStorageService } from '../event-sourced-storage.service.js';
import { type ResolvedFeatureOptions, resolveFeatureOptions } from '../options/resolve-storage-options.js';
import type { FeatureOptions, StorageModuleOptions } from '../options/storage-options.js';
import type { StorageEngine } from '../storage-engine.js';
import { EventSourcedStorageCoreModule, type StorageModuleAsyncOptions } from './event-sourced-storage-core.module.js';
import { type FeatureModel, openFeature } from './open-feature.js';
import { refuseProblems, type StorageRoot } from './storage-root.js';
import { getEventSourcedStorageToken, storageRootToken } from './tokens.js';

/** One entry of `forFeature()`: a Mongoose model definition and the options of its storage. */
export interface FeatureDefinition extends ModelDefinition, FeatureOptions {}

/**
 * Gives injectable storages whose every document change commits together with one event.
 *
 * `forRoot()` once, beside the application's own `MongooseModule.forRoot()` and `CqrsModule.forRoot()`; `forFeature()` wherever a storage
 * is injected, instead of `MongooseModule.forFeature()`. The application refuses to start on wrong options (`InvalidOptionsError`), without
 * a replica set (`UnsupportedTopologyError`) and without its indexes (`IndexMismatchError`).
 */
@Module({})
export class EventSourcedStorageModule {
  /**
   * What all features share. Import it once; it is global. Wrong options stop the application at start (`InvalidOptionsError`), not here.
   * @param options all have defaults, see {@link StorageModuleOptions}
   */
  static forRoot(options: StorageModuleOptions = {}): DynamicModule {
    return { module: EventSourcedStorageModule, imports: [EventSourcedStorageCoreModule.forRoot(options)] };
  }

  /** The same with options that come from other providers. */
  static forRootAsync(options: StorageModuleAsyncOptions): DynamicModule {
    return { module: EventSourcedStorageModule, imports: [EventSourcedStorageCoreModule.forRootAsync(options)] };
  }

  /**
   * Registers Mongoose models and provides the storage of each under `getEventSourcedStorageToken(name)`. With exactly one entry the bare
   * class `EventSourcedStorageService` is a token too.
   * @param connectionName the Mongoose connection; left out for the unnamed one
   */
  static forFeature(features: readonly FeatureDefinition[], connectionName?: string): DynamicModule {
    if (!isList(features)) {
      throw new InvalidOptionsError(['forFeature: give an array of at least one entry, for example [{ name: Game.name, schema: GameSchema }]']);
    }
    const storages = Symbol('storages');
    const providers: Provider[] = [
      {
        provide: storages,
        useFactory: (root: StorageRoot, connection: Connection, ...models: FeatureModel[]) => openAll(root, connection, features, models),
        inject: [storageRootToken, getConnectionToken(connectionName), ...features.map(({ name }) => getModelToken(name, connectionName))],
      },
      ...features.map(({ name }, index) => ({
        provide: getEventSourcedStorageToken(name, connectionName),
        useFactory: (engines: readonly StorageEngine[]) => new EventSourcedStorageService(engines[index] as StorageEngine),
        inject: [storages],
      })),
      bareClass(features.map(({ name }) => name), connectionName),
    ];
    return {
      module: EventSourcedStorageModule,
      imports: [MongooseModule.forFeature(features.map(modelDefinition), connectionName)],
      providers,
      exports: [MongooseModule, EventSourcedStorageService, ...features.map(({ name }) => getEventSourcedStorageToken(name, connectionName))],
    };
  }
}

async function openAll(root: StorageRoot, connection: Connection, features: readonly FeatureDefinition[], models: readonly FeatureModel[]): Promise<StorageEngine[]> {
  const problems = [...root.problems];
  const resolved = features.map((feature, index) => {
    const model = models[index] as FeatureModel;
    const facts = { name: feature.name, collection: model.collection.name, schemaVersionKey: model.schema.get('versionKey') };
    const options: ResolvedFeatureOptions = resolveFeatureOptions(root.given, feature, facts, problems);
    problems.push(...root.claim(connection, feature.name, options));
    return options;
  });
  refuseProblems(problems);
  const engines: StorageEngine[] = [];
  for (const [index, options] of resolved.entries()) {
    engines.push(await openFeature(root, (features[index] as FeatureDefinition).name, models[index] as FeatureModel, connection, options));
  }
  return engines;
}

function modelDefinition({ name, schema, collection, discriminators }: FeatureDefinition): ModelDefinition {
  return {
    name,
    schema: schema as unknown,
    ...(collection === undefined ? {} : { collection }),
    ...(discriminators === undefined ? {} : { discriminators }),
  };
}

/** Generics are erased: with several storages the bare class would be one of them silently, so asking for it is refused. */
function bareClass(names: readonly string[], connectionName: string | undefined): Provider {
  const [only] = names as [string];
  if (names.length === 1) return { provide: EventSourcedStorageService, useExisting: getEventSourcedStorageToken(only, connectionName) };
  return {
    provide: EventSourcedStorageService,
    scope: Scope.TRANSIENT, // made only where somebody asks for it
    useFactory: (): never => {
      throw new InvalidOptionsError([ambiguity(names)]);
    },
  };
}

/** Callers without a type checker may pass anything. */
function isList(features: unknown): boolean {
  return Array.isArray(features) && features.length > 0;
}

/** Why the bare class cannot be injected, and what to write instead. */
export function ambiguity(names: readonly string[]): string {
  return `EventSourcedStorageService is ambiguous among ${names.join(', ')}: inject it by name, @InjectEventSourcedStorage(${names[0]}.name)`;
}
