import type { Connection, mongo } from 'mongoose';
import { type SweepPosition, SweepProgress } from '../maintenance/sweep-progress.js';
import type { DocumentId } from '../model/document-id.js';
import { isDuplicateKey } from './driver-errors.js';
import { leasesCollection } from './process-lease.js';
import { rawCollection } from './raw-collection.js';
import { readLevel } from './read-level.js';

interface SweepRecord {
  /** `sweep:` and the name, beside the lease of the same name. */
  readonly _id: string;
  /** `null` at the beginning. */
  readonly after: DocumentId | null;
  readonly sweeps: number;
  /** Of the lease under which it was saved. */
  readonly term: number;
}

/** Positions beside the leases, in `ess_leases`. */
export class MongooseSweepProgress extends SweepProgress {
  constructor(private readonly connection: Connection) {
    super();
  }

  override async load(name: string): Promise<SweepPosition> {
    const record = await this.collection().findOne({ _id: { $eq: keyOf(name) } }, readLevel({}));
    if (record === null) return { sweeps: 0 };
    return { sweeps: record.sweeps, ...(record.after === null ? {} : { after: record.after }) };
  }

  override async save(name: string, { after, sweeps }: SweepPosition, term: number): Promise<boolean> {
    try {
      const filter = { _id: keyOf(name), term: { $not: { $gt: term } } };
      const { matchedCount, upsertedCount } = await this.collection().updateOne(
        filter,
        { $set: { after: after ?? null, sweeps, term } },
        { upsert: true, writeConcern: { w: 'majority' } },
      );
      return matchedCount + upsertedCount > 0;
    } catch (error) {
      // the record is there, of a later term
      if (isDuplicateKey(error)) return false;
      throw error;
    }
  }

  private collection(): mongo.Collection<SweepRecord> {
    return rawCollection<SweepRecord>(this.connection, leasesCollection);
  }
}

function keyOf(name: string): string {
  return `sweep:${name}`;
}
