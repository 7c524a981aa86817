import { EventSourcedStorageError } from './event-sourced-storage.error.js';

/** Options that cannot work; the application does not start. Lists all of them at once. */
export class InvalidOptionsError extends EventSourcedStorageError {
  readonly code = 'INVALID_OPTIONS';

  constructor(readonly problems: readonly string[]) {
    super(`EventSourcedStorageModule cannot start:\n${problems.map((problem) => `  - ${problem}`).join('\n')}`);
  }
}
