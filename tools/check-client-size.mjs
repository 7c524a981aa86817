// npm run check:client-size: the whole client as one minified file, compressed, must stay below its limit.
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { minify } from '@swc/core';

const limit = 6_000;
const entry = fileURLToPath(new URL('../libs/sync-client/dist/index.js', import.meta.url));
const importOrReexport = /^(?:import|export)\s*(?:\{([^}]*)\}\s*from\s*)?'([^']+)';$/gm;
const declaration = /^(?:export )?(?:async )?(?:function|class|const|let) (\w+)/gm;

if (!existsSync(entry)) throw new Error('the client is not built: npm run build:client');
const modules = modulesFrom(entry);
refuseClashes(modules);
const bundle = `${modules.map(({ body }) => body).join('\n')}\nexport {${exportsOf(entry).join()}};`;
const { code } = await minify(bundle, { module: true, compress: { passes: 3 }, mangle: { toplevel: true } });
const minified = Buffer.byteLength(code);
const compressed = gzipSync(code, { level: 9 }).length;
if (process.argv.includes('--print')) console.log(code);
console.log(`client: ${compressed} bytes gzipped (limit ${limit}), ${minified} minified, ${modules.length} files`);
process.exitCode = compressed > limit ? 1 : 0;

/** All files that the entry needs, each after those it needs itself. */
function modulesFrom(file, found = new Map()) {
  if (found.has(file)) return [];
  found.set(file, true);
  const text = readFileSync(file, 'utf8').replace(/^\/\/# sourceMappingURL.*$/gm, '');
  const needed = [...text.matchAll(importOrReexport)].map(([, , from]) => from);
  const foreign = needed.find((from) => !from.startsWith('./'));
  if (foreign) throw new Error(`${file} imports ${foreign}: the client has no dependencies`);
  if (/^import.*\bas\b/m.test(text)) throw new Error(`${file} imports under another name: this check does not know how`);
  const body = text.replace(importOrReexport, '').replace(/^export \{\};?$/gm, '').replace(/^export (?=(?:async )?(?:function|class|const|let) )/gm, '');
  if (/^(?:import|export)\b/m.test(body)) throw new Error(`${file} imports or exports in a way that this check does not know`);
  return [...needed.flatMap((from) => modulesFrom(join(dirname(file), from), found)), { file, body }];
}

/** Files share one scope here: a name that two of them use would change what they mean. */
function refuseClashes(all) {
  const names = all.flatMap(({ body }) => [...body.matchAll(declaration)].map(([, name]) => name));
  const twice = names.filter((name, index) => names.indexOf(name) !== index);
  if (twice.length) throw new Error(`declared in several files: ${twice.join(', ')}`);
}

function exportsOf(file) {
  const lists = [...readFileSync(file, 'utf8').matchAll(/^export \{([^}]*)\}/gm)];
  return lists.flatMap(([, names]) => names.split(',').map((name) => name.trim())).filter(Boolean);
}
