import { InvalidArgumentError } from '../errors/invalid-argument.error.js';
import { cloneValue, InvalidValueError } from '../model/bson-values.js';
import type { Diff, DiffPaths, Image } from '../model/diff.js';
import { computeDiff } from '../write/compute-diff.js';

/** What `diffBetween` answers: applied to the state at the first version, it gives the state at the second. */
export interface StateDiff extends Diff {
  /** The version it leads away from. */
  readonly from: number;
  /**
   * What happened to the document between the two, all in all: `'create'` when it did not exist at the first version, and `set` holds every
   * field; `'delete'` when it does not exist at the second, and `unset` names every field; `'none'` without a difference.
   */
  readonly change: 'none' | 'create' | 'update' | 'delete';
}

/**
 * The difference of two states of one document; `null` stands for "does not exist". `_id` and the version field are in no diff.
 * @throws InvalidArgumentError for a field that a path cannot name
 */
export function diffStates(before: Image | null, after: Image | null, versions: { readonly from: number; readonly to: number; readonly versionField: string }): StateDiff {
  const { set, unset } = cloneValue(pathsBetween(before ?? {}, after ?? {}, versions.versionField));
  const exists = { before: before !== null, after: after !== null };
  const isSame = Object.keys(set).length === 0 && unset.length === 0;
  const change = exists.before === exists.after ? (isSame ? 'none' : 'update') : exists.after ? 'create' : 'delete';
  return { hasChanges: change !== 'none', version: versions.to, from: versions.from, change, set, unset };
}

function pathsBetween(before: Image, after: Image, versionField: string): DiffPaths {
  try {
    return computeDiff(before, after, { versionField });
  } catch (error) {
    if (error instanceof InvalidValueError) throw new InvalidArgumentError('version', `the states cannot be compared: ${error.message}`, { cause: error });
    throw error;
  }
}
