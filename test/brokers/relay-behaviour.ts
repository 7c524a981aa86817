import { afterAll, afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type ClientProviderOptions, ClientsModule } from '@nestjs/microservices';
import type mongoose from 'mongoose';
import { DurableHandlers, EventRelayModule, type RelayTransport } from 'nestjs-event-sourced-storage';
import { Barrier } from '../support/barrier.js';
import { databaseName, dropDatabase, Game, type GamesApp, startGames } from '../support/games.js';
import { Log } from '../support/log.js';
import { Relayed } from '../support/relayed.js';
import type { SystemServer } from '../support/system-server.js';
import { until } from '../support/until.js';

/** Somebody who listens to a broker by its own library. */
export interface Subscriber {
  /** Resolves when everything has come that the server had before. */
  drain(): Promise<unknown>;
  close(): Promise<unknown>;
}

/** What differs between brokers. */
export interface BrokerUnderTest {
  readonly transport: RelayTransport;
  readonly pattern: string;
  readonly server: () => SystemServer;
  /** How Nest reaches it on this port. */
  readonly client: (port: number) => ClientProviderOptions & { readonly name: 'BROKER' };
  /** Resolves when it listens. */
  readonly subscribe: (port: number, take: (payload: Uint8Array | string) => void) => Promise<Subscriber>;
}

const upTo = (last: number): number[] => Array.from({ length: last }, (_, index) => index + 1);
const addGold = (game: Game): void => void (game.gold += 1);

/** What a relay promises on every broker. */
export function relayBehaviour({ transport, pattern, server: createServer, client, subscribe }: BrokerUnderTest): void {
  describe(`a relay to ${transport}`, () => {
    const database = databaseName(`relay_${transport}`);
    const open: GamesApp[] = [];
    let server: SystemServer;
    let barrier: Barrier;
    let relayed: Relayed;
    let subscriber: Subscriber | undefined;
    let log: Log;

    beforeEach(async () => {
      await dropDatabase(database);
      server = createServer();
      await server.start();
      barrier = new Barrier();
      await barrier.start(() => server.port);
      relayed = new Relayed();
      log = new Log();
      await listen();
    });
    afterEach(async () => {
      await Promise.all(open.splice(0).map((app) => app.close()));
      await subscriber?.close();
      await barrier.close();
      await server.kill();
    });
    afterAll(() => dropDatabase(database));

    async function listen(): Promise<void> {
      subscriber = await subscribe(server.port, (payload) => relayed.take(payload));
    }
    async function start(isRelaying = true): Promise<GamesApp> {
      const relay = EventRelayModule.register({
        name: 'relay',
        model: Game.name,
        from: 'beginning',
        imports: [ClientsModule.register([client(barrier.port)])],
        client: 'BROKER',
        transport,
        pattern,
        maxAttempts: 1,
        retryDelayMs: 5,
        maxRetryDelayMs: 50,
        leaseMs: 2_000,
      });
      const app = await startGames({ database, cqrs: false, root: { publish: 'never' }, imports: isRelaying ? [relay] : [], logger: log });
      open.push(app);
      return app;
    }
    async function create(app: GamesApp): Promise<mongoose.Types.ObjectId> {
      return (await app.games.findOneAndUpsert({ name: 'raid' }, 'test')).document._id;
    }

    it('whoever subscribes gets every change of a document as a CloudEvent', async () => {
      const app = await start();
      const id = await create(app);
      await app.games.findOneAndUpdate(id, addGold, 'alice');
      await app.games.deleteOne(id, 'test');
      await until(() => relayed.firsts(id).length === 3, 'three events');
      expect(relayed.firsts(id)).toEqual(upTo(3));
      expect(relayed.events[1]).toMatchObject({ specversion: '1.0', id: `${String(id)}@2`, subject: String(id), data: { serverSeq: 2, diff: { set: { gold: 1 } } } });
    });

    it('every event of every document arrives in order, though the server is killed and the application restarted while writes go on', async () => {
      const writer = await start(false);
      const ids = await Promise.all(upTo(8).map(() => create(writer)));
      const written = new Map(ids.map((id) => [String(id), 1]));
      const total = (): number => [...written.values()].reduce((sum, count) => sum + count, 0);
      const state = { isWriting: true, isAway: false };
      // a writer that runs ahead without end would decide how long the rest takes
      const isAhead = (): boolean => !state.isAway && [...written.values()].reduce((sum, count) => sum + count, 0) > new Set(relayed.events.map((event) => event.id)).size + 200;
      const writing = (async () => {
        while (state.isWriting) {
          await until(() => !isAhead() || !state.isWriting, 'the relay to keep up');
          for (const id of ids) {
            await writer.games.findOneAndUpdate(id, addGold, 'test');
            written.set(String(id), (written.get(String(id)) ?? 0) + 1);
          }
        }
      })();
      const more = async (what: string): Promise<void> => {
        const before = relayed.events.length;
        await until(() => relayed.events.length >= before + 40, what);
      };
      let app = await start();
      try {
        await more('events before the outage');
        for (let round = 0; round < 2; round++) {
          // these brokers keep nothing for who is away: what the server took has to reach the subscriber before it dies, and
          // the subscriber has to be back before the relay is
          barrier.bar();
          await subscriber?.drain();
          await subscriber?.close();
          await server.kill();
          state.isAway = true;
          const missed = total() + 40;
          await until(() => total() >= missed, 'writes during the outage');
          await server.start();
          await listen();
          barrier.lift();
          state.isAway = false;
          await more('events after the outage');
          open.splice(open.indexOf(app), 1);
          await app.close();
          app = await start();
          await more('events after the restart');
        }
      } finally {
        state.isWriting = false;
        await writing;
      }
      await until(() => ids.every((id) => relayed.firsts(id).length === written.get(String(id))), 'all events');
      for (const id of ids) expect(relayed.firsts(id)).toEqual(upTo(written.get(String(id)) ?? 0));
      expect(await app.app.get(DurableHandlers).status('relay')).toMatchObject({ parked: 0 });
    });

    it('a broker that is away parks nothing, and an application starts without it', async () => {
      barrier.bar();
      const app = await start();
      const ids = await Promise.all(upTo(4).map(() => create(app)));
      await until(() => log.warnings.filter((warning) => warning.includes('the broker did not take the event')).length > 5, 'tries in vain');
      expect(await app.app.get(DurableHandlers).status('relay')).toMatchObject({ parked: 0 });
      barrier.lift();
      await until(() => ids.every((id) => relayed.firsts(id).length === 1), 'all events');
    });
  });
}
