import type { DiffPaths, Image } from './diff.js';
import { followPath, splitPath } from './diff-path.js';

/**
 * The diff that leads back: applied to the document after `diff` it gives `before`, the order of keys aside. The old values are shared
 * with `before`. Where `diff` created missing parents, the first of them is unset; where it made an array longer, the array is restored.
 * @throws InvalidValueError (an `Error` of that `name`) for a path that no diff contains
 */
export function inverseDiff(diff: DiffPaths, before: Image): DiffPaths {
  const steps = new Map<string, unknown>();
  for (const path of Object.keys(diff.set)) {
    const step = stepBack(splitPath(path), before);
    steps.set(step.path, step.value);
  }
  for (const path of diff.unset) {
    const { value } = followPath(before, splitPath(path));
    if (value !== undefined) steps.set(path, value); // else there was nothing to unset
  }
  return toDiff(steps);
}

/** The old value at a path; `undefined`: there was none. */
interface Step {
  readonly path: string;
  readonly value: unknown;
}

function stepBack(segments: readonly string[], before: Image): Step {
  const { depth, holder, value } = followPath(before, segments);
  if (value !== undefined) return { path: segments.join('.'), value };
  return Array.isArray(holder) ? { path: segments.slice(0, depth).join('.'), value: holder } : { path: segments.slice(0, depth + 1).join('.'), value };
}

function toDiff(steps: ReadonlyMap<string, unknown>): DiffPaths {
  const set: Record<string, unknown> = {};
  const unset: string[] = [];
  for (const [path, value] of steps) {
    if (isBelowAnother(path, steps)) continue;
    if (value === undefined) unset.push(path);
    else set[path] = value;
  }
  return { set, unset };
}

/** Restoring a whole array covers what else changed in it. */
function isBelowAnother(path: string, steps: ReadonlyMap<string, unknown>): boolean {
  for (let end = path.indexOf('.'); end !== -1; end = path.indexOf('.', end + 1)) {
    if (steps.has(path.slice(0, end))) return true;
  }
  return false;
}
