import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { bootstrap } from '../src/bootstrap.js';
import { parseCurl, sendCurl } from './support/curl.js';
import { type RunningApp, startApp, testDatabase } from './support/start-app.js';

interface Route {
  readonly path: string;
  readonly methods: Readonly<Record<string, boolean>>;
}

interface DocumentedAnswer {
  readonly headers?: object;
  readonly content: { readonly 'application/json': { readonly example?: object } };
}

describe('Pages of the sample', () => {
  let running: RunningApp;

  beforeAll(async () => {
    running = await startApp('pages');
  });
  afterAll(() => running.close());

  it('the first page says what this is, and every link on it works', async () => {
    const { text, headers } = await running.http.get('/').expect(200);
    expect(headers['content-type']).toMatch(/^text\/html/);
    expect(text).toContain('<h1>Boss raid');
    const links = [...text.matchAll(/href="(\/[^"]*)"/g)].map(([, path = '']) => path);
    expect(links).toEqual(expect.arrayContaining(['/raid.css', '/about', '/games', '/leaderboard', '/activity', '/docs', '/health']));
    for (const link of links) await running.http.get(link).redirects(1).expect(200);
  });

  it('the first page has neither inline scripts nor inline styles, and its policy forbids them, and everything from elsewhere', async () => {
    const { text, headers } = await running.http.get('/');
    expect(headers['content-security-policy']).toBe(
      "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'",
    );
    expect(text.match(/<script[^>]*>[^<]*/g)).toEqual(['<script type="module" src="/raid.js">']);
    expect(text).not.toMatch(/<style|\sstyle=|\son\w+=|javascript:/i);
  });

  it('the files of the first page are asked for each time, and sent when they have changed', async () => {
    for (const path of ['/', '/raid.js', '/raid.css']) {
      const { headers } = await running.http.get(path).expect(200);
      expect(headers).toMatchObject({ 'cache-control': 'no-cache', 'x-content-type-options': 'nosniff', etag: expect.any(String) });
      await running.http.get(path).set('If-None-Match', String(headers['etag'])).expect(304);
    }
  });

  it('the script of the first page stays below 20 kB as it travels, and makes markup of nothing', async () => {
    const { text } = await running.http.get('/raid.js');
    expect(gzipSync(text).length).toBeLessThan(20_000);
    expect(text).not.toMatch(/innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function/);
  });

  it('the page that explains says what this is, and every link on it works', async () => {
    const { text } = await running.http.get('/about').expect(200);
    const links = [...text.matchAll(/href="(\/[^"]*)"/g)].map(([, path = '']) => path);
    expect(links).toEqual(expect.arrayContaining(['/home.css', '/', '/games', '/docs']));
    for (const link of links) await running.http.get(link).redirects(1).expect(200);
  });

  it('the page that explains needs neither scripts nor inline styles, and its policy forbids them', async () => {
    const { text, headers } = await running.http.get('/about');
    expect(headers['content-security-policy']).toBe("default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
    expect(text).not.toMatch(/<script|<style|\sstyle=|\son\w+=|javascript:/i);
  });

  it('the commands on the page that explains name the address it was reached at, and nothing a visitor could smuggle in', async () => {
    expect(await pageAt('raid.example:8080', running)).toContain('URL=http://raid.example:8080\n');
    expect(await pageAt('[::1]:3000', running)).toContain('URL=http://[::1]:3000\n');
    for (const host of ['a"><b>', "x;echo'1'", '$(id)', 'a/b', '`id`']) expect(await pageAt(host, running)).toContain('URL=http://localhost:3000\n');
  });

  it('the commands on the page that explains do what the page says', async () => {
    const { text } = await running.http.get('/about');
    const id = /ID=([0-9a-f]{24})/.exec(text)?.[1];
    const commands = [...text.matchAll(/<pre tabindex="0"><code>([^<]*)<\/code>/g)].map(([, command]) => command ?? '');
    const answers: { status: number; body: unknown }[] = [];
    for (const command of commands.slice(1)) {
      const request = parseCurl(command.replaceAll('&quot;', '"'), { URL: '', ID: id ?? '' });
      answers.push(await sendCurl(request, running.port));
    }
    const [created, changed, deleted, missed, before] = answers;
    expect(answers.map(({ status }) => status)).toEqual([201, 200, 200, 200, 200]);
    expect(created?.body).toMatchObject({ _id: id, version: 1 });
    expect(changed?.body).toMatchObject({ gold: 150, experience: 300, version: 2 });
    expect(deleted?.body).toEqual({ deleted: true, version: 3 });
    expect(missed?.body).toEqual([expect.objectContaining({ operation: 'update' }), expect.objectContaining({ operation: 'delete' })]);
    expect(before?.body).toEqual(changed?.body);
  });

  it('the OpenAPI document names every route of the application', async () => {
    const { body } = await running.http.get('/docs-json').expect(200);
    const paths: Record<string, object> = body.paths;
    const documented = Object.entries(paths).flatMap(([path, methods]) => Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`));
    expect(documented.toSorted()).toEqual(routesOf(running).toSorted());
    expect(documented).toHaveLength(21);
  });

  it('the OpenAPI document describes headers, examples and errors', async () => {
    const { paths, components } = (await running.http.get('/docs-json')).body;
    const patch: { parameters: { name: string }[]; responses: Record<string, DocumentedAnswer> } = paths['/games/{id}'].patch;
    expect(patch.parameters.map(({ name }) => name).toSorted()).toEqual(['Idempotency-Key', 'If-Match', 'id', 'x-client-id']);
    expect(Object.keys(patch.responses)).toEqual(expect.arrayContaining(['200', '400', '404', '409', '412', '413', '503']));
    expect(patch.responses['200']?.headers).toHaveProperty('ETag');
    expect(Object.keys(patch.responses['412']?.content['application/json'].example ?? {})).toEqual(['code', 'message', 'expected', 'found']);
    expect(Object.keys(components.schemas).toSorted()).toEqual([
      'ActivityAnswer',
      'AddLootDto',
      'BossAnswer',
      'BossDto',
      'ChangeAnswer',
      'ComparisonAnswer',
      'CreateEventAnswer',
      'CreateGameDto',
      'DeleteAnswer',
      'DeleteEventAnswer',
      'DiffAnswer',
      'ErrorBody',
      'GameAnswer',
      'HeroAnswer',
      'HistoryAnswer',
      'HistoryEntryAnswer',
      'HitDto',
      'RankAnswer',
      'RevertDto',
      'SnapshotsAnswer',
      'UpdateEventAnswer',
    ]);
    expect(components.schemas.AddLootDto.properties.gold.example).toBe(50);
    expect(paths['/games/{id}/events'].get.responses['200'].content['application/json'].schema.items.oneOf).toHaveLength(3);
  });

  it('the OpenAPI page is there', async () => {
    const { text } = await running.http.get('/docs').redirects(1).expect(200);
    expect(text).toContain('Boss raid');
    await running.http.get('/docs/swagger-ui-bundle.js').expect(200);
  });

  it('health says that the database answers', async () => {
    expect((await running.http.get('/health').expect(200)).body).toMatchObject({ status: 'ok', details: { mongodb: { status: 'up' } } });
  });

  it('a second application on a taken port fails with the reason and leaves nothing running', async () => {
    await expect(bootstrap({ mongoUri: testDatabase('pages'), port: running.port, logger: false })).rejects.toMatchObject({ code: 'EADDRINUSE' });
  });
});

describe('Health without a database', () => {
  it('answers 503 in the form of every error', async () => {
    const running = await startApp('health');
    try {
      await running.connection.close();
      const { body, headers } = await running.http.get('/health').expect(503);
      expect(body).toMatchObject({ code: 'SERVICE_UNAVAILABLE', message: expect.any(String), details: { mongodb: { status: 'down' } } });
      expect(headers['retry-after']).toBe('1');
    } finally {
      await running.close();
    }
  });
});

/** What the router really serves, without the pages. */
function routesOf(running: RunningApp): string[] {
  const { router }: { router: { stack: { route?: Route }[] } } = running.app.getHttpAdapter().getInstance();
  return router.stack
    .flatMap(({ route }) => (route === undefined || isPage(route) ? [] : [route]))
    .flatMap(({ path, methods }) => Object.keys(methods).map((method) => `${method.toUpperCase()} ${path.replaceAll(/:(\w+)/g, '{$1}')}`));
}

async function pageAt(host: string, { http }: RunningApp): Promise<string> {
  const { text } = await http.get('/about').set('Host', host);
  return text;
}

function isPage({ path }: Route): boolean {
  return ['/', '/about', '/home.css', '/raid.css', '/raid.js'].includes(path) || path.startsWith('/docs');
}
