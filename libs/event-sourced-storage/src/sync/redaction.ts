import { isPlainObject } from '../model/bson-values.js';
import type { DiffPaths } from '../model/diff.js';

/** What somebody must not see of a document and its events. Named, so that everybody with the same view shares the same frames. */
export interface Redaction {
  /** The name of the class; empty for "everything may be seen". */
  readonly name: string;
  /** Facts of the event that are hidden. */
  readonly hidesClientId: boolean;
  readonly hidesAuthor: boolean;
  readonly hidesOperationId: boolean;
  /** The value with everything hidden taken out. The given one is not changed. */
  value(value: unknown): unknown;
  /** The same for a diff: also inside of values that replace a parent or a whole array. */
  diff(diff: DiffPaths): DiffPaths;
}

/** Everything may be seen. */
export const noRedaction: Redaction = { name: '', hidesClientId: false, hidesAuthor: false, hidesOperationId: false, value: (value) => value, diff: (diff) => diff };

/** The facts of an event that a redaction can name, beside paths of the document. */
const facts = ['@clientId', '@by', '@operationId'] as const;

/**
 * Whether a redaction can contain this: a dotted path of the document or one of `@clientId`, `@by`, `@operationId`.
 */
export function isRedactionPath(path: unknown): path is string {
  if (typeof path !== 'string') return false;
  return path.startsWith('@') ? (facts as readonly string[]).includes(path) : path.split('.').every((segment) => segment !== '') && path !== '_id';
}

/**
 * Hides dotted paths. `*` stands for any one key. Whole numbers in a document's path (indexes of arrays) match a rule that says nothing
 * of them: `players.token` hides the token of every player, in an array as in an object keyed by number.
 */
export function createRedaction(name: string, paths: readonly string[]): Redaction {
  const hides = new Set(paths.filter((path) => path.startsWith('@')));
  const rules = paths.filter((path) => !path.startsWith('@')).map((path) => path.split('.'));
  const start: Matches = rules.map((rule) => ({ rule, at: 0 }));
  return {
    name,
    hidesClientId: hides.has('@clientId'),
    hidesAuthor: hides.has('@by'),
    hidesOperationId: hides.has('@operationId'),
    value: (value) => visible(value, start),
    diff: ({ set, unset }) => ({
      set: Object.fromEntries(
        Object.entries(set).flatMap(([path, value]) => {
          const matches = follow(start, path.split('.'));
          return matches === hidden ? [] : [[path, visible(value, matches)]];
        }),
      ),
      unset: unset.filter((path) => follow(start, path.split('.')) !== hidden),
    }),
  };
}

/** Which rules have matched so far, and how much of each. */
type Matches = readonly { readonly rule: readonly string[]; readonly at: number }[];
const hidden = 'hidden';
const wholeNumber = /^\d+$/;

function step(matches: Matches, segment: string): Matches | typeof hidden {
  const next: { rule: readonly string[]; at: number }[] = [];
  for (const { rule, at } of matches) {
    if (rule[at] === segment || rule[at] === '*') {
      if (at + 1 === rule.length) return hidden;
      next.push({ rule, at: at + 1 });
    }
    if (wholeNumber.test(segment)) next.push({ rule, at });
  }
  return next;
}

function follow(start: Matches, segments: readonly string[]): Matches | typeof hidden {
  let matches: Matches | typeof hidden = start;
  for (const segment of segments) {
    matches = step(matches, segment);
    if (matches === hidden) return hidden;
  }
  return matches;
}

function visible(value: unknown, matches: Matches): unknown {
  if (matches.length === 0) return value;
  // a hidden element stays as null: without it the others would move up
  if (Array.isArray(value)) return value.map((item, index) => visibleChild(item, step(matches, String(index)), null));
  const fields: unknown = value instanceof Map ? Object.fromEntries(value as ReadonlyMap<string, unknown>) : value;
  if (!isPlainObject(fields)) return value;
  return Object.fromEntries(
    Object.entries(fields)
      .map(([key, item]) => [key, visibleChild(item, step(matches, key), undefined)] as const)
      .filter(([, item]) => item !== undefined),
  );
}

function visibleChild(item: unknown, matches: Matches | typeof hidden, instead: null | undefined): unknown {
  return matches === hidden ? instead : visible(item, matches);
}
