import mongoose from 'mongoose';
import type { Connection } from 'mongoose';

/** One change as a foreign reader of the database sees it. */
export interface SeenChange {
  readonly collection: string;
  readonly operation: string;
  /** The transaction that it was part of; `undefined` for a write on its own. */
  readonly transaction: string | undefined;
}

const markers = 'test_markers';

/** What was written to the database while `run` ran, in order, as its change stream tells it. */
export async function changesDuring(connection: Connection, run: () => Promise<unknown>): Promise<SeenChange[]> {
  const database = connection.getClient().db(connection.name);
  const before = new mongoose.mongo.ObjectId();
  const after = new mongoose.mongo.ObjectId();
  const { operationTime } = (await database.command({ insert: markers, documents: [{ _id: before }] })) as { operationTime: mongoose.mongo.Timestamp };
  const stream = database.watch([], { startAtOperationTime: operationTime });
  try {
    await run();
    await database.collection(markers).insertOne({ _id: after });
    const seen: SeenChange[] = [];
    for await (const change of stream) {
      if (!('documentKey' in change)) continue;
      const { ns, operationType, documentKey, lsid, txnNumber } = change as mongoose.mongo.ChangeStreamInsertDocument;
      if (String(documentKey._id) === String(after)) break;
      if (ns.coll === markers || ns.coll.startsWith('ess_')) continue; // leases of running processes beat
      seen.push({ collection: ns.coll, operation: operationType, transaction: txnNumber === undefined ? undefined : `${JSON.stringify(lsid)}/${String(txnNumber)}` });
    }
    return seen;
  } finally {
    await stream.close();
  }
}
