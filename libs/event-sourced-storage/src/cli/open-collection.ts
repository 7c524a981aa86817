import { type DynamicModule, type LoggerService } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { getConnectionToken } from '@nestjs/mongoose';
import mongoose, { type Connection } from 'mongoose';
import { EventSourcedStorageModule, type EventSourcedStorageService, getEventSourcedStorageToken } from '../index.js';
import { guardForStoredHandlers } from '../nest/stored-handlers.js';
import type { StorageRoot } from '../nest/storage-root.js';
import { storageRootToken } from '../nest/tokens.js';
import { type CollectionNames, collectionNames, requireCollections } from './collections.js';
import { connect } from './connect.js';
import { exitCodes } from './exit-codes.js';
import { findIdKind, type IdKind, idType } from './id-kind.js';
import { Refusal } from './refusal.js';
import type { OpenStorage, StorageNeeds, StorageOptions, Surroundings } from './storage-options.js';

/** A storage on collections alone, with a schema that allows everything. */
export async function openCollection(options: StorageOptions, needs: StorageNeeds, { logger, signal }: Surroundings): Promise<OpenStorage> {
  const names = collectionNames(options);
  const connection = await connect(options, signal);
  try {
    await requireCollections(connection, names, needs.collections ?? ['documents', 'events', 'snapshots', 'streams']);
    if (needs.shapes !== undefined) await checkShapes(connection, names.events, needs.shapes, logger);
    const kind = (options.idType as IdKind | undefined) ?? (await findIdKind(connection, names));
    const app = await NestFactory.createApplicationContext(moduleFor(connection, names, kind, options, needs), { logger, abortOnError: false });
    const handlers = needs.compacts === true ? await guardForStoredHandlers(app.get<StorageRoot>(storageRootToken, { strict: false }), connection, options.model) : [];
    return {
      storage: app.get<EventSourcedStorageService>(getEventSourcedStorageToken(featureName), { strict: false }),
      name: names.documents,
      handlers,
      countDocuments: () => connection.collection(names.documents).estimatedDocumentCount(),
      close: async () => {
        await app.close();
        await connection.close();
      },
    };
  } catch (error) {
    await connection.close().catch(() => undefined);
    throw error;
  }
}

const featureName = 'Documents';

function moduleFor(connection: Connection, names: CollectionNames, kind: IdKind, { versionField }: StorageOptions, { watches = false, snapshotsEvery }: StorageNeeds): DynamicModule {
  class Database {}
  class CommandLine {}
  const token = getConnectionToken();
  const schema = new mongoose.Schema(
    { _id: idType(kind), [versionField]: Number },
    { strict: false, versionKey: false, minimize: false, id: false, autoCreate: false, autoIndex: false, collection: names.documents },
  );
  return {
    module: CommandLine,
    imports: [
      { module: Database, global: true, providers: [{ provide: token, useValue: connection }], exports: [token] },
      EventSourcedStorageModule.forRoot({
        cache: false,
        publish: 'never',
        watchEnabled: watches,
        ...(snapshotsEvery === undefined ? {} : { snapshots: { everyEvents: snapshotsEvery }, snapshotScheduler: { everyMs: 0, batch: 1_000, sweepBatch: 1_000 } }),
      }),
      EventSourcedStorageModule.forFeature([
        {
          name: featureName,
          schema,
          versionField,
          eventsCollection: names.events,
          snapshotsCollection: names.snapshots,
          streamsCollection: names.streams,
          onUnrecordedChange: 'ignore',
        },
      ]),
    ],
  };
}

const sampled = 50;

/** Events of older shapes can only be read with the application's upcasters: what would be written without them is wrong for ever. */
async function checkShapes(connection: Connection, events: string, shapes: 'written' | 'shown', logger: LoggerService): Promise<void> {
  const found = await connection
    .collection(events)
    .aggregate([{ $sample: { size: sampled } }, { $match: { schemaVersion: { $exists: true } } }, { $limit: 1 }])
    .toArray();
  if (found.length === 0) return;
  const what = `Events in "${events}" carry a schemaVersion, and only the application knows how to read older ones: use --app and --feature`;
  if (shapes === 'written') throw new Refusal(`${what}.`, exitCodes.usage);
  logger.warn(`${what}. Shown is what is recorded.`);
}
