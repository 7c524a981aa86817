// The built app as its users run it: start, play, stop, start again on the same data.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, statSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import mongoose from 'mongoose';
import { freePort } from './mongod-process.mjs';
import { removeFolder, temporaryFolder } from './temporary-folder.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const startMs = 180_000; // with the build
const stopMs = 60_000; // only bounds a failure
const children = [];

async function startApp(dataDir) {
  const port = await freePort();
  const { MONGODB_URI: _, ...env } = process.env; // the embedded server is part of what is tested
  const child = spawn(process.execPath, [join(root, 'tools', 'start.mjs')], {
    cwd: root,
    env: { ...env, PORT: String(port), DATA_DIR: dataDir },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(child);
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text) => {
    output += text;
    process.stdout.write(text.replace(/^(?=.)/gm, '  | '));
  });
  const url = `http://127.0.0.1:${port}`;
  for (const limit = Date.now() + startMs; !(await answers(`${url}/health`)); await sleep(100)) {
    assert.equal(child.exitCode, null, 'the app ended while it was starting');
    assert.ok(Date.now() < limit, `the app does not answer within ${startMs / 1000} s`);
  }
  // looked up late: what was printed may arrive after the app's first answer
  return { child, url, mongoPort: () => Number(/mongodb:\/\/127\.0\.0\.1:(\d+)/.exec(output)?.[1]) };
}

const answers = (url) => fetch(url, { signal: AbortSignal.timeout(5_000) }).then((response) => response.ok, () => false);

async function stopApp({ child, mongoPort }, dataDir) {
  const ended = once(child, 'exit', { signal: AbortSignal.timeout(stopMs) });
  child.kill('SIGTERM');
  const [code, signal] = await ended;
  assert.deepEqual({ code, signal }, { code: 0, signal: null }, 'SIGTERM ends the app with exit code 0');
  const socket = connect(mongoPort(), '127.0.0.1');
  const [gone] = await Promise.race([once(socket, 'error'), once(socket, 'connect')]).catch((error) => [error]);
  socket.destroy();
  assert.equal(gone?.code, 'ECONNREFUSED', 'no mongod is left');
  const [folder] = readdirSync(dataDir);
  assert.equal(statSync(join(dataDir, folder, 'mongod.lock')).size, 0, 'mongod ended cleanly');
}

function client(url, clientId) {
  return async (method, path, body) => {
    const json = body && { headers: { 'x-client-id': clientId, 'content-type': 'application/json' }, body: JSON.stringify(body) };
    const response = await fetch(url + path, { method, headers: { 'x-client-id': clientId }, ...json });
    const text = await response.text();
    const answer = { status: response.status, body: text ? JSON.parse(text) : undefined };
    console.log(`${method} ${path} as ${clientId} -> ${answer.status} ${text.slice(0, 200)}`);
    return answer;
  };
}

const summary = (events) => events.map(({ serverSeq, operation, clientId }) => `${serverSeq} ${operation} by ${clientId}`);

async function play(url, id) {
  const gameServer = client(url, 'game-server');
  const adminPanel = client(url, 'admin-panel');
  const mobile = client(url, 'mobile');

  const created = await gameServer('PUT', `/games/${id}`, { name: 'Raid on the Iron Keep', gold: 100, experience: 200 });
  assert.equal(created.status, 201);
  assert.equal(created.body.version, 1);

  const edited = await adminPanel('PATCH', `/games/${id}`, { gold: 50, experience: 100 });
  assert.equal(edited.status, 200);
  assert.deepEqual([edited.body.gold, edited.body.experience, edited.body.version], [150, 300, 2]);

  const missed = await mobile('GET', `/games/${id}/events?after=1`);
  assert.deepEqual(summary(missed.body), ['2 update by admin-panel']);

  const before = await mobile('GET', `/games/${id}/at/1`);
  assert.equal(before.status, 200);
  assert.deepEqual([before.body.gold, before.body.version], [100, 1]);

  const deleted = await adminPanel('DELETE', `/games/${id}`);
  assert.equal(deleted.status, 200);
  assert.deepEqual(deleted.body, { deleted: true, version: 3 });
  await isGone(url, id);
}

async function isGone(url, id) {
  const answer = await client(url, 'mobile')('GET', `/games/${id}`);
  assert.equal(answer.status, 404);
  assert.equal(typeof answer.body.code, 'string');
  assert.equal(typeof answer.body.message, 'string');
}

async function historyIsStillThere(url, id) {
  const { body } = await client(url, 'mobile')('GET', `/games/${id}/events?after=1`);
  assert.deepEqual(summary(body), ['2 update by admin-panel', '3 delete by admin-panel']);
  await isGone(url, id);
}

const dataDir = temporaryFolder();
const id = String(new mongoose.mongo.ObjectId());
try {
  for (const act of [play, historyIsStillThere]) {
    const app = await startApp(dataDir);
    await act(app.url, id);
    await stopApp(app, dataDir);
  }
  console.log('smoke: ok');
} finally {
  for (const child of children) child.kill('SIGKILL'); // one that still runs; its mongod follows by itself
  removeFolder(dataDir);
}
