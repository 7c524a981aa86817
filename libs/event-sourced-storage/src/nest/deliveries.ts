import type { ModulesContainer, ModuleRef } from '@nestjs/core';
import { getConnectionToken } from '@nestjs/mongoose';
import type { Connection } from 'mongoose';
import mongoose from 'mongoose';
import type { DurableHandlers } from '../delivery/durable-handlers.js';
import { type DurableHandler, type DurableHandlerOptions, type ResolvedHandlerOptions, resolveHandlerOptions } from '../delivery/durable-handler.js';
import { HandlerRunner } from '../delivery/handler-runner.js';
import { NeededByHandlers } from '../delivery/needed-by-handlers.js';
import { TryLater } from '../delivery/try-later.js';
import type { Image } from '../model/diff.js';
import { isSessionOver, isTransient, isUnavailable } from '../mongoose/driver-errors.js';
import { MongooseDeliverySource } from '../mongoose/mongoose-delivery-source.js';
import { isAtOrAfter } from '../mongoose/resume-token.js';
import { MongooseDeliveryStore, prepareDeliveries } from '../mongoose/mongoose-delivery-store.js';
import type { DeliveryFeature } from './delivery-feature.js';
import { durableHandlerKey } from './durable-events-handler.decorator.js';
import { providersOf } from './providers-of.js';
import { refuseProblems, type StorageRoot } from './storage-root.js';

interface Definition {
  readonly options: ResolvedHandlerOptions;
  readonly feature: DeliveryFeature;
  readonly handler: DurableHandler<Image>;
}

/**
 * Finds the durable handlers of the application and starts them; their work goes on in the background.
 * @throws InvalidOptionsError
 */
export async function startDeliveries(root: StorageRoot, modules: ModulesContainer, moduleRef: ModuleRef): Promise<void> {
  const definitions = findDefinitions(root, modules, moduleRef);
  if (definitions.length === 0) return;
  const member = new mongoose.mongo.ObjectId().toHexString();
  const stores = new Map<Connection, MongooseDeliveryStore>();
  const runners: HandlerRunner[] = [];
  root.stopDeliveries = async () => {
    await Promise.all(runners.map((runner) => runner.stop()));
  };
  for (const definition of definitions) {
    const { connection } = definition.feature;
    const store = stores.get(connection) ?? (await openStore(root, connection));
    stores.set(connection, store);
    const runner = await open(root, definition, store, member);
    runners.push(runner);
    const warning = await runner.start();
    if (warning !== undefined) root.logger.warn(warning);
  }
}

async function openStore(root: StorageRoot, connection: Connection): Promise<MongooseDeliveryStore> {
  const { sessions, scopes, orphans } = await root.connect(connection);
  await prepareDeliveries(connection);
  return new MongooseDeliveryStore(connection, { connection, sessions, scopes, random: root.options.random }, orphans);
}

async function open(root: StorageRoot, { options, feature, handler }: Definition, store: MongooseDeliveryStore, member: string): Promise<HandlerRunner> {
  const { feed, leases } = await root.connect(feature.connection);
  const { now, random } = root.options;
  const source = new MongooseDeliverySource(feature.connection, feature.eventsCollection);
  const runner = new HandlerRunner({
    options,
    handler,
    collection: feature.collection,
    eventsCollection: feature.eventsCollection,
    store,
    source,
    events: feature.events,
    streams: feature.streams,
    feed,
    leases,
    member,
    isAtOrAfter,
    // a race that was lost too often is nothing that the handler did; a session that it ended is
    isUnavailable: (error) => (isUnavailable(error) && !isSessionOver(error)) || isTransient(error) || error instanceof TryLater,
    now,
    random,
    warn: (message) => root.logger.warn(message),
  });
  const { name, partitions, from } = options;
  const handlers: DurableHandlers = root.durableHandlers;
  handlers.add({ name, partitions, from, store, held: () => runner.partitions, castId: feature.castId });
  feature.guardCompaction(new NeededByHandlers(name, store, source));
  return runner;
}

function findDefinitions(root: StorageRoot, modules: ModulesContainer, moduleRef: ModuleRef): Definition[] {
  const problems: string[] = [];
  const names = new Set<string>();
  const found: Definition[] = [];
  for (const { instance, type } of providersOf(modules)) {
    const given = Reflect.getMetadata(durableHandlerKey, type) as DurableHandlerOptions | undefined;
    if (given === undefined) continue;
    const before = problems.length;
    const options = resolveHandlerOptions(given, problems);
    const where = `durable handler "${options.name}" (${type.name})`;
    if (names.has(options.name)) problems.push(`${where}: the name is used by another handler`);
    names.add(options.name);
    if (instance === undefined) problems.push(`${where}: it must not be request-scoped`);
    else if (typeof (instance as Partial<DurableHandler>).handle !== 'function') problems.push(`${where}: it has no method handle(event, context)`);
    const feature = featureOf(root, options, moduleRef);
    if (feature === undefined) problems.push(`${where}: there is no feature "${options.model}"; there are: ${root.deliveryFeatures.map(({ model }) => model).toSorted().join(', ') || 'none'}`);
    if (problems.length === before && feature !== undefined) found.push({ options, feature, handler: instance as unknown as DurableHandler<Image> });
  }
  refuseProblems(problems);
  return found;
}

function featureOf(root: StorageRoot, { model, connectionName }: ResolvedHandlerOptions, moduleRef: ModuleRef): DeliveryFeature | undefined {
  const features = root.deliveryFeatures.filter((feature) => feature.model === model);
  if (features.length === 0) return undefined;
  let connection: Connection | undefined;
  try {
    connection = moduleRef.get<Connection>(getConnectionToken(connectionName), { strict: false });
  } catch {
    return undefined;
  }
  return features.find((feature) => feature.connection === connection);
}
