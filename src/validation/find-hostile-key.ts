/** Keys that JSON can carry and that reach a prototype when somebody copies them: a silently dropped one would look like a success. */
const refused: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype']);

/** Deeper than any body of this application; what copies a body recurses, and must not be made to overflow. */
const maxDepth = 8;

/** What is wrong with the keys of a parsed JSON body, or `undefined`. */
export function findHostileKey(value: unknown, depth = 0): string | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  if (depth === maxDepth) return `The body is nested more than ${maxDepth} levels deep.`;
  for (const [key, inner] of Object.entries(value)) {
    const problem = refused.has(key) ? `The key ${key} is refused.` : findHostileKey(inner, depth + 1);
    if (problem !== undefined) return problem;
  }
  return undefined;
}
