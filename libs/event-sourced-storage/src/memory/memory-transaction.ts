import type { DocumentChange } from '../write/document-change.js';
import { Turns } from '../write/turns.js';
import type { TransactionEnd, TransactionScope } from '../write/transaction-scopes.js';
import { applyChanges } from './apply-changes.js';
import type { MemoryDatabase } from './memory-database.js';

let transactions = 0;

/** One transaction over any number of features: it sees every feature as it was when it first looked, and its own changes. */
export class MemoryTransaction implements TransactionScope {
  readonly transactionId: string = `memory-${++transactions}`;
  /** A write failed, as on a server that is the end of all of it; the caller has only to say so. */
  isAborted = false;
  /** It was committed or aborted by its caller. */
  isOver = false;
  /** {@link markConflict} was called. */
  isConflicted = false;

  private readonly turns = new Turns();
  private readonly views = new Map<MemoryDatabase, MemoryDatabase>();
  private readonly staged: (readonly [MemoryDatabase, DocumentChange])[] = [];
  private readonly listeners: ((end: TransactionEnd) => void)[] = [];

  view(database: MemoryDatabase): MemoryDatabase {
    let view = this.views.get(database);
    if (view === undefined) this.views.set(database, (view = database.fork()));
    return view;
  }

  /** Whether the document cannot be written in here: another transaction is changing it, or it changed since this one looked. */
  isShutOut(database: MemoryDatabase, key: string): boolean {
    const holder = database.holders.get(key);
    return this.isAborted || (holder === undefined ? !database.isAsIn(this.view(database), key) : holder !== this);
  }

  /** Makes the change visible in here and keeps all others from the document. */
  stage(database: MemoryDatabase, change: DocumentChange): void {
    database.holders.set(change.key, this);
    applyChanges(this.view(database), [change]);
    this.staged.push([database, change]);
  }

  abort(): void {
    this.isAborted = true;
    for (const [database, { key }] of this.staged) database.holders.delete(key);
    this.staged.length = 0;
  }

  get isOpen(): boolean {
    return !this.isOver && !this.isAborted;
  }

  inTurn<R>(key: string, work: () => Promise<R>): Promise<R> {
    return this.turns.take(key, work);
  }

  end(how: 'committed' | 'aborted'): void {
    this.isOver = true;
    if (how === 'committed') for (const [database, change] of this.staged) applyChanges(database, [change]);
    this.abort();
    for (const listener of this.listeners) listener(how);
  }

  onEnd(listener: (end: TransactionEnd) => void): void {
    this.listeners.push(listener);
  }

  markConflict(): void {
    this.isConflicted = true;
  }
}
