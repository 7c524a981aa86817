import type { TransactionSession } from '../read/document-reader.js';
import type { CommitOutcome, DocumentChange } from '../write/document-change.js';
import { type CommitOptions, DocumentCommitter } from '../write/document-committer.js';

/** What a {@link FaultyCommitter} did, so that a run without faults cannot pass for one with them. */
export interface FaultCount {
  flights: number;
  changes: number;
  failedBefore: number;
  locked: number;
  refused: number;
  droppedReply: number;
  droppedUnwritten: number;
  delayed: number;
}

/**
 * A committer between the queue and a real one that fails before it, fails after it, waits, or drops the reply: whatever the random
 * numbers say.
 */
export class FaultyCommitter extends DocumentCommitter {
  readonly count: FaultCount = { flights: 0, changes: 0, failedBefore: 0, locked: 0, refused: 0, droppedReply: 0, droppedUnwritten: 0, delayed: 0 };
  /** The longest flight, in changes. */
  longestFlight = 0;

  constructor(
    private readonly committer: DocumentCommitter,
    private readonly random: () => number,
    /** How often a flight meets a fault, 0 to 1. */
    private readonly faultRate: number,
  ) {
    super();
  }

  override async commit(flight: readonly DocumentChange[], options: CommitOptions): Promise<readonly CommitOutcome[]> {
    this.count.flights++;
    this.count.changes += flight.length;
    this.longestFlight = Math.max(this.longestFlight, flight.length);
    await this.delay();
    if (this.random() >= this.faultRate) return this.committer.commit(flight, options);
    return this.fault(flight, options);
  }

  override writeInTransaction(change: DocumentChange, session: TransactionSession): Promise<CommitOutcome> {
    return this.committer.writeInTransaction(change, session);
  }

  private async fault(flight: readonly DocumentChange[], options: CommitOptions): Promise<readonly CommitOutcome[]> {
    const all = (outcome: CommitOutcome): CommitOutcome[] => flight.map(() => outcome);
    const error = new Error('planted fault');
    switch (Math.floor(this.random() * 5)) {
      case 0:
        this.count.failedBefore++;
        return all({ kind: 'unavailable', error });
      case 1:
        this.count.locked++;
        return all({ kind: 'conflict', pending: true });
      case 2:
        this.count.refused++;
        return this.refuseOne(flight, options, error);
      case 3:
        this.count.droppedUnwritten++;
        return all({ kind: 'unknown', error });
      default: {
        const outcomes = await this.committer.commit(flight, options);
        this.count.droppedReply++;
        await this.delay();
        return outcomes.map((outcome) => (outcome.kind === 'committed' ? { kind: 'unknown', error } : outcome));
      }
    }
  }

  /** One change is refused for good, its document's others stay on the ground, the other documents are committed. */
  private async refuseOne(flight: readonly DocumentChange[], options: CommitOptions, error: Error): Promise<readonly CommitOutcome[]> {
    const victim = flight[Math.floor(this.random() * flight.length)] as DocumentChange;
    const spared = flight.filter((change) => change.key !== victim.key);
    const outcomes = spared.length === 0 ? [] : await this.committer.commit(spared, options);
    return flight.map((change) => {
      if (change === victim) return { kind: 'rejected', error };
      return change.key === victim.key ? { kind: 'grounded' } : (outcomes[spared.indexOf(change)] as CommitOutcome);
    });
  }

  private async delay(): Promise<void> {
    if (this.random() < 0.5) return;
    this.count.delayed++;
    await new Promise((resume) => setImmediate(resume));
  }
}
