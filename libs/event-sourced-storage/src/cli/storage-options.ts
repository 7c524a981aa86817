import type { LoggerService } from '@nestjs/common';
import type { EventSourcedStorageService } from '../index.js';
import type { CollectionNames, CollectionOptions } from './collections.js';
import type { DatabaseOptions } from './connect.js';

/** What every verb takes. */
export interface StorageOptions extends DatabaseOptions, CollectionOptions {
  readonly versionField: string;
  readonly idType?: string;
  readonly model?: string;
  readonly app?: string;
  readonly feature?: string;
  readonly connection?: string;
  readonly json: boolean;
}

/** What a verb needs of a storage beyond reading it. */
export interface StorageNeeds {
  /** The collections that have to be there. Default: all four. */
  readonly collections?: readonly (keyof CollectionNames)[];
  /** It hears of commits. */
  readonly watches?: boolean;
  /** It makes the snapshots that are due, one every so many events. */
  readonly snapshotsEvery?: number;
  /** It removes events. */
  readonly compacts?: boolean;
  /** It folds events, and shows the states or writes them. */
  readonly shapes?: 'written' | 'shown';
}

/** A storage for the time of one command. */
export interface OpenStorage {
  readonly storage: EventSourcedStorageService;
  /** For messages: the collection or the feature. */
  readonly name: string;
  /** The durable handlers that compaction waits for, where the command line found them itself. */
  readonly handlers: readonly string[];
  /** About how many documents there are; `undefined`: not known. */
  readonly countDocuments: () => Promise<number | undefined>;
  close(): Promise<void>;
}

/** Where a storage is opened. */
export interface Surroundings {
  readonly logger: LoggerService;
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal;
}
