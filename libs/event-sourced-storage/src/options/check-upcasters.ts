import type { Upcaster } from '../model/upcaster.js';

/** What is wrong with the upcasters of one feature, added to `problems`. */
export function checkUpcasters(where: string, upcasters: readonly Upcaster[], schemaVersion: number | undefined, problems: string[]): void {
  const given: unknown = upcasters;
  if (!Array.isArray(given)) {
    problems.push(`${where}: upcasters must be an array`);
    return;
  }
  const before = problems.length;
  for (const [index, upcaster] of upcasters.entries()) problems.push(...wrongIn(upcaster).map((problem) => `${where}: upcasters[${index}] ${problem}`));
  if (problems.length > before || upcasters.length === 0) return;
  if (schemaVersion === undefined) problems.push(`${where}: upcasters need a schemaVersion, the shape that they lead to`);
  else problems.push(...brokenChain(upcasters, schemaVersion).map((problem) => `${where}: ${problem}`));
}

function wrongIn(upcaster: unknown): string[] {
  const { from, to, up } = (upcaster ?? {}) as Readonly<Record<keyof Upcaster, unknown>>;
  const problems: string[] = [];
  if (!Number.isSafeInteger(from) || (from as number) < 1) problems.push(`must have a positive integer as from, it is ${String(from)}`);
  if (!Number.isSafeInteger(to) || (to as number) <= (from as number)) problems.push(`must lead to a larger integer than ${String(from)}, it leads to ${String(to)}`);
  if (typeof up !== 'function') problems.push('must have a function up(event)');
  return problems;
}

/** Every shape from the lowest on has to lead, in one way, to the present one. */
function brokenChain(upcasters: readonly Upcaster[], schemaVersion: number): string[] {
  const problems: string[] = [];
  const sources = new Set<number>();
  for (const { from } of upcasters) {
    if (sources.has(from)) problems.push(`two upcasters take events of shape ${from}`);
    sources.add(from);
  }
  for (const { from, to } of upcasters) {
    if (to > schemaVersion) problems.push(`the upcaster from ${from} leads to ${to}, beyond the schemaVersion ${schemaVersion}`);
    else if (to !== schemaVersion && !sources.has(to)) problems.push(`no upcaster takes events of shape ${to}, to which the one from ${from} leads; the schemaVersion is ${schemaVersion}`);
  }
  for (let shape = Math.min(...sources); shape < schemaVersion; shape++) {
    if (!sources.has(shape)) problems.push(`no upcaster takes events of shape ${shape}; the schemaVersion is ${schemaVersion}`);
  }
  return [...new Set(problems)];
}
