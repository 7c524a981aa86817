import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import mongoose from 'mongoose';
import type { Connection } from 'mongoose';
import { describeLeaseStore } from '../testing/lease-store.contract.js';
import { MongooseLeaseStore } from './mongoose-lease-store.js';
import { leasesCollection, ProcessLease } from './process-lease.js';

async function connect(): Promise<Connection> {
  return mongoose.createConnection(process.env['TEST_MONGODB_URI'] ?? '', { dbName: `leases_${new mongoose.mongo.ObjectId().toHexString()}` }).asPromise();
}

describeLeaseStore('MongooseLeaseStore', async () => {
  const connection = await connect();
  return {
    leases: new MongooseLeaseStore(connection, undefined),
    elsewhere: new MongooseLeaseStore(connection, undefined),
    startTransaction: async () => {
      const session = await connection.startSession();
      session.startTransaction({ readConcern: { level: 'snapshot' }, writeConcern: { w: 'majority' } });
      return {
        session,
        commit: () => session.commitTransaction().then(() => session.endSession()),
        abort: () => session.abortTransaction().then(() => session.endSession()),
      };
    },
    close: async () => {
      await connection.dropDatabase();
      await connection.close();
    },
  };
});

describe('MongooseLeaseStore beside the signs of life of processes', () => {
  let connection: Connection;

  beforeAll(async () => {
    connection = await connect();
  });
  afterAll(async () => {
    await connection.dropDatabase();
    await connection.close();
  });

  it('a lease is not taken for a dead process, and a process is no lease', async () => {
    const leases = new MongooseLeaseStore(connection, undefined);
    await leases.acquire('one', 'a', 600_000);
    const collection = connection.getClient().db(connection.name).collection(leasesCollection);
    await collection.insertOne({ _id: 'dead' as never, lsids: [], beatAt: new Date(0) });
    expect(await new ProcessLease(connection).buryDead()).toBe(1);
    expect((await collection.find().toArray()).map(({ _id }) => String(_id))).toEqual(['lease:one']);
  });

  it('who waits for a fenced transaction asks whether its owner still lives', async () => {
    const asked: string[] = [];
    const orphans = { held: (key: string) => Promise.resolve(void asked.push(key)), free: () => undefined };
    const leases = new MongooseLeaseStore(connection, orphans);
    const lease = await leases.acquire('held', 'a', 1);
    const session = await connection.startSession();
    session.startTransaction();
    if (lease === null) throw new Error('the lease was not free');
    await leases.fence(lease, session);
    // within its millisecond the lease is simply held, and nobody waits for anything
    while (asked.length === 0) expect(await leases.acquire('held', 'b', 1_000)).toBeNull();
    expect(asked).toEqual(['lease:held']);
    await session.abortTransaction();
    await session.endSession();
  });
});
