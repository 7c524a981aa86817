import { InvalidArgumentError } from '../errors/invalid-argument.error.js';
import type { HistoryPruner } from '../history/history-pruner.js';
import type { DocumentId } from '../model/document-id.js';
import { checkInteger, checkOptions } from '../write/check-arguments.js';
import type { CompactOptions, Compactor, CompactResult } from './compactor.js';

/** How a run over all histories is getting on: one after each document. */
export interface CompactManyProgress {
  /** The `_id` of the document. */
  readonly documentId: DocumentId;
  /** Absent when this one failed. */
  readonly result?: CompactResult;
  /** Why this one was left as it is. */
  readonly error?: Error;
  /** Documents looked at so far. */
  readonly documents: number;
  /** Events removed so far. */
  readonly removed: number;
}

/** Compacts every history. A failure of one does not end the run. */
export async function* compactMany(pruner: HistoryPruner, compactor: Compactor, options: CompactOptions): AsyncGenerator<CompactManyProgress, void, undefined> {
  let documents = 0;
  let removed = 0;
  for await (const documentId of pruner.documentIds()) {
    documents++;
    try {
      const result = await compactor.compact(documentId, options);
      removed += result.removed;
      yield { documentId, result, documents, removed };
    } catch (error) {
      yield { documentId, error: error instanceof Error ? error : new Error(String(error)), documents, removed };
    }
  }
}

/** @throws InvalidArgumentError unless it says what is to go */
export function checkCompaction(options: CompactOptions): CompactOptions {
  const { keepLast, upTo, dryRun } = checkOptions(options);
  if (keepLast === undefined && upTo === undefined) throw new InvalidArgumentError('options', 'say what is to go: { keepLast } or { upTo }');
  if (keepLast !== undefined) checkInteger(keepLast, 'keepLast', 0);
  if (upTo !== undefined) checkInteger(upTo, 'upTo', 0);
  if (dryRun !== undefined && typeof dryRun !== 'boolean') throw new InvalidArgumentError('dryRun', 'true or false is needed');
  return options;
}
