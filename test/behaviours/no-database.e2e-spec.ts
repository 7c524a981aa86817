import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type BareMongod, startBareMongod } from '../support/bare-mongod.js';

const root = fileURLToPath(new URL('../..', import.meta.url));

interface End {
  readonly code: number | string | null | undefined;
  readonly output: string;
}

/** Without the database of this run, and without any way to find another one. */
function withoutDatabase(more: Record<string, string> = {}): NodeJS.ProcessEnv {
  const ours = new Set(['TEST_MONGOD', 'TEST_MONGODB_URI', 'MONGODB_URI', 'JEST_WORKER_ID', 'NODE_OPTIONS']);
  const others = Object.fromEntries(Object.entries(process.env).filter(([name]) => !ours.has(name)));
  return { ...others, MONGOMS_SYSTEM_BINARY: join(root, 'no', 'such', 'mongod'), ...more };
}

function run(args: readonly string[], env: NodeJS.ProcessEnv): Promise<End> {
  return new Promise((done) => {
    execFile(process.execPath, args, { cwd: root, env, timeout: 50_000 }, (error, stdout, stderr) => done({ code: error === null ? 0 : error.code, output: stdout + stderr }));
  });
}

describe('a test run without a database', () => {
  let standalone: BareMongod;

  beforeAll(async () => {
    standalone = await startBareMongod();
  });
  afterAll(() => standalone?.stop());

  const setUp = ['--input-type=module', '-e', "await (await import('./tools/test-database.mjs')).startTestDatabase(); process.exit(0);"];
  // one that needs no database itself: even that must not pass
  const jest = ['--experimental-vm-modules', 'node_modules/jest/bin/jest.js', 'test/behaviours/types.spec.ts', '--maxWorkers=1'];

  it('row 60: fails in its global set-up, and no test passes', async () => {
    const { code, output } = await run(jest, withoutDatabase());
    expect(code).toBe(1);
    expect(output).toContain('No MongoDB server found');
    expect(output).not.toMatch(/Tests:.*\bpassed\b/);
  });

  it('row 60: fails with what was tried and what helps, when no server can be found', async () => {
    const { code, output } = await run(setUp, withoutDatabase());
    expect(code).toBe(1);
    expect(output).toMatch(/No MongoDB server found\. Tried:\n {2}- MONGOMS_SYSTEM_BINARY=.*no.such.mongod: not found/);
    expect(output).toContain('MONGODB_URI=');
  });

  it('row 60: fails when the server of MONGODB_URI does not answer', async () => {
    const { code, output } = await run(setUp, withoutDatabase({ MONGODB_URI: 'mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=200' }));
    expect(code).toBe(1);
    expect(output).toContain('the server of MONGODB_URI does not answer');
  });

  it('row 60: fails when the server of MONGODB_URI is no replica set', async () => {
    const { code, output } = await run(setUp, withoutDatabase({ MONGODB_URI: standalone.uri }));
    expect(code).toBe(1);
    expect(output).toContain('MONGODB_URI is no replica set');
  });

  it('row 60: the very same set-up succeeds with the database of this run', async () => {
    expect(await run(setUp, withoutDatabase({ MONGODB_URI: process.env['TEST_MONGODB_URI'] ?? '' }))).toMatchObject({ code: 0 });
  });
});
