import { DocumentNotFoundError } from '../errors/document-not-found.error.js';
import { HistoryMissingError } from '../errors/history-missing.error.js';
import { InvalidArgumentError } from '../errors/invalid-argument.error.js';
import { cloneValue, InvalidValueError, sameValue } from '../model/bson-values.js';
import type { Diff, DiffPaths, Image } from '../model/diff.js';
import type { MaybePromise } from '../model/promises.js';
import type { DocumentState } from '../read/document-state.js';
import { buildChange } from './build-change.js';
import { checkExpectedVersion } from './check-expected-version.js';
import { computeDiff } from './compute-diff.js';
import { type Edit, runEdit } from './run-edit.js';
import type { Decision, WriteRequest } from './write-command.js';
import type { WriteTools } from './write-tools.js';

/** What `findOneAndUpdate` answers. */
export interface UpdateResult<T> {
  /** The document after the edit; the caller's own copy. */
  readonly document: T;
  /** What changed; `hasChanges: false` when the edit changed nothing: then nothing was written or recorded. */
  readonly diff: Diff;
}

/** Runs the edit and records what it changed; without a promise where nothing has to be waited for. */
export function decideUpdate(
  request: WriteRequest,
  edit: Edit<Image>,
  expected: number | 'any',
  base: DocumentState,
  call: number,
  tools: WriteTools,
): MaybePromise<Decision<UpdateResult<Image>>> {
  const before = base.image;
  if (before === null) throw new DocumentNotFoundError(request.address);
  if (base.version === 0) throw new HistoryMissingError(request.address);
  const refusal = checkExpectedVersion(request, expected, base, tools);
  if (refusal !== undefined) return refusal;
  const now = Math.max(tools.now(), base.timestamp);
  const record = (after: Image): Decision<UpdateResult<Image>> => recorded(request, base, before, after, now, tools);
  const cast = (left: Image): MaybePromise<Image> => castEdited(before, left, new Date(now), tools);
  const left = runEdit(edit, before, { attempt: call });
  const after = left instanceof Promise ? left.then(cast) : cast(left);
  return after instanceof Promise ? after.then(record) : record(after);
}

function recorded(request: WriteRequest, base: DocumentState, before: Image, after: Image, now: number, tools: WriteTools): Decision<UpdateResult<Image>> {
  const { version } = base;
  const diff = diffOf(before, after, tools);
  if (isEmpty(diff)) return { kind: 'answer', answer: () => unchanged(before, version) };

  const { versionField } = tools.options;
  const stored: Image = { ...after, [versionField]: version + 1 };
  const change = buildChange(request, base, stored, { operation: 'update', diff }, now, tools);
  warnOfLongHistory(request, version + 1, tools);
  return {
    kind: 'change',
    change,
    answer: () => ({
      document: cloneValue(stored),
      diff: { hasChanges: true, version: version + 1, set: cloneValue(diff.set), unset: [...diff.unset] },
    }),
  };
}

/** The image to be written; `before` itself when the edit changed nothing. */
function castEdited(before: Image, edited: Image, now: Date, tools: WriteTools): MaybePromise<Image> {
  if ('_id' in edited && !sameValue(edited['_id'], before['_id'])) {
    throw new InvalidArgumentError("the edit's result", 'it has another _id than the document; a document keeps its _id for life');
  }
  const raw = diffOf(before, edited, tools);
  return isEmpty(raw) ? before : tools.caster.castChanges(before, edited, raw, now);
}

function diffOf(before: Image, after: Image, tools: WriteTools): DiffPaths {
  if (before === after) return { set: {}, unset: [] };
  try {
    return computeDiff(before, after, { versionField: tools.options.versionField });
  } catch (error) {
    if (error instanceof InvalidValueError) throw new InvalidArgumentError("the edit's result", `${error.path} ${error.reason}`, { cause: error });
    throw error;
  }
}

function isEmpty(diff: DiffPaths): boolean {
  if (diff.unset.length > 0) return false;
  for (const _path in diff.set) return false;
  return true;
}

function warnOfLongHistory(request: WriteRequest, events: number, tools: WriteTools): void {
  const { warnHistoryLength } = tools.options;
  if (warnHistoryLength > 0 && events % warnHistoryLength === 0) {
    tools.warn(`${request.address}@${events}: the history is long (warnHistoryLength ${warnHistoryLength}); createSnapshot() makes its states cheap to find`);
  }
}

function unchanged(image: Image, version: number): UpdateResult<Image> {
  return { document: cloneValue(image), diff: { hasChanges: false, version, set: {}, unset: [] } };
}
