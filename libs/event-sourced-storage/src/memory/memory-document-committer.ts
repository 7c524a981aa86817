/* oxlint-disable typescript/require-await -- the port is asynchronous, memory is not */
import { HistoryCorruptError } from '../errors/history-corrupt.error.js';
import type { TransactionSession } from '../read/document-reader.js';
import { versionOf } from '../read/document-state.js';
import type { CommitOutcome, DocumentChange } from '../write/document-change.js';
import { DocumentCommitter } from '../write/document-committer.js';
import { applyChanges } from './apply-changes.js';
import type { MemoryDatabase } from './memory-database.js';
import { MemorySession } from './memory-session.js';

/** All changes of one document in a flight, in order. */
type Row = [DocumentChange, ...DocumentChange[]];

/** Commits to a {@link MemoryDatabase}. It answers at once, so it needs no deadline. */
export class MemoryDocumentCommitter extends DocumentCommitter {
  constructor(private readonly database: MemoryDatabase) {
    super();
  }

  /** @throws RangeError when the changes of a document do not stand in a row, each expecting the number before: a mistake of the caller */
  override async commit(flight: readonly DocumentChange[]): Promise<readonly CommitOutcome[]> {
    return rowsOf(flight).flatMap((row) => {
      const refused = this.refuse(row, this.database, this.database.holders.has(row[0].key));
      if (refused === undefined) applyChanges(this.database, row);
      return refused ?? row.map(() => ({ kind: 'committed' }));
    });
  }

  override async writeInTransaction(change: DocumentChange, session: TransactionSession): Promise<CommitOutcome> {
    const transaction = MemorySession.transactionOf(session);
    const [refused] = this.refuse([change], transaction.view(this.database), transaction.isShutOut(this.database, change.key)) ?? [];
    if (refused === undefined) transaction.stage(this.database, change);
    else if (refused.kind !== 'conflict' || refused.pending) transaction.abort();
    return refused ?? { kind: 'committed' };
  }

  /** Why the row cannot be written, one outcome a change; `undefined` when it can. The order of the checks is a server's. */
  private refuse(row: Row, seen: MemoryDatabase, isHeld: boolean): CommitOutcome[] | undefined {
    if (!this.isExpected(row[0], seen)) return row.map(() => ({ kind: 'conflict', pending: false }));
    if (isHeld) return row.map(() => ({ kind: 'conflict', pending: true }));
    for (const [index, change] of row.entries()) {
      const refusal = this.refuseEvent(change, row.slice(0, index), seen);
      if (refusal !== undefined) return row.map((each) => (each === change ? refusal : { kind: 'grounded' }));
    }
    return undefined;
  }

  private refuseEvent({ key, documentId, event, expectedVersion }: DocumentChange, earlier: readonly DocumentChange[], seen: MemoryDatabase): CommitOutcome | undefined {
    if (seen.hasEvent(key, ({ serverSeq }) => serverSeq === event.serverSeq)) {
      // somebody else re-created and deleted it: the number is to be read again
      if (event.operation === 'create') return { kind: 'conflict', pending: false };
      const problem = `event ${event.serverSeq} exists, although the document is at ${expectedVersion}`;
      return { kind: 'rejected', error: new HistoryCorruptError(`${this.database.collection}/${String(documentId)}`, problem) };
    }
    const isSame = ({ operationId }: { readonly operationId: string }): boolean => operationId === event.operationId;
    return seen.hasEvent(key, isSame) || earlier.some((change) => isSame(change.event)) ? { kind: 'repeated' } : undefined;
  }

  private isExpected({ key, before, expectedVersion }: DocumentChange, seen: MemoryDatabase): boolean {
    const stored = seen.document(key);
    if (before === null || stored === null) return before === stored && (before !== null || seen.stream(key).floor <= expectedVersion);
    return versionOf(stored, this.database.versionField) === expectedVersion;
  }
}

function rowsOf(flight: readonly DocumentChange[]): Row[] {
  const rows = new Map<string, Row>();
  let previous: DocumentChange | undefined;
  for (const change of flight) {
    const row = rows.get(change.key);
    if (row === undefined) rows.set(change.key, [change]);
    else if (previous?.key === change.key && previous.expectedVersion + 1 === change.expectedVersion) row.push(change);
    else throw new RangeError(`${change.key}: the change that expects ${change.expectedVersion} does not follow the one before it`);
    previous = change;
  }
  return [...rows.values()];
}
