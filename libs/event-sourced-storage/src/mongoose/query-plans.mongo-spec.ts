import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import mongoose, { type mongo } from 'mongoose';
import type { EventQuery } from '../history/event-store.js';
import type { Image } from '../model/diff.js';
import type { DocumentEvent } from '../model/document-event.js';
import { eventKey } from './event-key.js';
import { type EventRecord, toRecord } from './event-record.js';
import { prepareCollections } from './indexes.js';
import { MongooseDeliverySource } from './mongoose-delivery-source.js';
import { checkpointsCollection, deadLettersCollection, handlersCollection, MongooseDeliveryStore, prepareDeliveries } from './mongoose-delivery-store.js';
import { MongooseDocumentReader } from './mongoose-document-reader.js';
import { MongooseEventStore } from './mongoose-event-store.js';
import { MongooseHistoryPruner } from './mongoose-history-pruner.js';
import { MongooseHistoryIndex } from './mongoose-history-index.js';
import { MongooseSnapshotStore } from './mongoose-snapshot-store.js';
import { MongooseStreamStore } from './mongoose-stream-store.js';

const { Long, ObjectId } = mongoose.mongo;

interface Stage {
  readonly stage: string;
  readonly inputStage?: Stage;
  readonly inputStages?: readonly Stage[];
}

interface Plan {
  readonly stages: readonly string[];
  readonly keys: number;
  readonly fetched: number;
}

/** 2,000 events of 20 documents, and snapshots at every tenth number: a query that is answered by a scan is seen in the keys it reads. */
const perDocument = 100;
const ids = Array.from({ length: 20 }, () => new ObjectId());
const id = ids[7] as mongo.ObjectId;

describe('every query is answered by its index', () => {
  const connection = mongoose.createConnection(process.env['TEST_MONGODB_URI'] ?? '', { dbName: `test_${process.env['JEST_WORKER_ID']}_plans`, monitorCommands: true });
  const events = new MongooseEventStore(connection, 'e');
  const snapshots = new MongooseSnapshotStore(connection, 's');
  const histories = new MongooseHistoryIndex(connection, 'e');
  const documents = new MongooseDocumentReader(connection, 'd');
  const streams = new MongooseStreamStore(connection, 'r');
  const pruner = new MongooseHistoryPruner(connection, { collection: 'd', eventsCollection: 'e', snapshotsCollection: 's', streamsCollection: 'r', runTransaction: () => Promise.reject(new Error('not here')) });
  const sent: mongo.Document[] = [];

  beforeAll(async () => {
    await connection.asPromise();
    const database = connection.db as mongo.Db;
    await prepareCollections(connection, { documents: 'd', events: 'e', snapshots: 's', streams: 'r' });
    const history = ids.flatMap((documentId) => Array.from({ length: perDocument }, (_, index) => toRecord(eventOf(documentId, index + 1), new ObjectId())));
    await database.collection<EventRecord>('e').insertMany(history);
    await database.collection('d').insertMany(ids.map((_id) => ({ _id, version: perDocument })));
    await database.collection('s').insertMany(
      ids.flatMap((documentId) => Array.from({ length: 10 }, (_, index) => ({ documentId, serverSeq: Long.fromNumber(index * 10 + 10), state: null, createdAt: new Date() }))),
    );
    connection.getClient().on('commandStarted', ({ command }) => void sent.push(command));
  });
  afterAll(async () => {
    await connection.dropDatabase();
    await connection.close();
  });

  function eventOf(documentId: mongo.ObjectId, serverSeq: number): DocumentEvent<Image> {
    const common = { documentId, serverSeq, clientId: serverSeq % 2 ? 'odd' : 'even', timestamp: new Date(serverSeq * 1_000), operationId: `op-${serverSeq}` };
    if (serverSeq === 1) return { ...common, operation: 'create', createdDoc: { _id: documentId } };
    return { ...common, operation: 'update', diff: { hasChanges: true, version: serverSeq, set: { n: serverSeq }, unset: [] } };
  }

  /** The plan of the one command that is sent meanwhile: what the store asks is explained, not what a test repeats of it. */
  async function planOf(run: () => Promise<unknown>, name: 'find' | 'findAndModify' | 'update' = 'find', collection?: string): Promise<Plan> {
    sent.length = 0;
    await run();
    const [command, ...others] = sent.filter((each) => name in each && (collection === undefined || each[name] === collection));
    if (command === undefined || others.length > 0) throw new Error(`${sent.length} commands were sent`);
    const { lsid: _lsid, $clusterTime: _time, $db: _database, txnNumber: _number, writeConcern: _concern, readConcern: _level, ...explained } = command;
    const database = connection.db as mongo.Db;
    const { executionStats } = (await database.command({ explain: explained, verbosity: 'executionStats' })) as {
      executionStats: { totalKeysExamined: number; totalDocsExamined: number; executionStages: Stage };
    };
    return { stages: stagesOf(executionStats.executionStages), keys: executionStats.totalKeysExamined, fetched: executionStats.totalDocsExamined };
  }

  function stagesOf(stage: Stage): string[] {
    return [stage.stage, ...(stage.inputStage ? stagesOf(stage.inputStage) : []), ...(stage.inputStages ?? []).flatMap((each) => stagesOf(each))];
  }

  function expectIndexed(plan: Plan, results: number): void {
    expect(plan.stages).toContain('IXSCAN');
    expect(plan.stages).not.toContain('COLLSCAN');
    expect(plan.stages).not.toContain('SORT');
    expect(plan.keys).toBeLessThanOrEqual(results + 1);
    expect(plan.fetched).toBeLessThanOrEqual(results);
  }

  it.each<readonly [EventQuery, number]>([
    [{}, 100],
    [{ from: 95 }, 6],
    [{ to: 5 }, 5],
    [{ from: 40, to: 49 }, 10],
    [{ order: 'desc' }, 100],
    [{ order: 'desc', limit: 3 }, 3],
    [{ from: 50, limit: 7 }, 7],
    [{ from: 101 }, 0],
    [{ from: 2 ** 33 }, 0],
  ])('events %p', async (query, results) => {
    const found: unknown[] = [];
    expectIndexed(await planOf(async () => found.push(...(await events.read(id, query)))), results);
    expect(found).toHaveLength(results);
    expectIndexed(await planOf(async () => {
      for await (const event of events.stream(id, query)) expect(event.documentId).toEqual(id);
    }), results);
  });

  it.each<readonly [EventQuery, number, number]>([
    [{ clientId: 'odd' }, 50, 100],
    [{ operation: 'create' }, 1, 100],
    [{ since: new Date(90_000) }, 11, 100],
    [{ since: new Date(1_000), until: new Date(5_000), from: 3, to: 12 }, 3, 10],
  ])('events %p look at the range of the one document only', async (query, results, range) => {
    const found: unknown[] = [];
    const plan = await planOf(async () => found.push(...(await events.read(id, query))));
    expect(found).toHaveLength(results);
    expectIndexed(plan, range);
  });

  it('single events of several documents read those and nothing else', async () => {
    const keys = ids.slice(0, 5).flatMap((documentId) => [3, 50].map((serverSeq) => ({ documentId, serverSeq })));
    const { stages, keys: examined, fetched } = await planOf(async () => {
      for await (const event of events.pick(keys)) void event;
    });
    expect(stages).not.toContain('COLLSCAN');
    expect(examined).toBeLessThanOrEqual(keys.length * 2 + 1);
    expect(fetched).toBe(keys.length);
  });

  it('the head', async () => {
    expectIndexed(await planOf(() => events.head(id)), 1);
    expectIndexed(await planOf(() => events.head(new ObjectId())), 0);
  });

  it('an operation', async () => {
    expectIndexed(await planOf(() => events.findOperation(id, 'op-50')), 1);
    expectIndexed(await planOf(() => events.findOperation(id, 'never')), 0);
  });

  it('the newest snapshot, also up to a number', async () => {
    expectIndexed(await planOf(() => snapshots.newest(id)), 1);
    expectIndexed(await planOf(() => snapshots.newest(id, 55)), 1);
    expectIndexed(await planOf(() => snapshots.newest(id, 5)), 0);
  });

  it('the entries of snapshots', async () => {
    expectIndexed(await planOf(() => snapshots.list(id)), 10);
    expectIndexed(await planOf(() => snapshots.list(id, 1)), 1);
    expectIndexed(await planOf(() => snapshots.list(new ObjectId())), 0);
  });

  it('the end and the beginning of a history', async () => {
    expectIndexed(await planOf(() => histories.head(id)), 1);
    expectIndexed(await planOf(() => histories.oldestAt(id)), 1);
    expectIndexed(await planOf(() => histories.head(new ObjectId())), 0);
  });

  it('the next history, without a look at the events of the one before', async () => {
    const plan = await planOf(() => histories.idsAfter(id, 1));
    expect(plan.stages).not.toContain('COLLSCAN');
    expect(plan.stages).not.toContain('SORT');
    expect([plan.keys, plan.fetched]).toEqual([1, 0]);
  });

  it('the size of the end of a history reads that end', async () => {
    sent.length = 0;
    expect(await histories.bytesAfter(id, 90)).toBeGreaterThan(10 * 50);
    const { pipeline } = sent.find((command) => 'aggregate' in command) as { pipeline: mongo.Document[] };
    const explained = JSON.stringify(await connection.db?.collection('e').aggregate(pipeline).explain('executionStats'));
    expect(explained).not.toContain('COLLSCAN');
    expect(/"totalDocsExamined":(\d+)/.exec(explained)?.[1]).toBe('10');
  });

  it('a snapshot that is there already', async () => {
    const plan = await planOf(() => snapshots.save({ documentId: id, serverSeq: 50, state: null, createdAt: new Date() }), 'findAndModify');
    expectIndexed(plan, 1);
  });

  it('the facts of a history, with the generation', async () => {
    await streams.read(id); // draws the generation
    await streams.raiseFloor(id, { floor: 1, floorAt: new Date() });
    const found = await planOf(() => streams.read(id));
    expect(found.stages).toContain('IXSCAN');
    expect(found.keys).toBeLessThanOrEqual(4);
    expect(found.fetched).toBe(2);
    expect((await planOf(() => streams.read(new ObjectId()))).fetched).toBe(1);
    expect((await planOf(() => streams.wasErased(id, 'op'))).keys).toBeLessThanOrEqual(1);
  });

  it('the events of a batch that is removed', async () => {
    const last = ids.at(-1) as mongo.ObjectId;
    expectIndexed(await planOf(() => pruner.removeEvents(last, 5, 3)), 3);
    expectIndexed(await planOf(() => pruner.removeEvents(last, 3, 3)), 0);
    expect(await connection.db?.collection('e').countDocuments({ '_id.d': last })).toBe(perDocument - 3);
  });

  it('the next history', async () => {
    const iterator = pruner.documentIds()[Symbol.asyncIterator]();
    expectIndexed(await planOf(() => iterator.next()), 1);
    expectIndexed(await planOf(() => iterator.next()), 1);
  });

  it('a document', async () => {
    expectIndexed(await planOf(() => documents.read(id)), 1);
    expectIndexed(await planOf(() => documents.read(new ObjectId())), 0);
  });

  describe('of durable handlers', () => {
    const store = new MongooseDeliveryStore(connection, undefined as never, { held: () => Promise.resolve(), free: () => undefined });
    const source = new MongooseDeliverySource(connection, 'e');
    const letters = 10;

    /** Two handlers of three generations each, with eight parts of 20 documents; every other document of part 0 is parked. */
    beforeAll(async () => {
      await prepareDeliveries(connection);
      const database = connection.db as mongo.Db;
      const generations = ['a', 'b'].flatMap((h) => [1, 2, 3].map((g) => ({ h, g })));
      const parts = generations.flatMap((each) => Array.from({ length: 8 }, (_, p) => ({ ...each, p })));
      await database.collection<{ _id: string }>(handlersCollection).insertMany(['a', 'b'].map((_id) => ({ _id, model: 'Game', generation: 2, partitions: 8, from: 'beginning' })));
      await database.collection<{ _id: object }>(checkpointsCollection).insertMany([...parts, ...parts.flatMap((part) => ids.map((d) => ({ ...part, d })))].map((_id) => ({ _id, seq: 1 })));
      await database.collection<{ _id: object }>(deadLettersCollection).insertMany(
        generations.flatMap((each) => ids.slice(0, letters).map((d) => ({ _id: { ...each, p: 0, d }, seq: 2, attempts: 1, error: '', parkedAt: new Date() }))),
      );
    });

    function expectKeys({ stages, keys, fetched }: Plan, results: number, most = results + 1): void {
      expect(stages).not.toContain('COLLSCAN');
      expect(keys).toBeLessThanOrEqual(most);
      expect(fetched).toBeLessThanOrEqual(results);
    }

    it('what is kept of a handler', async () => {
      expectKeys(await planOf(() => store.state('a')), 1);
      expectKeys(await planOf(() => store.beat('a', 'me', 1_000), 'findAndModify'), 1);
    });

    it('the parts of a generation, without their documents', async () => {
      expectKeys(await planOf(() => store.partitions('a', 2), 'find', checkpointsCollection), 8, 17);
    });

    it('the checkpoints of some documents', async () => {
      expectKeys(await planOf(() => store.checkpoints({ handler: 'a', generation: 2, partition: 3 }, ids.slice(0, 5))), 5, 11);
    });

    it('the parked documents of a generation, and no others', async () => {
      // the oldest of them are found by the server, and only those travel
      expectKeys(await planOf(() => store.parked('a', 2, { limit: 1 })), letters);
      expect(sent.find((command) => 'find' in command)).toMatchObject({ limit: 1 });
      expectKeys(await planOf(() => store.parked('a', 2, { limit: 1, wishesOnly: true })), 0);
      sent.length = 0;
      expect(await store.countParked('a', 2)).toBe(letters);
      const { pipeline } = sent.find((command) => 'aggregate' in command) as { pipeline: mongo.Document[] };
      const explained = JSON.stringify(await connection.db?.collection(deadLettersCollection).aggregate(pipeline).explain('executionStats'));
      expect(explained).not.toContain('COLLSCAN');
      expect(Number(/"totalKeysExamined":(\d+)/.exec(explained)?.[1])).toBeLessThanOrEqual(letters + 1);
    });

    it('a wish for one parked document, or for all', async () => {
      expectKeys(await planOf(() => store.wish('a', 2, 'redeliver', { documentId: id, partition: 0 }), 'update'), 1);
      expectKeys(await planOf(() => store.wish('a', 2, 'redeliver'), 'update'), letters);
    });

    it('progress that is void, of one handler', async () => {
      expectKeys(await planOf(() => store.dropBefore('a', 1), 'find', checkpointsCollection), 0);
      await store.dropBefore('a', 2);
      const left = await connection.db?.collection(checkpointsCollection).aggregate([{ $match: { '_id.d': { $exists: true } } }, { $sortByCount: '$_id.h' }]).toArray();
      expect(left?.map(({ _id, count }) => [_id, count] as unknown)).toEqual([['b', 480], ['a', 320]]);
    });

    it('the keys of all histories behind one, from the index alone', async () => {
      const plan = await planOf(() => source.heads(ids[17]));
      expect(plan.stages).not.toContain('SORT');
      expectKeys(plan, 0, 2 * perDocument + 1);
    });

    it('the first event since a time looks at the one document only', async () => {
      expectIndexed(await planOf(() => source.firstSince(id, new Date(90_000))), perDocument);
      expect(await source.firstSince(id, new Date(90_000))).toBe(90);
    });
  });

  it.each<readonly [string, object]>([
    ['a range without an end', { _id: { $gte: eventKey(id, 1) } }],
    ['a part of the key', { '_id.v': 1 }],
    ['no range', { clientId: 'odd' }],
  ])('and the check sees when one is not: %s', async (_, filter) => {
    const plan = await planOf(async () => connection.db?.collection('e').find(filter).sort({ _id: 1 }).toArray());
    expect(() => expectIndexed(plan, 100)).toThrow('<= 101');
  });
});
