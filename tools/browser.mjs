// A Chromium for the tests of the pages: CHROME_PATH, else the one inside the package @sparticuz/chromium (Linux x64), else one of the system.
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { homedir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { chromium } from 'playwright-core';

const run = promisify(execFile);
const packaged = '@sparticuz/chromium';
const unpackMs = 120_000;
const names = ['chromium', 'chromium-browser', 'chromium-headless-shell', 'google-chrome', 'google-chrome-stable'];
const macs = ['/Applications/Google Chrome.app/Contents/MacOS/Google Chrome', '/Applications/Chromium.app/Contents/MacOS/Chromium'];
// no sandbox: it cannot be had as root or in most containers, and only our own pages are opened
const args = ['--no-sandbox', '--disable-dev-shm-usage'];

/** @type {typeof import('./browser.mjs').launchBrowser} */
export async function launchBrowser() {
  const reasons = [];
  for (const [source, find] of ways()) {
    try {
      return await chromium.launch({ ...(await find()), args });
    } catch (error) {
      reasons.push(`  - ${source}: ${error.message.split('\n')[0]}`);
    }
  }
  throw new Error(`No browser for the tests of the pages. Tried:
${reasons.join('\n')}
One of these helps:
  - CHROME_PATH=/path/to/a/chromium
  - on Linux x64: npm ci, which brings one
  - on Debian and Ubuntu: apt-get install chromium-headless-shell`);
}

function ways() {
  const wanted = process.env.CHROME_PATH;
  if (wanted) return [[`CHROME_PATH=${wanted}`, () => ({ executablePath: wanted })]]; // an explicit wish is never replaced by something else
  return [
    [packaged, fromPackage],
    ['a browser of the system', fromSystem],
  ];
}

/**
 * Left to itself the package unpacks into the temporary folder, under one name for all versions and without a lock: two test runs
 * at once would run half a file. So it unpacks in a process of its own into an empty folder, which then takes its final name at once.
 */
async function fromPackage() {
  if (process.platform !== 'linux' || process.arch !== 'x64') throw new Error('for Linux x64 only');
  const root = packageRoot();
  const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
  const folder = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), `sparticuz-chromium-${version}`);
  if (!existsSync(join(folder, 'chromium'))) await unpack(root, folder);
  // the few system libraries that it needs come with it
  return { executablePath: join(folder, 'chromium'), env: { ...process.env, LD_LIBRARY_PATH: join(folder, 'al2023', 'lib') } };
}

function packageRoot() {
  const main = createRequire(import.meta.url).resolve(packaged);
  const end = main.split('\\').join('/').lastIndexOf(`${packaged}/`);
  return main.slice(0, end + packaged.length);
}

async function unpack(root, folder) {
  await mkdir(dirname(folder), { recursive: true });
  const temporary = await mkdtemp(`${folder}.tmp-`); // beside the target: rename() is atomic, nobody ever sees half a browser
  try {
    const code = `import('${packaged}').then((m) => m.default.executablePath())`;
    const env = { ...process.env, TMPDIR: temporary, AWS_EXECUTION_ENV: 'AWS_Lambda_nodejs22.x' }; // asks for the libraries too
    await run(process.execPath, ['-e', code], { cwd: root, env, timeout: unpackMs });
    if (!existsSync(join(temporary, 'chromium'))) throw new Error('unpacked, but no browser was in it');
    await rename(temporary, folder).catch((error) => {
      if (!existsSync(join(folder, 'chromium'))) throw error; // else another process was first
    });
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

function fromSystem() {
  const folders = (process.env.PATH ?? '').split(delimiter);
  const found = [...folders.flatMap((folder) => names.map((name) => join(folder, name))), ...macs].find((file) => existsSync(file));
  if (!found) throw new Error('none found');
  return { executablePath: found };
}
