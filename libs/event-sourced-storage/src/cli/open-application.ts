import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { type EventSourcedStorageService, getEventSourcedStorageToken } from '../index.js';
import { exitCodes } from './exit-codes.js';
import { Refusal } from './refusal.js';
import type { OpenStorage, StorageOptions, Surroundings } from './storage-options.js';

/**
 * A storage of the application itself, with its schema, options and upcasters; whatever else the application starts runs for the time of the
 * command, too.
 */
export async function openApplication(place: string, { feature, connection }: StorageOptions, { logger }: Surroundings): Promise<OpenStorage> {
  if (feature === undefined) throw new Refusal('Which storage of the application? Give --feature, the name given to forFeature().', exitCodes.usage);
  const app = await NestFactory.createApplicationContext(await importModule(place), { logger, abortOnError: false });
  try {
    return { storage: app.get<EventSourcedStorageService>(tokenOf(feature, connection), { strict: false }), name: feature, handlers: [], countDocuments: () => Promise.resolve(undefined), close: () => app.close() };
  } catch (error) {
    await app.close();
    throw new Refusal(`The application in ${place} has no storage "${feature}": is it given to EventSourcedStorageModule.forFeature()?`, exitCodes.usage, { cause: error });
  }
}

function tokenOf(feature: string, connection: string | undefined): string {
  return connection === undefined ? getEventSourcedStorageToken(feature) : getEventSourcedStorageToken(feature, connection);
}

async function importModule(place: string): Promise<Type> {
  const [file = '', name = 'default'] = place.split('#', 2);
  const path = resolve(file);
  if (!existsSync(path)) throw new Refusal(`There is no file ${path}. Give the built module of the application: --app ./dist/app.module.js#AppModule`, exitCodes.usage);
  const exported = (await import(pathToFileURL(path).href)) as Readonly<Record<string, unknown>>;
  // of a CommonJS module, names that were not recognised are found on its default export
  const found = exported[name] ?? (exported['default'] as Readonly<Record<string, unknown>> | undefined)?.[name];
  if (typeof found === 'function' || (typeof found === 'object' && found !== null)) return found as Type;
  throw new Refusal(`${path} exports no module "${name}"; it exports: ${Object.keys(exported).join(', ') || 'nothing'}.`, exitCodes.usage);
}
