// npm run check:imports. `--self-test` plants bad imports into a copy of the sources and fails when one is not found.
import { fileURLToPath } from 'node:url';
import { checkImports, ruleNames } from './import-rules.mjs';
import { selfTest } from './import-rules.self-test.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const { summary, problems } = process.argv.includes('--self-test') ? await selfTest(root) : await report();
for (const problem of problems) console.error(problem);
console.log(`import rules: ${problems.length ? `${problems.length} problems` : `ok, ${summary}`}`);
process.exitCode = problems.length ? 1 : 0;

async function report() {
  const { files, problems: found } = await checkImports(root);
  return { summary: `${files.length} files, ${ruleNames.length} rules`, problems: found };
}
