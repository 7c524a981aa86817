/* oxlint-disable typescript/require-await -- the port is asynchronous, memory is not */
import { StaleLeaseError } from '../errors/stale-lease.error.js';
import { type Lease, LeaseStore } from '../leases/lease-store.js';
import type { TransactionSession } from '../read/document-reader.js';
import { MemorySession } from './memory-session.js';

interface LeaseRecord {
  /** `null` after it was given back. */
  holder: string | null;
  term: number;
  expiresAt: number;
  /** Fenced transactions that are open: nobody takes the lease before they are over. */
  open: number;
}

/** Leases in this process. */
export class MemoryLeaseStore extends LeaseStore {
  private readonly records = new Map<string, LeaseRecord>();

  /** @param now the clock by which leases run out, in milliseconds */
  constructor(private readonly now: () => number = Date.now) {
    super();
  }

  override async acquire(name: string, holder: string, durationMs: number): Promise<Lease | null> {
    const record = this.records.get(name) ?? { holder: null, term: 0, expiresAt: -Infinity, open: 0 };
    const isMine = record.holder === holder;
    if (!isMine && (record.expiresAt > this.now() || record.open > 0)) return null;
    const taken = { ...record, holder, term: isMine ? record.term : record.term + 1, expiresAt: this.now() + durationMs };
    this.records.set(name, taken);
    return { name, holder, term: taken.term };
  }

  override async renew(lease: Lease, durationMs: number): Promise<boolean> {
    const record = this.current(lease);
    if (record !== undefined) record.expiresAt = this.now() + durationMs;
    return record !== undefined;
  }

  override async release(lease: Lease): Promise<void> {
    const record = this.current(lease);
    if (record === undefined) return;
    record.holder = null;
    record.expiresAt = -Infinity;
  }

  override async fence(lease: Lease, session: TransactionSession): Promise<void> {
    const transaction = MemorySession.transactionOf(session);
    const record = this.current(lease);
    if (record === undefined) throw new StaleLeaseError(lease.name, lease.term);
    record.open++;
    transaction.onEnd(() => {
      const now = this.records.get(lease.name);
      if (now !== undefined) now.open--;
    });
  }

  private current({ name, holder, term }: Lease): LeaseRecord | undefined {
    const record = this.records.get(name);
    return record?.holder === holder && record.term === term ? record : undefined;
  }
}
