import mongoose from 'mongoose';
import type { Connection } from 'mongoose';
import { rawCollection } from './raw-collection.js';

type SessionId = mongoose.mongo.ClientSession['id'];

/** Where processes say that they live. Shared by all features of a database. */
export const leasesCollection = 'ess_leases';
/** How often a process says that it lives, in ms. */
const beatMs = 1_000;
/** A process that was silent for so long, in ms by the server's clock, is taken for dead. */
const deadAfterMs = 5_000;

interface Lease {
  readonly _id: string;
  /** The sessions in which the process opens transactions. */
  readonly lsids: readonly unknown[];
  readonly beatAt: Date;
}

/**
 * This process's sign of life, with the sessions it commits in: when it dies, others can end what it left open instead of waiting a minute
 * for the server to do so. Times are the server's, so clocks need not agree. A process that only slept loses its open transactions, which
 * it flies again, and nothing else.
 */
export class ProcessLease {
  private readonly id = new mongoose.mongo.ObjectId().toHexString();
  private readonly lsids: SessionId[] = [];
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly connection: Connection) {}

  /** Resolves once a majority knows of the session: only then it may open a transaction. */
  async register(lsid: SessionId): Promise<void> {
    this.lsids.push(lsid);
    await this.beat();
    this.timer ??= setInterval(() => void this.beat().catch(() => undefined), beatMs).unref();
  }

  /** Forgets a session that will not be used again. */
  unregister(lsid: SessionId): void {
    const index = this.lsids.indexOf(lsid);
    if (index >= 0) this.lsids.splice(index, 1);
  }

  /** Ends the open transactions of processes that have died. Resolves with the number of such processes. */
  async buryDead(): Promise<number> {
    // named leases in the same collection have no beat, and a missing date is below every date
    const isDead = { beatAt: { $type: 'date' }, $expr: { $lt: ['$beatAt', { $subtract: ['$$NOW', deadAfterMs] }] }, _id: { $ne: this.id } };
    const dead = await this.leases.find(isDead as object).toArray();
    for (const { _id, lsids, beatAt } of dead) {
      if (lsids.length > 0) await this.connection.getClient().db('admin').command({ killSessions: lsids });
      // only the lease that was looked at: its owner may have woken up
      await this.leases.deleteOne({ _id, beatAt });
    }
    return dead.length;
  }

  /** The process leaves in order. */
  async release(): Promise<void> {
    clearInterval(this.timer);
    this.timer = undefined;
    if (this.lsids.length === 0) return;
    this.lsids.splice(0);
    await this.leases.deleteOne({ _id: this.id });
  }

  private async beat(): Promise<void> {
    const lease = [{ $set: { lsids: { $literal: [...this.lsids] }, beatAt: '$$NOW' } }];
    await this.leases.updateOne({ _id: this.id }, lease, { upsert: true, writeConcern: { w: 'majority' } });
  }

  private get leases(): mongoose.mongo.Collection<Lease> {
    return rawCollection<Lease>(this.connection, leasesCollection);
  }
}
