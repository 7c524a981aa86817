/** Deeper than any body of this application; what copies a body recurses, and must not be made to overflow. */
const maxDepth = 8;

/** What is wrong with the keys of a parsed JSON body, or `undefined`. */
export function findHostileKey(value: unknown, depth = 0): string | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  if (depth === maxDepth) return `The body is nested more than ${maxDepth} levels deep.`;
  for (const [key, inner] of Object.entries(value)) {
    const problem = isHostile(key) ? `The key ${key} is refused.` : findHostileKey(inner, depth + 1);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

/** What every object inherits, `__proto__` and `toString` among it: whatever copies the body drops such a key silently, or worse, follows it. */
function isHostile(key: string): boolean {
  return key in Object.prototype || key === 'prototype';
}
