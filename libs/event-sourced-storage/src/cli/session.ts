import type { Command } from 'commander';
import { exitCodes } from './exit-codes.js';
import { openStorage } from './open-storage.js';
import { Output, type Streams } from './output.js';
import { type Progress, startProgress } from './progress.js';
import { Refusal } from './refusal.js';
import { StderrLogger } from './stderr-logger.js';
import type { OpenStorage, StorageNeeds, StorageOptions } from './storage-options.js';

/** One run of the command line. */
export class Session {
  /** What the process will answer when nothing throws. */
  exitCode = 0;

  constructor(
    readonly streams: Streams,
    /** Aborted by Ctrl-C. */
    readonly signal: AbortSignal,
  ) {}

  /** The options that every verb takes. */
  options(command: Command): StorageOptions {
    return command.optsWithGlobals();
  }

  output(command: Command): Output {
    return new Output(this.streams, this.options(command).json);
  }

  progress(what: string, total: number | undefined): Progress {
    return startProgress(this.streams.stderr, what, total);
  }

  /** Opens a storage for the time of `use`. */
  async withStorage<R>(command: Command, needs: StorageNeeds, use: (opened: OpenStorage) => Promise<R>): Promise<R> {
    const opened = await openStorage(this.options(command), needs, { logger: new StderrLogger(this.streams), signal: this.signal });
    try {
      this.signal.throwIfAborted();
      return await use(opened);
    } finally {
      await opened.close();
    }
  }

  notFound(id: string): never {
    throw new Refusal(`Nothing is stored under the id "${id.slice(0, 100)}", and nothing ever was.`, exitCodes.usage);
  }
}
