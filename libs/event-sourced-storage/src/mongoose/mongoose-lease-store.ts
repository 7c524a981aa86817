import type { Connection, mongo } from 'mongoose';
import { StaleLeaseError } from '../errors/stale-lease.error.js';
import { type Lease, LeaseStore } from '../leases/lease-store.js';
import type { TransactionSession } from '../read/document-reader.js';
import { codeOf } from './driver-errors.js';
import type { Orphans } from './orphans.js';
import { leasesCollection } from './process-lease.js';
import { rawCollection } from './raw-collection.js';
import { driverSession } from './read-level.js';

/** How long the server may wait, in ms, for a fenced transaction of the holder before the lease counts as held. */
const waitMs = 1_000;
const waitedTooLong = 50;

interface LeaseRecord {
  /** `lease:` and the name; processes' own signs of life in the same collection have an ObjectId's text. */
  readonly _id: string;
  /** `null` after it was given back. */
  readonly holder: string | null;
  readonly term: number;
  readonly expiresAt: Date;
  /** Counts fenced transactions: a write that changes nothing would not stand in the way of a take-over. */
  readonly fenced?: number;
}

/** Leases in the collection `ess_leases`. Every decision is one update by the server's clock. */
export class MongooseLeaseStore extends LeaseStore {
  /** @param orphans ends the transaction of a holder that died while it was open; with `undefined`, the server does so after a minute */
  constructor(
    private readonly connection: Connection,
    private readonly orphans: Pick<Orphans, 'held' | 'free'> | undefined,
  ) {
    super();
  }

  async acquire(name: string, holder: string, durationMs: number): Promise<Lease | null> {
    const _id = keyOf(name);
    try {
      const record = await this.collection().findOneAndUpdate({ _id: { $eq: _id } }, takeOrProlong(holder, durationMs), {
        upsert: true,
        returnDocument: 'after',
        writeConcern: { w: 'majority' },
        maxTimeMS: waitMs,
      });
      this.orphans?.free(_id);
      return record?.holder === holder ? { name, holder, term: record.term } : null;
    } catch (error) {
      if (codeOf(error) !== waitedTooLong) throw error;
      await this.orphans?.held(_id); // the transaction in the way may be that of a process that is gone
      return null;
    }
  }

  async renew(lease: Lease, durationMs: number): Promise<boolean> {
    const { matchedCount } = await this.collection().updateOne(termOf(lease), [{ $set: { expiresAt: inMs(durationMs) } }], majority);
    return matchedCount === 1;
  }

  async release(lease: Lease): Promise<void> {
    await this.collection().updateOne(termOf(lease), [{ $set: { holder: null, expiresAt: '$$NOW' } }], majority);
  }

  async fence(lease: Lease, session: TransactionSession): Promise<void> {
    const { matchedCount } = await this.collection().updateOne(termOf(lease), { $inc: { fenced: 1 } }, { session: driverSession(session) });
    if (matchedCount === 0) throw new StaleLeaseError(lease.name, lease.term);
  }

  private collection(): mongo.Collection<LeaseRecord> {
    return rawCollection<LeaseRecord>(this.connection, leasesCollection);
  }
}

const majority = { writeConcern: { w: 'majority' as const } };

function keyOf(name: string): string {
  return `lease:${name}`;
}

function termOf({ name, holder, term }: Lease): mongo.Filter<LeaseRecord> {
  return { _id: { $eq: keyOf(name) }, holder: { $eq: holder }, term: { $eq: term } };
}

function inMs(durationMs: number): mongo.Document {
  return { $add: ['$$NOW', durationMs] };
}

/** All expressions of the stage see the record as it was before. */
function takeOrProlong(holder: string, durationMs: number): mongo.Document[] {
  const isMine = { $eq: ['$holder', { $literal: holder }] };
  // a missing date is below every date
  const isFree = { $and: [{ $not: isMine }, { $lte: ['$expiresAt', '$$NOW'] }] };
  const isTaken = { $or: [isMine, isFree] };
  return [
    {
      $set: {
        holder: { $cond: [isTaken, { $literal: holder }, '$holder'] },
        term: { $cond: [isFree, { $add: [{ $ifNull: ['$term', 0] }, 1] }, '$term'] },
        expiresAt: { $cond: [isTaken, inMs(durationMs), '$expiresAt'] },
      },
    },
  ];
}
