// Who may import whom: the rules of .dependency-cruiser.cjs over libs, src, test and tools.
import { existsSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, relative, sep } from 'node:path';
import { cruise } from 'dependency-cruiser';
import extractTSConfig from 'dependency-cruiser/config-utl/extract-ts-config';

const { forbidden, options } = createRequire(import.meta.url)('../.dependency-cruiser.cjs');
const code = /(?<!\.d)\.[mc]?[jt]s$/;
const skipped = new Set(['node_modules', 'dist', 'coverage']);

export const ruleNames = forbidden.map(({ name }) => name);

/** Reads the imports below one root; `problems` has one line for each that is not allowed, and for each file that was overlooked. */
export async function checkImports(folder) {
  const files = checkedFiles(folder);
  const before = process.cwd();
  process.chdir(folder); // dependency-cruiser resolves packages and settings from there
  try {
    const tsConfig = extractTSConfig(options.tsConfig.fileName);
    const { enhancedResolveOptions, ...cruiseOptions } = options;
    const { output } = await cruise(files, { ...cruiseOptions, validate: true, ruleSet: { forbidden } }, enhancedResolveOptions, { tsConfig });
    const violations = output.summary.violations.map(({ rule, from, to, cycle }) => ({ rule: rule.name, from, to, cycle }));
    return { files, violations, problems: [...overlooked(files, output.modules), ...violations.map(inWords)] };
  } finally {
    process.chdir(before);
  }
}

/** A parser that does not know TypeScript sees no files or no imports, and finds nothing wrong. */
export function overlooked(files, modules) {
  const seen = new Set(modules.map(({ source }) => source));
  const blind = files.length === 0 || modules.every(({ dependencies }) => dependencies.length === 0);
  return [...files.filter((file) => !seen.has(file)).map((file) => `${file} was not looked at`), ...(blind ? ['no import was seen at all'] : [])];
}

function checkedFiles(folder) {
  const all = ['libs', 'src', 'test', 'tools'].flatMap((top) => sourcesBelow(join(folder, top)));
  const named = all.map((file) => relative(folder, file).split(sep).join('/'));
  return named.filter((file) => !file.startsWith('tools/consumers/')); // applications outside, with packages of their own
}

function sourcesBelow(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return skipped.has(entry.name) ? [] : sourcesBelow(path);
    return code.test(entry.name) ? [path] : [];
  });
}

function inWords({ rule, from, to, cycle }) {
  const { comment } = forbidden.find(({ name }) => name === rule);
  const way = cycle ? cycle.map(({ name }) => name).join(' -> ') : to;
  return `${from} -> ${way}\n    ${rule}: ${comment}`;
}
