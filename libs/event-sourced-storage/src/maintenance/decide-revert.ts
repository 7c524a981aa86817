import { DocumentNotFoundError } from '../errors/document-not-found.error.js';
import { DocumentValidationError } from '../errors/document-validation.error.js';
import { HistoryMissingError } from '../errors/history-missing.error.js';
import { InvalidArgumentError } from '../errors/invalid-argument.error.js';
import { VersionConflictError } from '../errors/version-conflict.error.js';
import { applyDiff } from '../model/apply-diff.js';
import { cloneValue, InvalidValueError, isPlainObject, sameValue } from '../model/bson-values.js';
import { followPath, refuseUnnameableFields, splitPath } from '../model/diff-path.js';
import type { Diff, DiffPaths, Image } from '../model/diff.js';
import type { DocumentState } from '../read/document-state.js';
import { buildChange } from '../write/build-change.js';
import { checkExpectedVersion } from '../write/check-expected-version.js';
import { computeDiff } from '../write/compute-diff.js';
import type { Decision, WriteRequest } from '../write/write-command.js';
import type { WriteTools } from '../write/write-tools.js';
import { diffStates } from './diff-states.js';

/** What `revert` answers. */
export interface RevertResult<T> {
  /** The document after it; the caller's own copy. */
  readonly document: T;
  /** What changed; `hasChanges: false` when the document was as at that version: then nothing was written or recorded. */
  readonly diff: Diff;
  /** The document was deleted and is there again. */
  readonly recreated: boolean;
}

/** What is to come back. */
export interface RevertPlan {
  readonly toVersion: number;
  /** The state at that version. */
  readonly target: Image;
  /** Dotted paths; `undefined`: all of it. */
  readonly fields: readonly string[] | undefined;
}

/** What the document shall be, before the schema is asked. */
export interface Wanted {
  readonly image: Image;
  readonly diff: Diff;
}

/** Decides the change that gives an existing document its old state. */
export async function decideRevert(request: WriteRequest, plan: RevertPlan, expected: number | 'any', base: DocumentState, tools: WriteTools): Promise<Decision<RevertResult<Image>>> {
  const before = base.image;
  if (before === null) throw new DocumentNotFoundError(request.address);
  if (base.version === 0) throw new HistoryMissingError(request.address);
  await checkExpectedVersion(request, expected, base, tools);
  const { versionField } = tools.options;
  const wanted = wantedState(plan, base, versionField);
  if (!wanted.diff.hasChanges) return { kind: 'answer', answer: () => ({ document: cloneValue(before), diff: wanted.diff, recreated: false }) };
  const now = Math.max(tools.now(), base.timestamp);
  const after = await castOld(request, plan, before, wanted.image, now, tools);
  const stored: Image = { ...after, [versionField]: base.version + 1 };
  const diff = nameable(() => computeDiff(before, stored, { versionField }));
  return {
    kind: 'change',
    change: buildChange(request, base, stored, { operation: 'update', diff }, now, tools),
    answer: () => ({ document: cloneValue(stored), diff: { hasChanges: true, version: base.version + 1, set: cloneValue(diff.set), unset: [...diff.unset] }, recreated: false }),
  };
}

/** Decides the change that brings a deleted document back as it was. */
export async function decideRecreate(request: WriteRequest, plan: RevertPlan, expected: number | 'any', base: DocumentState, tools: WriteTools): Promise<Decision<RevertResult<Image>>> {
  if (base.image !== null || (expected !== 'any' && base.version !== expected)) {
    throw new VersionConflictError({ address: request.address, expected: expected === 'any' ? 'no-document' : expected, found: base.version, attempts: 1, advice: 'Look at the history again and decide anew.' });
  }
  const { versionField } = tools.options;
  const wanted = wantedState(plan, base, versionField);
  const now = Math.max(tools.now(), base.timestamp);
  const after: Image = { ...wanted.image, [versionField]: base.version + 1 };
  await checkNew(request, plan, wanted.image, now, tools);
  return {
    kind: 'change',
    change: buildChange(request, base, after, { operation: 'create', createdDoc: after }, now, tools),
    answer: () => ({ document: cloneValue(after), diff: cloneValue(wanted.diff), recreated: true }),
  };
}

/** What the document shall be, and how far that is from what it is. @throws InvalidArgumentError for fields that cannot come back */
export function wantedState({ target, fields }: RevertPlan, base: DocumentState, versionField: string): Wanted {
  const before = base.image;
  if (before === null && fields !== undefined) throw new InvalidArgumentError('fields', 'the document is deleted; revert it as a whole');
  const image = before === null || fields === undefined ? target : withFields(before, target, fields, versionField);
  const { hasChanges, set, unset } = diffStates(before, image, { from: base.version, to: base.version + 1, versionField });
  return { image, diff: { hasChanges, version: hasChanges ? base.version + 1 : base.version, set, unset } };
}

function withFields(before: Image, target: Image, fields: readonly string[], versionField: string): Image {
  const set: Record<string, unknown> = {};
  const unset: string[] = [];
  try {
    for (const field of new Set(fields)) {
      const segments = splitPath(field);
      if (segments[0] === '_id' || segments[0] === versionField) throw new InvalidArgumentError('fields', `"${field}" is the storage's own`);
      const { value } = followPath(target, segments);
      if (value === undefined) unset.push(field);
      else set[field] = value;
    }
    return applyDiff(before, { set, unset });
  } catch (error) {
    if (error instanceof InvalidValueError) throw new InvalidArgumentError('fields', error.message, { cause: error });
    throw error;
  }
}

/** Casts and validates as an edit would; what the schema would not keep as it was is refused. */
async function castOld(request: WriteRequest, plan: RevertPlan, before: Image, wanted: Image, now: number, tools: WriteTools): Promise<Image> {
  const { versionField } = tools.options;
  const changes = nameable(() => computeDiff(before, wanted, { versionField }));
  const cast = await tools.caster.castChanges(before, wanted, changes, new Date(now));
  const { updatedAt, names } = tools.caster.timestamps(before);
  refuseOther(request, plan, wanted, cast, names, versionField);
  if (updatedAt === undefined) return wanted;
  const { value } = followPath(cast, splitPath(updatedAt));
  return value === undefined ? wanted : applyDiff(wanted, { set: { [updatedAt]: value }, unset: [] });
}

/** A document that comes back is validated as a new one, but is not given the defaults of today: it did not have them. */
async function checkNew(request: WriteRequest, plan: RevertPlan, wanted: Image, now: number, tools: WriteTools): Promise<void> {
  const { versionField } = tools.options;
  try {
    refuseUnnameableFields(wanted);
  } catch (error) {
    if (error instanceof InvalidValueError) throw new DocumentValidationError(request.address, { [error.path]: error.reason }, { cause: error });
    throw error;
  }
  const { [versionField]: _version, ...fields } = wanted;
  const cast = await tools.caster.castNew(request.documentId, fields, new Date(now));
  const { names } = tools.caster.timestamps(wanted);
  refuseOther(request, plan, wanted, withoutAdditions(cast, wanted) as Image, names, versionField);
}

function refuseOther(request: WriteRequest, { toVersion }: RevertPlan, wanted: Image, cast: Image, timestamps: ReadonlySet<string>, versionField: string): void {
  const { set, unset } = computeDiff(without(wanted, timestamps) as Image, without(cast, timestamps) as Image, { versionField });
  const paths = [...Object.keys(set), ...unset];
  if (paths.length === 0) return;
  const reason = `the present schema does not keep the value that it had at version ${toVersion}`;
  throw new DocumentValidationError(request.address, Object.fromEntries(paths.map((path) => [path, reason])));
}

/** Fields that only the schema put there are left out. */
function withoutAdditions(cast: unknown, wanted: unknown): unknown {
  if (Array.isArray(cast) && Array.isArray(wanted)) return cast.map((item: unknown, index) => withoutAdditions(item, wanted[index]));
  if (!isPlainObject(cast) || !isPlainObject(wanted) || sameValue(cast, wanted)) return cast;
  return Object.fromEntries(Object.entries(cast).flatMap(([key, value]) => (Object.hasOwn(wanted, key) ? [[key, withoutAdditions(value, wanted[key])]] : [])));
}

function without(value: unknown, names: ReadonlySet<string>): unknown {
  if (names.size === 0) return value;
  if (Array.isArray(value)) return value.map((item) => without(item, names));
  if (!isPlainObject(value)) return value;
  return Object.fromEntries(Object.entries(value).flatMap(([key, item]) => (names.has(key) ? [] : [[key, without(item, names)]])));
}

function nameable(diff: () => DiffPaths): DiffPaths {
  try {
    return diff();
  } catch (error) {
    if (error instanceof InvalidValueError) throw new InvalidArgumentError('toVersion', error.message, { cause: error });
    throw error;
  }
}
