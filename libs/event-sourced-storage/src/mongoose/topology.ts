import type { Connection } from 'mongoose';
import { UnsupportedTopologyError } from '../errors/unsupported-topology.error.js';

/** What a server says of itself. */
interface Hello {
  readonly setName?: string;
  readonly msg?: string;
  readonly isreplicaset?: boolean;
}

/**
 * Whether the server has transactions, judged by what it says of itself: a transaction tried on a standalone server gives an error
 * without a code, and one on a set that was never initiated is retried for ever.
 * @throws UnsupportedTopologyError
 */
export async function checkTopology(connection: Connection): Promise<void> {
  const hello: Hello = await connection.getClient().db('admin').command({ hello: 1 });
  if (hello.setName !== undefined || hello.msg === 'isdbgrid') return;
  throw new UnsupportedTopologyError(hello.isreplicaset === true ? 'not-initiated' : 'standalone');
}
