import type { LoggerService } from '@nestjs/common';
import { openApplication } from './open-application.js';
import { openCollection } from './open-collection.js';
import type { OpenStorage, StorageNeeds, StorageOptions } from './storage-options.js';

/** Opens what the command line names. */
export function openStorage(options: StorageOptions, needs: StorageNeeds, logger: LoggerService): Promise<OpenStorage> {
  return options.app === undefined ? openCollection(options, needs, logger) : openApplication(options.app, options, logger);
}
