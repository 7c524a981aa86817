import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { StaleLeaseError } from '../errors/stale-lease.error.js';
import type { Lease, LeaseStore } from '../leases/lease-store.js';
import type { CallerTransaction } from './storage-fixture.js';

/** One store of leases as two processes see it, and transactions on the same database. */
export interface LeaseFixture {
  readonly leases: LeaseStore;
  readonly elsewhere: LeaseStore;
  startTransaction(): Promise<CallerTransaction>;
  close(): Promise<void>;
}

const long = 600_000;
/** Over at once, by any clock that goes on. */
const short = 1;
const patienceMs = 20_000;

/** The contract of LeaseStore. */
export function describeLeaseStore(name: string, createFixture: () => Promise<LeaseFixture>): void {
  describe(`${name} is a LeaseStore`, () => {
    let fixture: LeaseFixture;
    let made = 0;

    beforeAll(async () => {
      fixture = await createFixture();
    });
    afterAll(() => fixture.close());

    const newName = (): string => `$thing.${++made}`;

    /** Asks until it gets the lease: one that has to run out first, or of a store so slow that it answered "held" for safety. */
    async function got(store: LeaseStore, lease: string, holder: string, durationMs = long): Promise<Lease> {
      for (const limit = performance.now() + patienceMs; performance.now() < limit; ) {
        const found = await store.acquire(lease, holder, durationMs);
        if (found !== null) return found;
      }
      throw new Error(`${lease} was not free within ${patienceMs / 1000} s`);
    }

    const takeOver = (lease: string, holder: string): Promise<Lease> => got(fixture.elsewhere, lease, holder);
    const taken = (durationMs: number, holder = 'a'): Promise<Lease> => got(fixture.leases, newName(), holder, durationMs);

    it('a free lease is taken in term 1', async () => {
      const lease = newName();
      expect(await got(fixture.leases, lease, 'a')).toEqual({ name: lease, holder: 'a', term: 1 });
    });

    it('a holder keeps its term however often it acquires, and nobody else gets the lease meanwhile', async () => {
      const lease = await taken(long);
      expect(await fixture.elsewhere.acquire(lease.name, 'b', long)).toBeNull();
      expect(await got(fixture.leases, lease.name, 'a')).toEqual(lease);
      expect(await fixture.elsewhere.acquire(lease.name, 'b', long)).toBeNull();
    });

    /** All at once, and again until one of them knows that it won. */
    async function race(lease: string): Promise<Lease[]> {
      let winners: Lease[] = [];
      for (const limit = performance.now() + patienceMs; winners.length === 0 && performance.now() < limit; ) {
        const answers = await Promise.all(Array.from({ length: 10 }, (_, index) => (index % 2 === 0 ? fixture.leases : fixture.elsewhere).acquire(lease, `holder ${index}`, long)));
        winners = answers.filter((answer) => answer !== null);
      }
      return winners;
    }

    it('of many that race for a lease one gets it', async () => {
      const lease = newName();
      expect(await race(lease)).toEqual([{ name: lease, holder: expect.any(String) as unknown as string, term: 1 }]);
    });

    it('of many that race for a lease that has run out one gets it, in the next term', async () => {
      const lease = await taken(short);
      expect(await race(lease.name)).toEqual([{ name: lease.name, holder: expect.any(String) as unknown as string, term: 2 }]);
    });

    it('leases of other names are others', async () => {
      await taken(long);
      expect((await got(fixture.elsewhere, newName(), 'b')).term).toBe(1);
    });

    it('holders that look like expressions are values', async () => {
      const lease = await taken(long, '$expiresAt');
      expect(lease.holder).toBe('$expiresAt');
      expect(await fixture.elsewhere.acquire(lease.name, '$holder', long)).toBeNull();
    });

    it('a renewed lease is not free when its first duration is over', async () => {
      const lease = await taken(short);
      expect(await fixture.leases.renew(lease, long)).toBe(true);
      expect(await fixture.elsewhere.acquire(lease.name, 'b', long)).toBeNull();
    });

    it('a lease that ran out and that nobody took goes on in its term', async () => {
      const lease = await taken(short);
      expect(await fixture.leases.renew(lease, short)).toBe(true);
      expect(await got(fixture.leases, lease.name, 'a')).toEqual(lease);
    });

    it('an old term cannot be renewed, released or written under', async () => {
      const old = await taken(short);
      const current = await takeOver(old.name, 'b');
      expect(current.term).toBe(2);
      expect(await fixture.leases.renew(old, long)).toBe(false);
      await fixture.leases.release(old);
      expect(await fixture.leases.acquire(old.name, 'a', long)).toBeNull();

      const transaction = await fixture.startTransaction();
      await expect(fixture.leases.fence(old, transaction.session)).rejects.toThrow(StaleLeaseError);
      await transaction.abort();
      expect(await fixture.elsewhere.renew(current, long)).toBe(true);
    });

    it('a released lease is free at once, and its term is over', async () => {
      const first = await taken(long);
      await fixture.leases.release(first);
      await fixture.leases.release(first);
      expect(await fixture.leases.renew(first, long)).toBe(false);
      const transaction = await fixture.startTransaction();
      await expect(fixture.leases.fence(first, transaction.session)).rejects.toThrow(StaleLeaseError);
      await transaction.abort();
      expect(await takeOver(first.name, 'b')).toMatchObject({ holder: 'b', term: 2 });
    });

    it('the same holder gets a new term after it gave the lease back', async () => {
      const first = await taken(long);
      await fixture.leases.release(first);
      expect(await got(fixture.leases, first.name, 'a')).toEqual({ ...first, term: 2 });
    });

    it('the term only goes up', async () => {
      const first = await taken(short);
      const terms = [first.term];
      for (const holder of ['b', 'a', 'c', 'b']) {
        const lease = await takeOver(first.name, holder);
        terms.push(lease.term);
        await fixture.elsewhere.release(lease);
      }
      expect(terms).toEqual([1, 2, 3, 4, 5]);
    });

    it('while a fenced transaction is open nobody takes the lease, even when it has run out; after its commit it can be taken', async () => {
      const lease = await taken(short);
      const transaction = await fixture.startTransaction();
      await fixture.leases.fence(lease, transaction.session);
      expect(await fixture.elsewhere.acquire(lease.name, 'b', long)).toBeNull();
      await transaction.commit();
      expect((await takeOver(lease.name, 'b')).term).toBe(2);
    });

    it('a fenced transaction that was aborted leaves nothing behind', async () => {
      const lease = await taken(short);
      const transaction = await fixture.startTransaction();
      await fixture.leases.fence(lease, transaction.session);
      await transaction.abort();
      expect((await takeOver(lease.name, 'b')).term).toBe(2);
    });

    it('a transaction that began in the old term cannot be fenced after the take-over', async () => {
      const guard = await taken(long);
      const lease = await taken(short);
      const transaction = await fixture.startTransaction();
      await fixture.leases.fence(guard, transaction.session); // the transaction sees the database as it is now
      await takeOver(lease.name, 'b');
      // the one store says that the term is over, the other that the transaction lost a race
      await expect(fixture.leases.fence(lease, transaction.session)).rejects.toBeInstanceOf(Error);
      await transaction.abort();
    });

    it('fenced transactions of one holder follow each other', async () => {
      const lease = await taken(long);
      for (let i = 0; i < 3; i++) {
        const transaction = await fixture.startTransaction();
        await fixture.leases.fence(lease, transaction.session);
        await transaction.commit();
      }
      expect(await fixture.leases.renew(lease, long)).toBe(true);
    });
  });
}
