// The page of the sample: its modules, with the sync client in them, become one file; page and style sheet stand beside it. All in dist/page.
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const target = ['chrome123', 'firefox128', 'safari17.5']; // light-dark() in style sheets

export async function buildPage(root) {
  const source = join(root, 'src', 'raid', 'page');
  const { outputFiles } = await build({
    entryPoints: [join(source, 'main.ts')],
    tsconfig: join(source, 'tsconfig.json'),
    conditions: ['@event-sourced-storage/source'], // of the sync client: whether it was built does not matter
    bundle: true,
    minify: true,
    format: 'esm',
    charset: 'utf8',
    target,
    write: false,
    logLevel: 'error',
  });
  const folder = join(root, 'dist', 'page');
  mkdirSync(folder, { recursive: true });
  replace(join(folder, 'raid.js'), outputFiles[0].contents);
  for (const name of ['raid.html', 'raid.css']) replace(join(folder, name), readFileSync(join(source, name)));
}

/** At once, so that nobody reads half a file. */
function replace(file, contents) {
  const temporary = `${file}.${process.pid}`;
  writeFileSync(temporary, contents);
  renameSync(temporary, file);
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) await buildPage(fileURLToPath(new URL('..', import.meta.url)));
