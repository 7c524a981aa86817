import type { Connection } from 'mongoose';

interface OpenStream {
  readonly ns: string;
  readonly cursorId: unknown;
}

/** The change streams that are open on the database of a connection, whoever opened them. */
export async function openStreams(connection: Connection): Promise<OpenStream[]> {
  const found = await connection
    .getClient()
    .db('admin')
    .aggregate([{ $currentOp: { idleCursors: true, localOps: true } }])
    .toArray();
  return found
    .filter(({ ns, cursor }) => String(ns).startsWith(`${connection.name}.`) && JSON.stringify(cursor ?? {}).includes('$changeStream'))
    .map(({ ns, cursor }) => ({ ns: String(ns), cursorId: cursor.cursorId as unknown }));
}

/** Ends them all, as a server does that restarts. */
export async function killStreams(connection: Connection): Promise<void> {
  for (const { ns, cursorId } of await openStreams(connection)) {
    await connection.getClient().db(connection.name).command({ killCursors: ns.slice(connection.name.length + 1), cursors: [cursorId] });
  }
}
