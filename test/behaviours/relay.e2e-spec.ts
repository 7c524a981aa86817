import { afterAll, afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { ClientProxyFactory, ClientsModule, Transport } from '@nestjs/microservices';
import mqtt, { type MqttClient } from 'mqtt';
import type mongoose from 'mongoose';
import { DurableHandlers, type EventRelayOptions, EventRelayModule, InvalidOptionsError } from 'nestjs-event-sourced-storage';
import { databaseName, dropDatabase, Game, type GamesApp, startGames } from '../support/games.js';
import { Log } from '../support/log.js';
import { MqttBroker } from '../support/mqtt-broker.js';
import { upTo } from '../support/numbers.js';
import { Relayed } from '../support/relayed.js';
import { until } from '../support/until.js';

const database = databaseName('relay');
const addGold = (game: Game): void => void (game.gold += 1);

describe('a relay to an MQTT broker', () => {
  const open: GamesApp[] = [];
  let broker: MqttBroker;
  let subscriber: MqttClient;
  let relayed: Relayed;
  let topics: Set<string>;
  let log: Log;

  beforeEach(async () => {
    await dropDatabase(database);
    broker = new MqttBroker();
    await broker.start();
    relayed = new Relayed();
    topics = new Set();
    log = new Log();
    // a session that outlives its connection: what comes meanwhile is kept for it by the broker
    subscriber = await mqtt.connectAsync(broker.url, { clientId: 'subscriber', clean: false, reconnectPeriod: 20 });
    subscriber.on('error', () => undefined);
    subscriber.on('message', (topic, payload) => {
      topics.add(topic);
      relayed.take(payload);
    });
    await subscriber.subscribeAsync('games/#', { qos: 1 });
  });
  afterEach(async () => {
    await Promise.all(open.splice(0).map((app) => app.close()));
    await subscriber.endAsync(true);
    await broker.kill();
  });
  afterAll(() => dropDatabase(database));

  async function start(options: Partial<EventRelayOptions> = {}, isRelaying = true): Promise<GamesApp> {
    const client = ClientsModule.register([{ name: 'BROKER', transport: Transport.MQTT, options: { url: broker.url, reconnectPeriod: 20 } }]);
    const relay = EventRelayModule.register({
      name: 'relay',
      model: Game.name,
      from: 'beginning',
      imports: [client],
      client: 'BROKER',
      transport: 'mqtt',
      pattern: ({ documentId }) => `games/${String(documentId)}`,
      retryDelayMs: 5,
      maxRetryDelayMs: 50,
      leaseMs: 600_000, // nobody dies here, so none has to run out, not even on a machine that stands still
      ...options,
    });
    const app = await startGames({ database, cqrs: false, root: { publish: 'never' }, imports: isRelaying ? [relay] : [], logger: log });
    open.push(app);
    return app;
  }
  async function stop(app: GamesApp): Promise<void> {
    open.splice(open.indexOf(app), 1);
    await app.close();
  }
  async function create(app: GamesApp): Promise<mongoose.Types.ObjectId> {
    return (await app.games.findOneAndUpsert({ name: 'raid' }, 'test')).document._id;
  }
  const status = (app: GamesApp) => app.app.get(DurableHandlers).status('relay');

  it('whoever subscribes gets every change of a document as a CloudEvent, on the topic of the document', async () => {
    const app = await start();
    const id = await create(app);
    await app.games.findOneAndUpdate(id, addGold, 'alice');
    await app.games.deleteOne(id, 'test');
    await until(() => relayed.firsts(id).length === 3, 'three events');
    // at least once is what a relay promises; nobody is away and nothing fails here, so it is exactly once
    expect(broker.arrived.numbers(id)).toEqual(upTo(3));
    expect(relayed.numbers(id)).toEqual(upTo(3));
    expect([...topics]).toEqual([`games/${String(id)}`]);
    const { events } = relayed;
    expect(events.map(({ type }) => type.split('.').at(-1))).toEqual(['created', 'updated', 'deleted']);
    expect(events[1]).toMatchObject({
      specversion: '1.0',
      id: `${String(id)}@2`,
      source: '/Game',
      subject: String(id),
      partitionkey: String(id),
      data: { documentId: { $oid: String(id) }, serverSeq: 2, clientId: 'alice', operation: 'update', diff: { set: { gold: 1 } } },
    });
  });

  it('every event of every document arrives in order, though the broker is killed and the application restarted while writes go on', async () => {
    const writer = await start({}, false);
    const ids = await Promise.all(upTo(8).map(() => create(writer)));
    const written = new Map(ids.map((id) => [String(id), 1]));
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
        await broker.kill();
        state.isAway = true;
        const missed = [...written.values()].reduce((sum, count) => sum + count, 0) + 40;
        await until(() => [...written.values()].reduce((sum, count) => sum + count, 0) >= missed, 'writes during the outage');
        await broker.start();
        state.isAway = false;
        await more('events after the outage');
        await stop(app);
        app = await start();
        await more('events after the restart');
      }
    } finally {
      state.isWriting = false;
      await writing;
    }
    await until(() => ids.every((id) => relayed.firsts(id).length === written.get(String(id))), 'all events');
    // a subscriber that was away gets what was kept for it among what is new: the order is that in which the broker was told
    for (const id of ids) expect(broker.arrived.firsts(id)).toEqual(upTo(written.get(String(id)) ?? 0));
    expect(await status(app)).toMatchObject({ parked: 0 });
  });

  it('a broker that is away parks nothing, also with maxAttempts 1, and an application starts without it', async () => {
    await broker.kill();
    const app = await start({ maxAttempts: 1 });
    const ids = await Promise.all(upTo(4).map(() => create(app)));
    for (const id of ids) await app.games.findOneAndUpdate(id, addGold, 'test');
    await until(() => log.warnings.filter((warning) => warning.includes('the broker did not take the event')).length > 10, 'tries in vain');
    expect(await status(app)).toMatchObject({ parked: 0 });
    expect(relayed.events).toEqual([]);
    await broker.start();
    await until(() => ids.every((id) => relayed.firsts(id).length === 2), 'all events');
    // a subscriber that comes back meanwhile gets what was kept for it among what is new
    for (const id of ids) expect(broker.arrived.firsts(id)).toEqual([1, 2]);
    expect(await status(app)).toMatchObject({ parked: 0 });
  });

  it('an event that cannot be made into a message parks its document only', async () => {
    const app = await start({
      maxAttempts: 2,
      data: (event) => {
        if (event.operation === 'update') throw new Error('not this one');
        return undefined;
      },
    });
    const [poisoned, healthy] = [await create(app), await create(app)];
    await app.games.findOneAndUpdate(poisoned, addGold, 'test');
    await app.games.deleteOne(poisoned, 'test');
    await app.games.deleteOne(healthy, 'test');
    await until(() => relayed.firsts(healthy).length === 2, 'the healthy document');
    await until(async () => (await status(app)).parked === 1, 'the parked one');
    // parked behind what the broker had taken, which may still be on its way to the subscriber
    expect(broker.arrived.numbers(poisoned)).toEqual([1]);
    expect(broker.arrived.numbers(healthy)).toEqual([1, 2]);
  });

  it('a client that the relay was given is closed with the application', async () => {
    const client = ClientProxyFactory.create({ transport: Transport.MQTT, options: { url: broker.url } });
    const app = await start({ client, imports: [] });
    const id = await create(app);
    await until(() => relayed.firsts(id).length === 1, 'the event');
    const connected = client.unwrap<MqttClient>();
    await stop(app);
    expect(connected.disconnecting || connected.disconnected).toBe(true);
  });

  it('wrong options stop the application', async () => {
    await expect(start({ transport: 'pigeon' as never })).rejects.toThrow(InvalidOptionsError);
    expect(() => EventRelayModule.register({ client: undefined } as never)).toThrow(InvalidOptionsError);
  });
});
