import { OperationTimeoutError } from '../errors/operation-timeout.error.js';
import type { EventStore } from '../history/event-store.js';
import type { Shapes } from '../history/shapes.js';
import type { DocumentId } from '../model/document-id.js';
import type { AuditStore } from './audit-store.js';
import { checkHistory, type HistoryCheck } from './check-history.js';
import type { CollectionReport, HistoryReport } from './history-problem.js';

/** How far a verification of many documents has got. */
export interface VerifyProgress {
  /** Documents looked at so far. */
  readonly checkedDocuments: number;
  /** Events read so far. */
  readonly checkedEvents: number;
  /** Problems found so far. */
  readonly problems: number;
}

/** Options of `verifyAll`. */
export interface VerifyAllOptions {
  /** The part of all documents to look at, by chance: above 0, at most 1. Default 1: all of them. */
  readonly sample?: number;
  /** Only documents whose newest event was recorded at or after this time. Default: all. */
  readonly since?: Date;
  /** How many documents are read at the same time, 1 to 100. Default 4. */
  readonly batch?: number;
  /** Ends it with an `OperationTimeoutError` when aborted. */
  readonly signal?: AbortSignal;
  /** Is told after each document. */
  readonly onProgress?: (progress: VerifyProgress) => void;
}

/** What verifying works with. */
export interface VerifierParts {
  readonly audit: AuditStore;
  readonly events: EventStore;
  readonly collection: string;
  readonly versionField: string;
  readonly random: () => number;
  /** Of the documents; left out when there are no upcasters. */
  readonly shapes?: Shapes | undefined;
}

const defaultBatch = 4;
/** A report is read by people and sent over HTTP. */
const mostReports = 1_000;

/** Whether documents, events and snapshots fit together. Changes nothing. */
export class Verifier {
  constructor(private readonly parts: VerifierParts) {}

  /** The check with all that a repair needs. */
  check(id: DocumentId): Promise<HistoryCheck> {
    const { audit, versionField, shapes } = this.parts;
    return audit.inspect(id, (view) => checkHistory(view, { documentId: id, versionField, shapes }));
  }

  async verify(id: DocumentId): Promise<HistoryReport> {
    return reportOf(id, await this.check(id));
  }

  async verifyAll(options: VerifyAllOptions): Promise<CollectionReport> {
    const { collection } = this.parts;
    const ids = this.wanted(options)[Symbol.asyncIterator]();
    const documents: HistoryReport[] = [];
    let progress: VerifyProgress = { checkedDocuments: 0, checkedEvents: 0, problems: 0 };
    const work = async (): Promise<void> => {
      for (let next = await ids.next(); next.done !== true; next = await ids.next()) {
        const report = await this.verify(next.value);
        if (!report.ok && documents.length < mostReports) documents.push(report);
        progress = {
          checkedDocuments: progress.checkedDocuments + 1,
          checkedEvents: progress.checkedEvents + report.checkedEvents,
          problems: progress.problems + report.problems.length,
        };
        options.onProgress?.(progress);
      }
    };
    try {
      await Promise.all(Array.from({ length: options.batch ?? defaultBatch }, work));
    } finally {
      await ids.return();
    }
    return { ok: progress.problems === 0, collection, ...progress, documents };
  }

  private async *wanted({ sample = 1, since, signal }: VerifyAllOptions): AsyncGenerator<DocumentId, void> {
    const { audit, events, collection, random } = this.parts;
    for await (const id of audit.ids()) {
      if (signal?.aborted === true) throw new OperationTimeoutError(collection, 'aborted', 'during a verification', { cause: signal.reason });
      if (sample < 1 && random() >= sample) continue;
      if (since !== undefined && ((await events.head(id))?.timestamp ?? since) < since) continue;
      yield id;
    }
  }
}

function reportOf(documentId: DocumentId, { problems, notes, checkedEvents, head }: HistoryCheck): HistoryReport {
  return { ok: problems.length === 0, documentId, head, checkedEvents, problems, notes };
}
