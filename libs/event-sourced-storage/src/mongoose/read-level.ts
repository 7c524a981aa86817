import type { mongo } from 'mongoose';
import type { DocumentReadOptions, TransactionSession } from '../read/document-reader.js';

/** The members that have not confirmed a linearizable read by then will not do it: the answering server is no primary any more. */
export const linearizableTimeMs = 10_000;

/** How a read is sent to the server. A transaction has one level for all it reads, so that inside one none is sent. */
export interface ReadLevel {
  readonly session?: mongo.ClientSession;
  readonly readConcern?: { readonly level: 'majority' | 'local' | 'linearizable' };
  readonly maxTimeMS?: number;
}

export function readLevel(options: { readonly session?: TransactionSession | undefined; readonly level?: DocumentReadOptions['level'] }): ReadLevel {
  if (options.session !== undefined) return { session: driverSession(options.session) };
  switch (options.level) {
    case 'newest':
      return { readConcern: { level: 'local' } };
    case 'linearizable':
      return { readConcern: { level: 'linearizable' }, maxTimeMS: linearizableTimeMs };
    case 'majority':
    case undefined:
      return { readConcern: { level: 'majority' } };
  }
}

/** The core rooms know sessions only as something to hand through; here they become what they are. */
export function driverSession(session: TransactionSession): mongo.ClientSession {
  return session as mongo.ClientSession;
}
