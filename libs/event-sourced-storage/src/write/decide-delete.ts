import { DocumentNotFoundError } from '../errors/document-not-found.error.js';
import { HistoryMissingError } from '../errors/history-missing.error.js';
import type { Image } from '../model/diff.js';
import type { DocumentState } from '../read/document-state.js';
import { buildChange } from './build-change.js';
import { checkExpectedVersion } from './check-expected-version.js';
import type { Decision, WriteRequest } from './write-command.js';
import type { WriteTools } from './write-tools.js';

/** What `deleteOne` answers. */
export interface DeleteResult {
  /** `false`: there was nothing to delete and nothing was recorded. */
  readonly deleted: boolean;
  /** Number of the delete event; when nothing was deleted, the newest number of the history, `0` without one. */
  readonly version: number;
}

/** Deletes the document and leaves its last state as the tombstone. */
export async function decideDelete(
  request: WriteRequest,
  options: { readonly expectedVersion: number | 'any'; readonly throwIfMissing: boolean },
  base: DocumentState,
  tools: WriteTools,
): Promise<Decision<DeleteResult>> {
  const before: Image | null = base.image;
  await checkExpectedVersion(request, options.expectedVersion, base, tools);
  if (before === null) {
    if (options.throwIfMissing) throw new DocumentNotFoundError(request.address);
    return { kind: 'answer', answer: () => ({ deleted: false, version: base.version }) };
  }
  if (base.version === 0) throw new HistoryMissingError(request.address);
  const now = Math.max(tools.now(), base.timestamp);
  return {
    kind: 'change',
    change: buildChange(request, base, null, { operation: 'delete', deletedDoc: before }, now, tools),
    answer: () => ({ deleted: true, version: base.version + 1 }),
  };
}
