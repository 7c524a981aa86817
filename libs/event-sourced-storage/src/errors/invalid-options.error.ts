import { EventSourcedStorageError } from './event-sourced-storage.error.js';

/** Options that cannot work; the application does not start. Lists all of them at once. */
export class InvalidOptionsError extends EventSourcedStorageError {
  /** Constant, for logs: no client meets an application that does not start. */
  readonly code = 'INVALID_OPTIONS';

  constructor(
    /** One line for each option that cannot work: where, what is needed, what was found. */
    readonly problems: readonly string[],
  ) {
    super(`EventSourcedStorageModule cannot start:\n${problems.map((problem) => `  - ${problem}`).join('\n')}`);
  }
}
