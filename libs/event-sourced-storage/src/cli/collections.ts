import type { Connection } from 'mongoose';
import { handlersCollection } from '../mongoose/mongoose-delivery-store.js';
import { exitCodes } from './exit-codes.js';
import { Refusal } from './refusal.js';

/** The names of what a storage keeps. */
export interface CollectionNames {
  readonly documents: string;
  readonly events: string;
  readonly snapshots: string;
  readonly streams: string;
}

/** What the command line says of them. */
export interface CollectionOptions {
  readonly collection?: string;
  readonly eventsCollection?: string;
  readonly snapshotsCollection?: string;
  readonly streamsCollection?: string;
}

export function collectionNames({ collection, eventsCollection, snapshotsCollection, streamsCollection }: CollectionOptions): CollectionNames {
  if (collection === undefined) throw new Refusal('Which documents? Give --collection, or --app and --feature.', exitCodes.usage);
  return {
    documents: collection,
    events: eventsCollection ?? `${collection}_events`,
    snapshots: snapshotsCollection ?? `${collection}_snapshots`,
    streams: streamsCollection ?? `${collection}_streams`,
  };
}

/**
 * Opening a storage makes what is missing; a name with a slip in it must not.
 * @param needed those that have to be there
 */
export async function requireCollections(connection: Connection, names: CollectionNames, needed: readonly (keyof CollectionNames)[]): Promise<void> {
  const existing = new Set((await connection.listCollections()).map(({ name }) => name));
  const missing = needed.filter((each) => !existing.has(names[each]));
  if (missing.length === 0) return;
  const list = missing.map((each) => `"${names[each]}" (${each})`).join(', ');
  const hint = missing.includes('documents') ? '' : ' The verb adopt gives an existing collection its history; check says more.';
  const there = [...existing].filter((name) => !name.startsWith('system.')).toSorted().join(', ') || 'none';
  throw new Refusal(`The database "${connection.name}" has no collection ${list}. There are: ${there}.${hint}`, exitCodes.usage);
}

/** @throws Refusal on a database on which no durable handler ever started */
export async function requireHandlers(connection: Connection): Promise<void> {
  const names = (await connection.listCollections()).map(({ name }) => name);
  if (names.includes(handlersCollection)) return;
  throw new Refusal(`On the database "${connection.name}" no durable handler ever started: it has no collection "${handlersCollection}".`, exitCodes.usage);
}
