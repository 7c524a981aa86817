import type { Connection } from 'mongoose';
import mongoose from 'mongoose';
import { DurableHandlers } from '../delivery/durable-handlers.js';
import type { DeliveryStore, HandlerState } from '../delivery/delivery-store.js';
import { NeededByHandlers } from '../delivery/needed-by-handlers.js';
import type { DocumentId } from '../model/document-id.js';
import { FlightSessions } from '../mongoose/flight-sessions.js';
import { MongooseDeliverySource } from '../mongoose/mongoose-delivery-source.js';
import { handlersCollection, MongooseDeliveryStore } from '../mongoose/mongoose-delivery-store.js';
import { MongooseTransactionScopes } from '../mongoose/mongoose-transaction-scopes.js';
import { Orphans } from '../mongoose/orphans.js';
import { ProcessLease } from '../mongoose/process-lease.js';
import { rawCollection } from '../mongoose/raw-collection.js';
import type { StorageRoot } from './storage-root.js';

/** The durable handlers of all applications on a database, as they are stored: to look after them from outside. Nothing is handled here. */
export async function openStoredHandlers(connection: Connection): Promise<DurableHandlers> {
  const store = storeOf(connection);
  const handlers = new DurableHandlers(Date.now);
  for (const { name, partitions, from } of await storedHandlers(connection, store)) {
    // which model an id belongs to is not stored: the caller gives ids as they are stored
    handlers.add({ name, partitions, from, store, held: () => [], castId: (id) => id as DocumentId });
  }
  return handlers;
}

/**
 * Keeps a process that has not the handlers of the application from compacting what they have not seen.
 * @param model whose handlers count; left out: those of all models, for which one a collection belongs to is not stored
 * @returns the names of the handlers that count
 */
export async function guardForStoredHandlers(root: StorageRoot, connection: Connection, model: string | undefined): Promise<string[]> {
  const store = storeOf(connection);
  const handlers = (await storedHandlers(connection, store)).filter((handler) => model === undefined || handler.model === model);
  for (const { eventsCollection, guardCompaction } of root.deliveryFeatures) {
    const source = new MongooseDeliverySource(connection, eventsCollection);
    for (const { name } of handlers) guardCompaction(new NeededByHandlers(name, store, source));
  }
  return handlers.map(({ name }) => name);
}

async function storedHandlers(connection: Connection, store: DeliveryStore): Promise<HandlerState[]> {
  const records = await rawCollection<{ readonly _id: string }>(connection, handlersCollection)
    .find({}, { projection: { _id: 1 }, sort: { _id: 1 }, readConcern: { level: 'majority' } })
    .toArray();
  const states = await Promise.all(records.map(({ _id }) => store.state(_id)));
  return states.filter((state) => state !== null);
}

function storeOf(connection: Connection): MongooseDeliveryStore {
  const lease = new ProcessLease(connection);
  const transactions = {
    connection,
    sessions: new FlightSessions(() => connection.getClient(), lease),
    scopes: new MongooseTransactionScopes(connection, () => new mongoose.mongo.ObjectId().toHexString()),
    random: Math.random,
  };
  return new MongooseDeliveryStore(connection, transactions, new Orphans(lease, () => undefined));
}
