import { idKey } from '../model/bson-values.js';
import type { DocumentId } from '../model/document-id.js';
import type { ResumeToken } from '../watch/change-feed.js';
import type { Checkpoint, Claim, DeliveryStore, ParkedDocument, PartitionProgress } from './delivery-store.js';
import type { Lane, Lanes } from './lanes.js';

/** Handled numbers are written at the latest after so long, in ms, or so many. */
export const saveEveryMs = 200;
const saveEvery = 500;
/** A position alone is worth a write after so long, in ms. */
const positionEveryMs = 3_000;
const mostRecent = 10_000;

interface Known {
  readonly handled: number | undefined;
  readonly stored: number | undefined;
}

/** How far one part has got: what its worker has decided and not written yet, and what it remembers of what is stored. */
export class PartitionLedger {
  private readonly dirty = new Map<string, { readonly documentId: DocumentId; readonly serverSeq: number }>();
  private readonly recent = new Map<string, Known>();
  private parked: Omit<ParkedDocument, 'wish'>[] = [];
  private unparked: DocumentId[] = [];
  /** What this worker has parked: nothing of it may be handled because its number is remembered. */
  private readonly parkedKeys = new Set<string>();
  private hasProgress = false;
  private caughtUp = false;
  private savedAt = 0;
  private lastError: string | undefined;
  private hasNewError = false;

  constructor(
    private readonly store: Pick<DeliveryStore, 'save'>,
    private readonly claim: Claim,
    private readonly lanes: Pick<Lanes, 'get'>,
    private current: PartitionProgress,
  ) {}

  get progress(): PartitionProgress {
    return this.current;
  }

  /** Something was handled that is not written. */
  get hasHandled(): boolean {
    return this.dirty.size > 0;
  }

  toPosition(position: ResumeToken): void {
    this.moveTo({ ...this.current, position });
    this.caughtUp = this.current.scan === undefined;
  }

  toScan(scan: PartitionProgress['scan']): void {
    this.moveTo({ ...this.current, scan });
  }

  /** There is no position: all documents are looked up again. */
  startOver(): void {
    this.moveTo({ position: undefined, scan: { after: undefined } });
  }

  /** Handled, and not written yet. */
  note(lane: Lane, serverSeq: number): void {
    lane.handled = serverSeq;
    this.dirty.set(lane.key, { documentId: lane.documentId, serverSeq });
  }

  /** Handled and written. */
  stored(lane: Lane, serverSeq: number): void {
    lane.handled = serverSeq;
    lane.stored = serverSeq;
    this.dirty.delete(lane.key);
  }

  noteError(text: string): void {
    this.lastError = text;
    this.hasNewError = true;
  }

  park(key: string, document: Omit<ParkedDocument, 'wish'>): void {
    this.parked.push(document);
    this.parkedKeys.add(key);
    this.recent.delete(key);
  }

  /** Everything that is known of the document is handled. */
  finish(lane: Lane): void {
    if (lane.wish !== undefined) {
      this.unparked.push(lane.documentId);
      this.parkedKeys.delete(lane.key);
    }
    this.remember(lane.key, lane);
  }

  /** @returns whether it was known without asking */
  recall(lane: Lane): boolean {
    const known = this.recent.get(lane.key);
    if (known === undefined) return false;
    lane.handled = known.handled;
    lane.stored = known.stored;
    return true;
  }

  forget({ key }: Lane): void {
    this.recent.delete(key);
  }

  /** The last number that was handled, written or not; `-1`: none is known. */
  handledOf({ key }: Lane, checkpoint: Checkpoint | undefined): number {
    return Math.max(checkpoint?.serverSeq ?? -1, this.dirty.get(key)?.serverSeq ?? -1);
  }

  /** What this worker has decided and not written yet counts before what is stored. */
  isParked({ key }: Lane, checkpoint: Checkpoint | undefined): boolean {
    if (this.parkedKeys.has(key)) return true;
    return checkpoint?.parked === true && !this.unparked.some((documentId) => idKey(documentId) === key);
  }

  async saveIfDue(isIdle: boolean): Promise<void> {
    const sinceMs = performance.now() - this.savedAt;
    const isUrgent = this.parked.length + this.unparked.length > 0 || this.dirty.size >= saveEvery;
    const hasHandled = this.hasHandled && sinceMs >= saveEveryMs;
    const hasPosition = isIdle && (this.hasProgress || this.hasNewError) && sinceMs >= (this.current.scan === undefined ? positionEveryMs : saveEveryMs);
    if (isUrgent || hasHandled || hasPosition) await this.save();
  }

  /** Numbers, parked documents and the position go together, so that no position is ever ahead of what was handled. */
  async save(): Promise<void> {
    const handled = [...this.dirty];
    const { parked, unparked, current: progress } = this;
    if (handled.length + parked.length + unparked.length === 0 && !this.hasProgress && !this.hasNewError) return;
    await this.store.save(this.claim, {
      handled: handled.map(([, each]) => each),
      parked,
      unparked,
      caughtUp: this.caughtUp && this.dirty.size === handled.length,
      ...(this.hasProgress ? { progress } : {}),
      ...(this.hasNewError ? { lastError: this.lastError } : {}),
    });
    this.savedAt = performance.now();
    if (this.current === progress) this.hasProgress = false;
    this.caughtUp = false;
    this.hasNewError = false;
    this.parked = this.parked.slice(parked.length);
    this.unparked = this.unparked.slice(unparked.length);
    for (const [key, { serverSeq }] of handled) this.isWritten(key, serverSeq);
  }

  private moveTo(progress: PartitionProgress): void {
    this.current = progress;
    this.hasProgress = true;
  }

  private isWritten(key: string, serverSeq: number): void {
    if (this.dirty.get(key)?.serverSeq === serverSeq) this.dirty.delete(key);
    const lane = this.lanes.get(key);
    if (lane !== undefined) lane.stored = serverSeq;
    else this.remember(key, { handled: serverSeq, stored: serverSeq });
  }

  private remember(key: string, { handled, stored }: Known): void {
    this.recent.delete(key);
    if (handled === 0 || stored === undefined || this.parkedKeys.has(key)) return; // where it begins may depend on what is told
    this.recent.set(key, { handled, stored });
    if (this.recent.size > mostRecent) this.recent.delete(this.recent.keys().next().value as string);
  }
}
