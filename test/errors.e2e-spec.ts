import { request as httpRequest } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import mongoose from 'mongoose';
import { newId, type RunningApp, startApp } from './support/start-app.js';

const client = { 'x-client-id': 'game-server' };
const json = { ...client, 'content-type': 'application/json' };
const game = { name: 'Raid on the Iron Keep' };

interface HostileRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly headers?: Record<string, string>;
  /** Sent as it is. */
  readonly body?: string | Buffer;
  readonly status?: number;
}

const id = newId(); // exists, at version 2
const long = 'x'.repeat(10_000);
const malformedIds = ['1', 'x'.repeat(24), 'a'.repeat(12), `${id}0`, `${id}%00`, `${id}%0A`, '%7B%22$ne%22:null%7D', '[object%20Object]', '__proto__', long, '%F0%9F%98%80'];
const badNames: unknown[] = ['', '   ', 'x'.repeat(101), long, 'a\u0000b', 'a\nb', '\ud800', null, 7, true, [], ['x'], [['x']], {}, { $ne: null }, { toString: 'x' }];
const badNumbers: unknown[] = ['50', '', '1e3', true, null, [], [50], [[50]], {}, { $inc: 1 }, { $gt: '' }, { $numberLong: '1' }];
const badWholeNumbers = ['-1', '1.5', '1e1', '0x1', '+1', 'abc', '', '%20', '9007199254740992', 'NaN', 'Infinity', '1%00', long];

const hostileRequests: [string, HostileRequest][] = [
  ...malformedIds.flatMap((bad): [string, HostileRequest][] => [
    [`an id ${shorten(bad)}`, { method: 'GET', path: `/games/${bad}` }],
    [`an id ${shorten(bad)} to create`, { method: 'PUT', path: `/games/${bad}`, body: JSON.stringify(game) }],
    [`an id ${shorten(bad)} to change`, { method: 'PATCH', path: `/games/${bad}`, body: '{"gold":1}' }],
    [`an id ${shorten(bad)} to delete`, { method: 'DELETE', path: `/games/${bad}` }],
    [`an id ${shorten(bad)} with events`, { method: 'GET', path: `/games/${bad}/events` }],
    [`an id ${shorten(bad)} with a version`, { method: 'GET', path: `/games/${bad}/at/1` }],
  ]),
  ['an id that is no UTF-8', { method: 'GET', path: '/games/%E0%A4%A' }],
  ...badNames.flatMap((name): [string, HostileRequest][] => [
    [`a name ${shorten(name)}`, { method: 'POST', path: '/games', body: JSON.stringify({ name }) }],
    [`a name ${shorten(name)} under an id`, { method: 'PUT', path: `/games/${newId()}`, body: JSON.stringify({ name }) }],
  ]),
  ['no name', { method: 'POST', path: '/games', body: '{}' }],
  ...badNumbers.flatMap((gold): [string, HostileRequest][] => [
    [`gold ${shorten(gold)} of a new game`, { method: 'POST', path: '/games', body: JSON.stringify({ ...game, gold }) }],
    [`gold ${shorten(gold)} to add`, { method: 'PATCH', path: `/games/${id}`, body: JSON.stringify({ gold }) }],
    [`experience ${shorten(gold)} to add`, { method: 'PATCH', path: `/games/${id}`, body: JSON.stringify({ experience: gold }) }],
  ]),
  ...['1e999', '-1e999'].map((gold): [string, HostileRequest] => [`gold ${gold}`, { method: 'PATCH', path: `/games/${id}`, body: `{"gold":${gold}}` }]),
  ['gold that is finite while the sum is not', { method: 'PATCH', path: `/games/${id}`, body: '{"gold":1.7976931348623157e308}' }],
  ...['NaN', 'Infinity', '{gold:1}', '{"gold":1', 'null', '1', '"text"', '[{"gold":1}]', '[]', '\u0000'].map((body): [string, HostileRequest] => [
    `the body ${shorten(body)}`,
    { method: 'PATCH', path: `/games/${id}`, body },
  ]),
  ...['{"__proto__":{"gold":1}}', '{"gold":1,"__proto__":{"polluted":true}}', '{"constructor":{"prototype":{"polluted":true}}}', '{"prototype":{}}', '{"gold":{"__proto__":{}}}'].flatMap(
    (body): [string, HostileRequest][] => [
      [`the body ${body}`, { method: 'PATCH', path: `/games/${id}`, body }],
      [`a game with ${body}`, { method: 'POST', path: '/games', body: body.replace('{', `{"name":"x",`) }],
    ],
  ),
  ...['_id', 'id', 'version', '__v', 'lastUpdated', '$set', 'gold.x', '$where', 'toString', 'hasOwnProperty'].flatMap((key): [string, HostileRequest][] => [
    [`the unknown key ${key}`, { method: 'PATCH', path: `/games/${id}`, body: JSON.stringify({ gold: 1, [key]: 1 }) }],
    [`a new game with the key ${key}`, { method: 'POST', path: '/games', body: JSON.stringify({ ...game, [key]: newId() }) }],
  ]),
  ['arrays in arrays', { method: 'POST', path: '/games', body: `{"name":${'['.repeat(40_000)}${']'.repeat(40_000)}}` }],
  ['objects in objects', { method: 'PATCH', path: `/games/${id}`, body: `${'{"gold":'.repeat(5_000)}1${'}'.repeat(5_000)}` }],
  ['a body that is too large', { method: 'POST', path: '/games', body: JSON.stringify({ name: 'x'.repeat(110_000) }), status: 413 }],
  ['a form', { method: 'PATCH', path: `/games/${id}`, headers: { ...client, 'content-type': 'application/x-www-form-urlencoded' }, body: 'gold=50' }],
  ['plain text', { method: 'PATCH', path: `/games/${id}`, headers: { ...client, 'content-type': 'text/plain' }, body: '{"gold":50}' }],
  ['a charset nobody knows', { method: 'PATCH', path: `/games/${id}`, headers: { ...client, 'content-type': 'application/json; charset=klingon' }, body: '{"gold":50}', status: 415 }],
  ['bytes that claim to be gzip', { method: 'PATCH', path: `/games/${id}`, headers: { ...json, 'content-encoding': 'gzip' }, body: '{"gold":50}' }],
  ...badWholeNumbers.flatMap((bad): [string, HostileRequest][] => [
    [`after=${shorten(bad)}`, { method: 'GET', path: `/games/${id}/events?after=${bad}` }],
    [`limit=${shorten(bad)} of events`, { method: 'GET', path: `/games/${id}/events?limit=${bad}` }],
    [`limit=${shorten(bad)} of games`, { method: 'GET', path: `/games?limit=${bad}` }],
    [`skip=${shorten(bad)}`, { method: 'GET', path: `/games?skip=${bad}` }],
  ]),
  ...badWholeNumbers
    .filter((bad) => bad !== '')
    .map((bad): [string, HostileRequest] => [`version ${shorten(bad)}`, { method: 'GET', path: `/games/${id}/at/${bad}` }]),
  ...['limit=0', 'limit=1001', 'after=1&after=2', 'after[]=1', 'after[$ne]=1', 'where=1', '__proto__[x]=1', '$where=1'].map((query): [string, HostileRequest] => [
    `events?${query}`,
    { method: 'GET', path: `/games/${id}/events?${query}` },
  ]),
  ...(['POST', 'PUT', 'PATCH', 'DELETE'] as const).flatMap((method): [string, HostileRequest][] => {
    const path = method === 'POST' ? '/games' : `/games/${id}`;
    const body = method === 'PATCH' ? '{"gold":1}' : JSON.stringify(game);
    return [
      [`${method} without a client id`, { method, path, headers: { 'content-type': 'application/json' }, body }],
      [`${method} with an empty client id`, { method, path, headers: { ...json, 'x-client-id': '' }, body }],
      [`${method} with a tab in the client id`, { method, path, headers: { ...json, 'x-client-id': 'game\tserver' }, body }],
      [`${method} with a client id of 201 characters`, { method, path, headers: { ...json, 'x-client-id': 'x'.repeat(201) }, body }],
    ];
  }),
  ...['1', 'W/"1"', '*', '"1", "2"', '"-1"', '"1.0"', '"0"', '""', '"x"', '', '"99999999999999999"'].flatMap((tag): [string, HostileRequest][] => [
    [`If-Match: ${tag} to change`, { method: 'PATCH', path: `/games/${id}`, headers: { ...json, 'if-match': tag }, body: '{"gold":1}' }],
    [`If-Match: ${tag} to delete`, { method: 'DELETE', path: `/games/${id}`, headers: { ...client, 'if-match': tag } }],
  ]),
  ...['', 'loot\t1', 'x'.repeat(201)].map((key): [string, HostileRequest] => [
    `an Idempotency-Key of ${key.length} characters`,
    { method: 'PATCH', path: `/games/${id}`, headers: { ...json, 'idempotency-key': key }, body: '{"gold":1}' },
  ]),
];

describe('Errors of the sample', () => {
  let running: RunningApp;

  beforeAll(async () => {
    running = await startApp('errors', { snapshotEvery: 0 });
    await running.http.put(`/games/${id}`).set(client).send(game).expect(201);
    await running.http.patch(`/games/${id}`).set(client).send({ gold: 1.7e308 }).expect(200);
  });
  afterAll(() => running.close());

  describe('Hostile input is refused and leaves no trace', () => {
    it.each(hostileRequests)('%s', async (_, { method, path, headers = json, body, status = 400 }) => {
      const before = await running.dump();
      const answer = await send(running, { method, path, headers, ...(body === undefined ? {} : { body }) });
      expect(answer).toEqual({ status, body: expect.objectContaining({ code: expect.stringMatching(/^[A-Z_]+$/), message: expect.stringMatching(/\S/) }) });
      expect(JSON.stringify(answer.body).length).toBeLessThan(12_000);
      expect(await running.dump()).toEqual(before);
      expect(Object.keys(Object.prototype)).toEqual([]);
    });
  });

  it('answers 404 for a game that does not exist', async () => {
    const unknown = newId();
    for (const request of [running.http.get(`/games/${unknown}`), running.http.patch(`/games/${unknown}`).set(client).send({ gold: 1 }), running.http.get(`/games/${unknown}/at/1`)]) {
      const { body } = await request.expect(404);
      expect(body).toEqual({ code: 'DOCUMENT_NOT_FOUND', message: expect.stringContaining(unknown) });
    }
  });

  it('answers 404 for a route that does not exist', async () => {
    for (const request of [running.http.get('/nowhere'), running.http.delete('/games'), running.http.post(`/games/${id}`).send({})]) {
      expect((await request.expect(404)).body).toEqual({ code: 'NOT_FOUND', message: expect.stringMatching(/^Cannot /) });
    }
  });

  it('answers 410 to a client that claims to have seen more than there is', async () => {
    expect((await running.http.get(`/games/${id}/events?after=7`).expect(410)).body).toEqual({ code: 'CLIENT_AHEAD', message: expect.any(String), head: 2, asked: 7 });
    expect((await running.http.get(`/games/${id}/at/7`).expect(410)).body).toMatchObject({ code: 'CLIENT_AHEAD', head: 2 });
  });

  it('answers 409 for a game that was written around the storage', async () => {
    const stranger = newId();
    await running.connection.collection('games').insertOne({ _id: new mongoose.Types.ObjectId(stranger), name: 'Stranger', gold: 1, experience: 1 });
    expect((await running.http.patch(`/games/${stranger}`).set(client).send({ gold: 1 }).expect(409)).body).toMatchObject({ code: 'HISTORY_MISSING' });
    await running.http.get(`/games/${stranger}`).expect(200);
  });

  it('forbids caches to keep an error', async () => {
    expect((await running.http.get(`/games/${newId()}`)).headers['cache-control']).toBe('no-store');
  });

  it('does not say what it is made of', async () => {
    expect((await running.http.get('/health')).headers).not.toHaveProperty('x-powered-by');
  });
});

function shorten(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length > 40 ? `${text.slice(0, 30)} (${text.length} characters)` : text;
}

/** Without a client library: those correct what shall be wrong. */
function send(running: RunningApp, { method, path, headers, body }: HostileRequest): Promise<{ status: number | undefined; body: unknown }> {
  const length = body === undefined ? {} : { 'content-length': Buffer.byteLength(body) };
  return new Promise((resolve, reject) => {
    const request = httpRequest({ host: '127.0.0.1', port: running.port, method, path, headers: { ...headers, ...length } }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      response.on('end', () => resolve({ status: response.statusCode, body: text === '' ? undefined : JSON.parse(text) }));
    });
    request.on('error', reject);
    request.end(body);
  });
}
