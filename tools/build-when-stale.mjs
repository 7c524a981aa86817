// Builds when something built is missing or older than what it is built from.
import { existsSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { npm } from './npm.mjs';

const isConfiguration = (name) => /^(package|nest-cli|tsconfig.*)\.json$/.test(name);
const isTest = (name) => /\.(spec|mongo-spec|contract)\.ts$/.test(name);

export function buildWhenStale(root) {
  if (isFresh(root)) return;
  console.log('Building ...');
  const { status } = npm(['run', '--silent', 'build'], { cwd: root, stdio: 'inherit' });
  if (status === 0) return;
  rmSync(appIn(root), { force: true }); // the compiler writes it in spite of errors, and it would pass for a fresh one
  throw new Error('The build failed: npm run build');
}

const appIn = (root) => join(root, 'dist', 'main.js');

/** The app is built last, after all workspaces. */
function isFresh(root) {
  const app = appIn(root);
  const folders = [root, ...workspaces(root)];
  if (![app, join(root, 'dist', 'page', 'raid.js'), ...folders.slice(1).flatMap(entry)].every((file) => existsSync(file))) return false;
  const built = statSync(app).mtimeMs;
  return folders.flatMap(sources).every((file) => statSync(file).mtimeMs <= built);
}

function workspaces(root) {
  const libs = join(root, 'libs');
  return readdirSync(libs)
    .map((name) => join(libs, name))
    .filter((folder) => existsSync(join(folder, 'package.json')));
}

function entry(workspace) {
  const { main } = JSON.parse(readFileSync(join(workspace, 'package.json'), 'utf8'));
  return main ? [join(workspace, main)] : [];
}

function sources(folder) {
  const configuration = readdirSync(folder).filter(isConfiguration);
  const src = join(folder, 'src');
  const code = existsSync(src) ? readdirSync(src, { recursive: true, withFileTypes: true }) : [];
  return [
    ...configuration.map((name) => join(folder, name)),
    ...code.filter((file) => file.isFile() && !isTest(file.name)).map((file) => join(file.parentPath ?? file.path, file.name)),
  ];
}
