import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import * as library from 'nestjs-event-sourced-storage';
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

describe('The documentation', () => {
  it.each(['README.md', 'ARCHITECTURE.md', 'CHANGELOG.md'])('%s links to files that exist', (name) => {
    const page = new URL(`../${name}`, import.meta.url);
    const links = [...readFileSync(page, 'utf8').matchAll(/\]\((?!https?:|#)([^)#]+)/g)].map(([, link = '']) => link);
    expect(links.filter((link) => !existsSync(new URL(link, page)))).toEqual([]);
  });

  it('the README names every error of the library', () => {
    const errors = Object.keys(library).filter((name) => name.endsWith('Error'));
    expect(errors.filter((name) => !readme.includes(`\`${name}\``))).toEqual([]);
  });

  it('the README names every option of the library', () => {
    const source = readFileSync(new URL('../libs/event-sourced-storage/src/options/storage-options.ts', import.meta.url), 'utf8');
    const options = [...source.matchAll(/^ {2}(\w+)\?:/gm)].map(([, option = '']) => option);
    expect(options.length).toBeGreaterThan(15);
    expect(options.filter((option) => !readme.includes(`\`${option}\``))).toEqual([]);
  });

  it('the architecture names every room of the library', () => {
    const rooms = readdirSync(new URL('../libs/event-sourced-storage/src', import.meta.url), { withFileTypes: true }).filter((entry) => entry.isDirectory());
    const architecture = readFileSync(new URL('../ARCHITECTURE.md', import.meta.url), 'utf8');
    expect(rooms.map(({ name }) => name).filter((name) => !architecture.includes(`| \`${name}/\` |`))).toEqual([]);
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
