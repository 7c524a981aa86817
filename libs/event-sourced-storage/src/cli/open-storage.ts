import { openApplication } from './open-application.js';
import { openCollection } from './open-collection.js';
import type { OpenStorage, StorageNeeds, StorageOptions, Surroundings } from './storage-options.js';

/** Opens what the command line names. */
export function openStorage(options: StorageOptions, needs: StorageNeeds, surroundings: Surroundings): Promise<OpenStorage> {
  return options.app === undefined ? openCollection(options, needs, surroundings) : openApplication(options.app, options, surroundings);
}
