import { EventSourcedStorageError } from './event-sourced-storage.error.js';

/** The server has neither transactions nor change streams; the application does not start. */
export class UnsupportedTopologyError extends EventSourcedStorageError {
  /** Constant, for logs: no client meets an application that does not start. */
  readonly code = 'UNSUPPORTED_TOPOLOGY';

  constructor(
    /** `'standalone'`: no `--replSet`; `'not-initiated'`: `rs.initiate()` is missing. */
    readonly found: 'standalone' | 'not-initiated',
  ) {
    super(
      found === 'standalone'
        ? 'MongoDB runs as a standalone server, which cannot commit a document and its event together. Start mongod with --replSet and run rs.initiate(): one member is enough.'
        : 'MongoDB was started with --replSet but the set was never initiated. Run rs.initiate() once.',
    );
  }
}
