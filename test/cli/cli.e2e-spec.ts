import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { createServer, type Server } from 'node:net';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import mongoose from 'mongoose';
import { DurableEventsHandler, type DurableHandler, DurableHandlers } from 'nestjs-event-sourced-storage';
import { startBareMongod } from '../support/bare-mongod.js';
import { command, type Ended, type Running, said, startCommand } from '../support/command-line.js';
import { databaseName, dropDatabase, Game, type GamesApp, startGames, testUri } from '../support/games.js';
import { until } from '../support/until.js';

jest.setTimeout(180_000); // only bounds a failure: a test starts up to a dozen processes, one after the other

const { ObjectId, UUID } = mongoose.Types;
const { EJSON } = mongoose.mongo.BSON;
const database = databaseName('cli');
const where = ['--uri', testUri(), '--database', database];
const games = [...where, '--collection', 'games'];

const addGold = (game: Game): void => void (game.gold += 1);
/** What a command that is asked for JSON prints: one document, and nothing else. */
const read = ({ stdout }: Ended): unknown => EJSON.parse(stdout);
const readLines = <T>({ stdout }: Ended): T[] => stdout.split('\n').filter((line) => line !== '').map((line) => EJSON.parse(line) as T);

async function createUser(uri: string, user: { readonly createUser: string; readonly roles: readonly unknown[] }): Promise<void> {
  const client = await mongoose.mongo.MongoClient.connect(uri);
  try {
    await client.db('admin').command({ ...user, pwd: 'geheim' });
  } finally {
    await client.close();
  }
}

describe('the command line', () => {
  let app: GamesApp;

  beforeAll(async () => {
    await dropDatabase(database);
    app = await startGames({ database, cqrs: false, root: { publish: 'never' } });
  });
  afterAll(async () => {
    await app.close();
    await dropDatabase(database);
  });

  /** A game with one create event and so many updates. */
  async function play(updates: number): Promise<string> {
    const { document } = await app.games.findOneAndUpsert({ name: 'raid' }, 'alice');
    for (let each = 0; each < updates; each++) await app.games.findOneAndUpdate(document._id, addGold, 'bob');
    return String(document._id);
  }
  async function everything(): Promise<string> {
    const names = (await app.connection.listCollections()).map(({ name }) => name).filter((name) => name !== 'ess_leases').toSorted();
    const contents = await Promise.all(names.map(async (name) => [name, await app.raw(name).find({}).sort({ _id: 1 }).toArray(), await app.raw(name).indexes()]));
    return EJSON.stringify(contents, { relaxed: false });
  }

  describe('reading', () => {
    let id: string;
    beforeAll(async () => {
      id = await play(3);
    });

    it('history shows the events one a line, for people and as Extended JSON', async () => {
      const [people, json, filtered] = await Promise.all([
        command(['history', id, ...games]),
        command(['history', id, ...games, '--json']),
        command(['history', id, ...games, '--client', 'bob', '--from', '2', '--limit', '2', '--order', 'desc', '--since', '2020-01-01', '--json']),
      ]);
      expect(people).toMatchObject({ code: 0, stderr: '' });
      expect(people.stdout.split('\n').slice(0, 2)).toEqual([expect.stringMatching(/^@1 {2}\S+Z {2}create {2}alice$/), expect.stringMatching(/^@2 {2}\S+Z {2}update {2}bob {2}gold = 1$/)]);
      const events = readLines<{ readonly documentId: unknown; readonly serverSeq: number; readonly timestamp: unknown }>(json);
      expect(events.map(({ serverSeq }) => serverSeq)).toEqual([1, 2, 3, 4]);
      expect(events[0]).toMatchObject({ documentId: new ObjectId(id), timestamp: expect.any(Date) });
      expect(readLines<{ serverSeq: number }>(filtered).map(({ serverSeq }) => serverSeq)).toEqual([4, 3]);
    });

    it('state is the document as it is, or was at a version or a time', async () => {
      const [now, early, before] = await Promise.all([
        command(['state', id, ...games, '--json']),
        command(['state', id, ...games, '--version', '2']),
        command(['state', id, ...games, '--at', '2020-01-01T00:00:00Z', '--json']),
      ]);
      expect(read(now)).toMatchObject({ _id: new ObjectId(id), gold: 3, version: 4 });
      expect(JSON.parse(early.stdout)).toMatchObject({ gold: 1, version: 2 });
      expect(before).toMatchObject({ code: 0, stdout: 'null\n' });
    });

    it('diff says how two versions differ, in the format that was asked for', async () => {
      const [people, set, patch, merge] = await Promise.all([
        command(['diff', id, '1', '4', ...games]),
        command(['diff', id, '1', '4', ...games, '--json']),
        command(['diff', id, '4', '1', ...games, '--json', '--format', 'json-patch']),
        command(['diff', id, '1', '4', ...games, '--format', 'merge-patch']),
      ]);
      expect(people.stdout).toBe('@1 to @4: update\n+ gold = 3\n');
      expect(read(set)).toMatchObject({ set: { gold: 3 }, unset: [] });
      expect(read(patch)).toEqual([{ op: 'replace', path: '/gold', value: 0 }]);
      expect(JSON.parse(merge.stdout)).toEqual({ gold: 3 });
    });

    it('verify ends with 0 on clean data, and with 1 and the place when something was changed', async () => {
      const clean = await command(['verify', id, ...games]);
      expect(clean).toEqual({ code: 0, stdout: `${id}@4: no problem in 4 events\n`, stderr: '' });
      const spoilt = await play(1);
      await app.documents().updateOne({ _id: new ObjectId(spoilt) }, { $set: { gold: 99 } });
      const [one, all, previewed] = await Promise.all([
        command(['verify', spoilt, ...games]),
        command(['verify', '--all', ...games, '--json']),
        command(['rebuild', spoilt, '--dry-run', ...games]),
      ]);
      expect(one).toMatchObject({ code: 1, stdout: expect.stringContaining(`${spoilt}: document-differs`) });
      expect(all.code).toBe(1);
      expect(read(all)).toMatchObject({ ok: false, problems: 1, documents: [{ documentId: new ObjectId(spoilt) }] });
      expect(previewed).toMatchObject({ code: 1, stdout: expect.stringContaining('document-differs') });
      expect(await app.documents().findOne({ _id: new ObjectId(spoilt) })).toMatchObject({ gold: 99 });

      const rebuilt = await command(['rebuild', spoilt, ...games, '--json']);
      expect(rebuilt.code).toBe(0);
      expect(read(rebuilt)).toMatchObject({ changed: true, document: { gold: 1 } });
      expect(await app.documents().findOne({ _id: new ObjectId(spoilt) })).toMatchObject({ gold: 1 });
    });

    it('reading leaves everything as it was, indexes and collections too', async () => {
      const before = await everything();
      await Promise.all(['history', 'state', 'verify'].map((verb) => command([verb, id, ...games])));
      await command(['check', ...games]);
      expect(await everything()).toBe(before);
    });

    it('stored content does not drive the terminal', async () => {
      const { document } = await app.games.findOneAndUpsert({ name: 'x' }, 'alice');
      await app.games.findOneAndUpdate(document._id, (game) => void (game.name = '\u001B[2J\u009B2J\u202Eabc'), 'alice');
      const { stdout } = await command(['history', String(document._id), ...games]);
      expect(stdout).toContain(String.raw`name = "\u001b[2J\u009b2J\u202eabc"`);
      expect(['\u001B', '\u009B', '\u202E'].filter((each) => stdout.includes(each))).toEqual([]);
    });
  });

  describe('maintenance', () => {
    it('snapshot keeps a state, of one document or of all that are due', async () => {
      const id = await play(2);
      const one = await command(['snapshot', id, ...games, '--json']);
      expect(read(one)).toMatchObject({ documentId: new ObjectId(id), serverSeq: 3 });
      const other = await play(5);
      const due = await command(['snapshot', '--all-due', '--every', '5', ...games]);
      expect(due).toMatchObject({ code: 0, stdout: expect.stringMatching(/^games: \d+ snapshots? made, 0 failed/) });
      expect(await app.raw('games_snapshots').find({ documentId: new ObjectId(other) }).toArray()).toMatchObject([{ serverSeq: 6 }]);
    });

    it('compact removes old events, and with --dry-run nothing', async () => {
      const id = await play(5);
      const before = await everything();
      const dry = await command(['compact', id, '--keep-last', '2', '--dry-run', ...games, '--json']);
      expect(read(dry)).toMatchObject({ floor: 4, removed: 4 });
      const dryAll = await command(['compact', '--all', '--keep-last', '2', '--dry-run', ...games, '--json']);
      expect(read(dryAll)).toMatchObject({ dryRun: true, failed: 0 });
      expect((read(dryAll) as { readonly removed: number }).removed).toBeGreaterThanOrEqual(4);
      expect(await everything()).toBe(before);
      const done = await command(['compact', id, '--keep-last', '2', ...games]);
      expect(done).toEqual({ code: 0, stdout: `games/${id}: 4 events removed, floor 4, snapshot 4\n`, stderr: '' });
      expect(await app.events().countDocuments({ '_id.d': new ObjectId(id) })).toBe(2);
      expect(await command(['history', id, '--from', '1', ...games])).toMatchObject({ code: 2, stderr: expect.stringMatching(/^HISTORY_COMPACTED: /) });
    });

    it('purge asks for --yes, tells with --dry-run what would go, and then erases', async () => {
      const id = await play(2);
      const before = await everything();
      expect(await command(['purge', id, ...games])).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining('--yes') });
      expect(await command(['purge', id, '--dry-run', ...games])).toMatchObject({ code: 0, stdout: `would erase games/${id}@3 with 3 events\n` });
      expect(await everything()).toBe(before);
      const done = await command(['purge', id, '--yes', '--client-id', 'privacy', ...games, '--json']);
      expect(read(done)).toMatchObject({ purged: true, version: 4 });
      expect(await app.documents().findOne({ _id: new ObjectId(id) })).toBeNull();
      const left = await app.events().find({ '_id.d': new ObjectId(id) }).toArray();
      expect(left).toMatchObject([{ operation: 'delete', clientId: 'privacy' }]);
    });

    it('adopt gives an existing collection its history, and other ids than ObjectIds are found out', async () => {
      const uuid = new UUID();
      await app.raw('old_games').insertMany(['one', 'two'].map((name) => ({ _id: new UUID(), name })) as never);
      await app.raw('old_games').insertOne({ _id: uuid, name: 'three' } as never);
      const old = [...where, '--collection', 'old_games'];
      expect(await command(['history', String(uuid), ...old])).toMatchObject({ code: 2, stderr: expect.stringContaining('"old_games_events" (events)') });
      const adopted = await command(['adopt', '--client-id', 'migration', ...old, '--json']);
      expect(adopted.code).toBe(0);
      expect(read(adopted)).toMatchObject({ adopted: 3, failed: 0 });
      const state = await command(['state', String(uuid), '--version', '1', ...old, '--json']);
      expect(read(state)).toMatchObject({ name: 'three', version: 1 });
      expect(await command(['adopt', '--client-id', 'migration', ...old])).toMatchObject({ code: 0, stdout: expect.stringContaining('0 documents adopted, 0 failed') });
    });

    it('tail tells what others commit until Ctrl-C, and ends with 130', async () => {
      const id = await play(0);
      const other = await play(0);
      const tails = [startCommand(['tail', id, ...games, '--json']), startCommand(['tail', ...games])] as [Running, Running];
      await Promise.all(tails.map((tail) => said(tail, 'stderr', 'watching games')));
      await app.games.findOneAndUpdate(new ObjectId(other), addGold, 'carol');
      await app.games.findOneAndUpdate(new ObjectId(id), addGold, 'carol');
      await said(tails[0], 'stdout', '\n');
      for (const each of [id, other]) await said(tails[1], 'stdout', `games/${each}@2 `);
      for (const { child } of tails) child.kill('SIGINT');
      const [one, all] = (await Promise.all(tails.map(({ ended }) => ended))) as [Ended, Ended];
      expect([one.code, all.code]).toEqual([130, 130]);
      expect(readLines(one)).toMatchObject([{ documentId: new ObjectId(id), serverSeq: 2, clientId: 'carol' }]);
      // in order per document: two that are read together may be told either way
      expect(all.stdout).toMatch(/\n$/);
      expect(all.stdout.trimEnd().split('\n').toSorted()).toEqual([id, other].toSorted().map((each) => expect.stringMatching(new RegExp(`^games/${each}@2 `))));
    });

    it('check finds a healthy storage ready, and names what is missing', async () => {
      const healthy = await command(['check', ...games, '--json']);
      expect(healthy.code).toBe(0);
      const { ok, findings } = read(healthy) as { readonly ok: boolean; readonly findings: readonly { readonly topic: string }[] };
      expect(ok).toBe(true);
      expect(new Set(findings.map(({ topic }) => topic))).toEqual(new Set(['topology', 'collections', 'indexes', 'rights', 'client', 'generation', 'feed']));
      const wrong = await command(['check', ...where, '--collection', 'gmaes']);
      expect(wrong).toMatchObject({ code: 1, stdout: expect.stringContaining('MISSING collections: documents: there is no "gmaes"') });
      expect((await app.connection.listCollections()).map(({ name }) => name).filter((name) => name.includes('gmaes'))).toEqual([]);
    });

    it('check says what a standalone server lacks', async () => {
      const server = await startBareMongod();
      try {
        const found = await command(['check', '--uri', server.uri, '--collection', 'games']);
        expect(found).toMatchObject({ code: 1, stdout: expect.stringContaining('MISSING topology') });
        expect(await command(['history', 'x', '--uri', server.uri, '--collection', 'games'])).toMatchObject({ code: 2 });
      } finally {
        await server.stop();
      }
    });

    it('check names what the user may do beyond what the storage does', async () => {
      const server = await startBareMongod(['--auth']);
      try {
        const as = (user: string): string => server.uri.replace('//', `//${user}:geheim@`).replace('/?', '/play?authSource=admin&');
        // while there is no user, the server lets one be made that may make others
        await createUser(server.uri, { createUser: 'admin', roles: ['userAdminAnyDatabase'] });
        await createUser(as('admin'), { createUser: 'app', roles: [{ role: 'readWrite', db: 'play' }] });
        const uri = as('app');
        const found = await command(['check', '--uri', uri, '--collection', 'games']);
        expect(found.code).toBe(1);
        expect(found.stdout).toContain('ok      rights: app@admin may do what the storage does\nwarning rights: the user may update events');
        const refused = await command(['check', '--uri', uri.replace('geheim', 'wrong'), '--collection', 'games']);
        expect(refused).toMatchObject({ code: 3, stdout: '', stderr: expect.stringContaining('does not know this user') });
      } finally {
        await server.stop();
      }
    });
  });

  describe('durable handlers', () => {
    const name = 'board';
    let handling: GamesApp;
    let id: string;
    const state = { fails: true };
    const seen: number[] = [];
    const board = [...where];

    beforeAll(async () => {
      @DurableEventsHandler({ name, model: Game.name, from: 'beginning', maxAttempts: 1, retryDelayMs: 1, maxRetryDelayMs: 2, leaseMs: 600_000 }) // nobody dies here: no lease has to run out, and nothing comes twice
      class Board implements DurableHandler<Game> {
        async handle({ documentId, serverSeq }: { readonly documentId: unknown; readonly serverSeq: number }): Promise<void> {
          await Promise.resolve();
          if (String(documentId) !== id) return;
          if (state.fails) throw new Error('no room on the board');
          seen.push(serverSeq);
        }
      }
      id = await play(1);
      handling = await startGames({ database, cqrs: false, root: { publish: 'never' }, providers: [Board] });
      await until(() => app.raw('ess_dead_letters').findOne({}), 'a parked document');
    });
    afterAll(() => handling.close());

    it('list and parked say how they are doing', async () => {
      const [list, json, parked] = await Promise.all([
        command(['handlers', 'list', ...board]),
        command(['handlers', 'list', ...board, '--json']),
        command(['handlers', 'parked', name, ...board, '--json']),
      ]);
      expect(list).toMatchObject({ code: 0, stdout: expect.stringMatching(/^board \(Game\): .*1 parked/) });
      expect(read(json)).toMatchObject([{ name, model: 'Game', parked: 1, isPaused: false }]);
      expect(readLines(parked)).toMatchObject([{ documentId: new ObjectId(id), serverSeq: 1, error: expect.stringContaining('no room on the board') }]);
    });

    it('compact keeps what a handler of another process has not handled', async () => {
      const result = await command(['compact', id, '--keep-last', '1', ...games]);
      expect(result).toMatchObject({ code: 0, stdout: `games/${id}: 0 events removed, floor 0\n`, stderr: expect.stringContaining('board') });
      const others = await command(['compact', id, '--keep-last', '1', '--dry-run', '--model', 'Other', ...games, '--json']);
      expect(read(others)).toMatchObject({ removed: 1 });
    });

    it('discard and reset ask for --yes, and with --dry-run nothing happens', async () => {
      const [unsure, dry, unknown, reset] = await Promise.all([
        command(['handlers', 'discard', name, id, ...board]),
        command(['handlers', 'discard', name, id, '--dry-run', ...board]),
        command(['handlers', 'discard', name, String(new ObjectId()), '--yes', ...board]),
        command(['handlers', 'reset', name, '--dry-run', ...board, '--json']),
      ]);
      expect(unsure).toMatchObject({ code: 2, stderr: expect.stringContaining('--yes') });
      expect(dry).toMatchObject({ code: 0, stdout: `board: ${id}@1 would be given up\n` });
      expect(unknown).toMatchObject({ code: 2, stderr: expect.stringContaining('has no parked document') });
      expect(read(reset)).toEqual({ name, dryRun: true, generation: 1, parked: 1 });
      expect(await app.raw('ess_dead_letters').find({}).toArray()).toMatchObject([{ seq: 1 }]);
    });

    it('pause stops the handler in its process, redeliver and resume let it go on in order', async () => {
      expect(await command(['handlers', 'pause', name, ...board])).toMatchObject({ code: 0, stdout: 'board: paused\n' });
      expect(read(await command(['handlers', 'list', ...board, '--json']))).toMatchObject([{ isPaused: true }]);
      await until(async () => (await handling.app.get(DurableHandlers).status(name)).ownPartitions.length === 0, 'the other process to stop');
      state.fails = false;
      expect(await command(['handlers', 'redeliver', name, id, ...board])).toMatchObject({ code: 0, stdout: 'board: 1 document will be handled again\n' });
      expect(seen).toEqual([]);
      expect(await command(['handlers', 'resume', name, ...board])).toMatchObject({ code: 0 });
      await until(() => seen.length >= 2, 'both events');
      expect(seen).toEqual([1, 2]);
    });

    it('reset begins again', async () => {
      seen.splice(0);
      expect(await command(['handlers', 'reset', name, '--from', 'beginning', '--yes', ...board])).toMatchObject({ code: 0, stdout: 'board: begins again, generation 2\n' });
      await until(() => seen.length >= 2, 'both events once more');
      expect(seen).toEqual([1, 2]);
    });
  });

  describe('with the module of an application', () => {
    const place = fileURLToPath(new URL('./play.module.mjs', import.meta.url));
    const played = (args: readonly string[], module = `${place}#PlayModule`): Promise<Ended> => command([...args, '--app', module], { PLAY_URI: testUri(), PLAY_DATABASE: database });

    it('its schema, options and rules are used', async () => {
      const id = await play(3);
      const [state, due] = await Promise.all([played(['state', id, '--version', '2', '--feature', 'Game', '--json']), played(['snapshot', '--all-due', '--feature', 'Game', '--json'])]);
      expect(read(state)).toMatchObject({ gold: 1, version: 2 });
      expect(due.code).toBe(0);
      expect(await app.raw('games_snapshots').findOne({ documentId: new ObjectId(id) })).toMatchObject({ serverSeq: 4 });
    });

    it('a file, module or feature that is not there is named', async () => {
      expect(await played(['state', 'x', '--feature', 'Game'], './nowhere.js#PlayModule')).toMatchObject({ code: 2, stderr: expect.stringContaining('There is no file') });
      expect(await played(['state', 'x', '--feature', 'Game'], `${place}#Nothing`)).toMatchObject({ code: 2, stderr: expect.stringContaining('it exports: PlayModule') });
      expect(await played(['state', 'x', '--feature', 'Gaem'])).toMatchObject({ code: 2, stderr: expect.stringContaining('has no storage "Gaem"') });
    });
  });

  it('events of a later shape are not folded and written without the application', async () => {
    const shaped = await startGames({ database: `${database}_shaped`, cqrs: false, root: { publish: 'never' }, feature: { schemaVersion: 2, upcasters: [{ from: 1, to: 2, up: (event) => event }] } });
    try {
      const { document } = await shaped.games.findOneAndUpsert({ name: 'raid' }, 'test');
      const there = ['--uri', testUri(), '--database', `${database}_shaped`, '--collection', 'games'];
      expect(await command(['snapshot', String(document._id), ...there])).toMatchObject({ code: 2, stderr: expect.stringContaining('schemaVersion') });
      expect(await shaped.raw('games_snapshots').countDocuments()).toBe(0);
      expect(await command(['state', String(document._id), '--version', '1', ...there, '--json'])).toMatchObject({ code: 0, stderr: expect.stringContaining('schemaVersion') });
    } finally {
      await shaped.close();
      await dropDatabase(`${database}_shaped`);
    }
  });

  describe('being asked wrongly', () => {
    it.each([
      ['no verb', [], 2],
      ['an unknown option', ['history', 'x', '--colection', 'games'], 2],
      ['no collection', ['history', 'x', ...where], 2],
      ['no address', ['history', 'x', '--collection', 'games'], 2],
      ['an address that is none', ['history', 'x', '--uri', 'postgres://x', '--collection', 'games'], 2],
      ['a number that is none', ['state', 'x', '--version', '-1', ...games], 2],
      ['two points', ['state', 'x', '--at', '2026-01-01', '--version', '1', ...games], 2],
      ['neither an id nor --all', ['verify', ...games], 2],
      ['an unknown handler', ['handlers', 'pause', 'nobody', ...where], 2],
      ['help', ['--help'], 0],
      ['the version', ['--version'], 0],
    ] as [string, string[], number][])('%s', async (_name, args, code) => {
      const ended = await command(args);
      expect(ended.code).toBe(code);
      expect(code === 0 ? ended.stderr : ended.stdout).toBe('');
      expect(code === 0 ? ended.stdout : ended.stderr).not.toMatch(/^\s*$|\n {4}at /);
    });

    it('a collection with a slip in its name is refused with the names that there are, and none is made', async () => {
      const verbs = ['history', 'verify', 'snapshot'];
      for (const ended of await Promise.all(verbs.map((verb) => command([verb, String(new ObjectId()), ...where, '--collection', 'gmaes'])))) {
        expect(ended).toMatchObject({ code: 2, stdout: '', stderr: expect.stringMatching(/no collection "gmaes".*There are: .*games, games_events/s) });
      }
      expect((await app.connection.listCollections()).map(({ name }) => name).filter((name) => name.includes('gmaes'))).toEqual([]);
    });

    it('hostile ids are no queries', async () => {
      const ids = ['{"$ne":null}', '', '../../etc/passwd', 'x'.repeat(5_000)];
      for (const ended of await Promise.all(ids.map((id) => command(['history', id, ...games, '--json'])))) {
        expect(ended).toMatchObject({ code: 2, stdout: '' });
        expect(ended.stderr).not.toContain('\n    at ');
      }
      expect(await command(['purge', '{"$ne":null}', '--yes', ...games])).toMatchObject({ code: 2, stdout: '' });
    });

    it('an id under which nothing is stored is not found, by every verb that takes one', async () => {
      const id = String(new ObjectId());
      const verbs = [['history', id], ['state', id], ['state', id, '--version', '1'], ['verify', id], ['snapshot', id], ['purge', id, '--yes']];
      const codes = await Promise.all(verbs.map(async (verb) => (await command([...verb, ...games])).code));
      expect(codes).toEqual(verbs.map(() => 2));
    });
  });

  describe('a database that cannot be reached', () => {
    let silent: Server; // one for each test: nobody connects late to that of another
    beforeEach(async () => {
      silent = createServer().listen(0, '127.0.0.1');
      await once(silent, 'listening');
    });
    afterEach(() => void silent.close());

    it('ends with 3 when its time is over, without the password', async () => {
      const { port } = silent.address() as { readonly port: number };
      const started = performance.now();
      const ended = await command(['history', 'x', '--collection', 'games', '--timeout', '500'], { MONGODB_URI: `mongodb://user:geheim@127.0.0.1:${port}/play` });
      expect(ended).toMatchObject({ code: 3, stdout: '', stderr: expect.stringMatching(/^The database cannot be reached: /) });
      expect(ended.stderr).not.toContain('geheim');
      expect(performance.now() - started).toBeLessThan(30_000);
    });

    it('Ctrl-C does not wait for it', async () => {
      const { port } = silent.address() as { readonly port: number };
      const connected = once(silent, 'connection');
      const running = startCommand(['tail', '--collection', 'games', '--timeout', '60000', '--uri', `mongodb://127.0.0.1:${port}/play`]);
      await connected;
      running.child.kill('SIGINT');
      expect(await running.ended).toMatchObject({ code: 130 });
    });
  });
});
