import { type DynamicModule, Logger, Module, type ModuleMetadata, type Provider } from '@nestjs/common';
import type { InjectionToken, OptionalFactoryDependency } from '@nestjs/common';
import { InvalidOptionsError } from '../errors/invalid-options.error.js';
import { messageFormOf, type RelayClient } from './broker-message.js';
import { DurableEventsHandler } from './durable-events-handler.decorator.js';
import { EventRelay } from './event-relay.js';
import { type RelayClientSource, type RelayOptions, type ResolvedRelayOptions, resolveRelayOptions } from './relay-options.js';
import type { StorageRoot } from './storage-root.js';
import { storageRootToken } from './tokens.js';

/** Options of `EventRelayModule.register()`. */
export interface EventRelayOptions extends RelayOptions, Pick<ModuleMetadata, 'imports'> {
  /** What forwards; `imports` names the module that provides the token. */
  readonly client: RelayClientSource;
}

/** Options of `EventRelayModule.registerAsync()`. */
export interface EventRelayAsyncOptions extends Pick<ModuleMetadata, 'imports'> {
  /** As in `register()`. */
  readonly client: RelayClientSource;
  /** Makes the options; may be async. */
  readonly useFactory: (...dependencies: never[]) => RelayOptions | Promise<RelayOptions>;
  /** The tokens whose values `useFactory` gets. */
  readonly inject?: readonly (InjectionToken | OptionalFactoryDependency)[];
}

/**
 * Forwards every event of a model to a broker, through any `ClientProxy` of `@nestjs/microservices`, as CloudEvents 1.0: at least once, per
 * document in order. It is a durable handler: `DurableHandlers` tells how far it is, pauses it and begins again. While the broker is away it waits
 * without parking anything. Needs `EventSourcedStorageModule.forRoot()`. Register it once for each `name`.
 */
@Module({})
export class EventRelayModule {
  /** Wrong options stop the application at start (`InvalidOptionsError`). */
  static register({ client, imports = [], ...options }: EventRelayOptions): DynamicModule {
    return moduleOf(client, imports, { provide: Symbol('relay options'), useFactory: () => resolveRelayOptions(options) });
  }

  /** The same with options that come from other providers. */
  static registerAsync({ client, imports = [], inject = [], useFactory }: EventRelayAsyncOptions): DynamicModule {
    const make = async (...dependencies: never[]): Promise<ResolvedRelayOptions> => resolveRelayOptions(await useFactory(...dependencies));
    return moduleOf(client, imports, { provide: Symbol('relay options'), useFactory: make, inject: [...inject] });
  }
}

function moduleOf(source: RelayClientSource, imports: NonNullable<ModuleMetadata['imports']>, options: Provider & { readonly provide: symbol }): DynamicModule {
  if (!isSource(source)) throw new InvalidOptionsError(['EventRelayModule: client must be an injection token or a ClientProxy']);
  const isOwner = isClient(source);
  const client: Provider = isOwner ? { provide: Symbol('relay client'), useValue: { client: source } } : { provide: Symbol('relay client'), useFactory: (found: RelayClient) => ({ client: found }), inject: [source] };
  const relay: Provider = {
    provide: Symbol('relay'),
    useFactory: (root: StorageRoot, resolved: ResolvedRelayOptions, given: { readonly client: RelayClient }) => openRelay(root, resolved, given.client, isOwner),
    inject: [storageRootToken, options.provide, client.provide],
  };
  return { module: EventRelayModule, imports, providers: [options, client, relay] };
}

async function openRelay(root: StorageRoot, resolved: ResolvedRelayOptions, client: RelayClient, isOwner: boolean): Promise<EventRelay> {
  const { handler, message, ...rest } = resolved;
  /** Options of a handler are kept on its class, so each relay has one. */
  class NamedRelay extends EventRelay {}
  DurableEventsHandler(handler)(NamedRelay);
  const logger = new Logger('EventRelay');
  return new NamedRelay({
    ...rest,
    name: handler.name,
    client,
    isOwner,
    message: message ?? (await messageFormOf(resolved.transport)),
    random: root.options.random,
    warn: (text) => logger.warn(text),
  });
}

/** Callers without a type checker may pass anything. */
function isSource(source: unknown): boolean {
  return source !== undefined && source !== null && source !== '';
}

function isClient(source: RelayClientSource): source is RelayClient {
  return typeof source === 'object' && typeof (source as Partial<RelayClient>).emit === 'function';
}
