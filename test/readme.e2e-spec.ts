import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { parseCurl, sendCurl } from './support/curl.js';
import { type RunningApp, startApp } from './support/start-app.js';

const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');

describe('The walk-through of the README', () => {
  let running: RunningApp;

  beforeAll(async () => {
    running = await startApp('readme');
  });
  afterAll(() => running.close());

  it('answers what the README shows, but for times and generated ids', async () => {
    const [, block = ''] = /```console\n([^`]*)```/.exec(readme) ?? [];
    const [, ID = ''] = /^ID=([0-9a-f]{24})/m.exec(readme) ?? [];
    const steps = block.split(/^\$ /m).slice(1).map(readStep);
    expect(steps.length).toBeGreaterThanOrEqual(5);
    for (const { command, shown } of steps) {
      const { body } = await sendCurl(parseCurl(command, { URL: '', ID }), running.port);
      expect(withoutChance(body)).toEqual(withoutChance(JSON.parse(shown)));
    }
  });
});

/** A command may go on in indented lines; the answer follows. */
function readStep(text: string): { readonly command: string; readonly shown: string } {
  const [, command = '', shown = ''] = /^((?:.*\\\n)*.*)\n([^]*)$/.exec(text) ?? [];
  return { command, shown };
}

function withoutChance(value: unknown): unknown {
  const json = JSON.stringify(value, (key, inner: unknown) => (['lastUpdated', 'timestamp', 'operationId'].includes(key) ? typeof inner : inner));
  return JSON.parse(json);
}
