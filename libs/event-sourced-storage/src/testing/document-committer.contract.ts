import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Image } from '../model/diff.js';
import type { DocumentEvent } from '../model/document-event.js';
import type { DocumentId } from '../model/document-id.js';
import type { CommitOutcome, DocumentChange } from '../write/document-change.js';
import { assertSame } from './assert-same.js';
import { Changes } from './changes.js';
import { assertFoldIsDocument } from './fold.js';
import type { CallerTransaction, CreateStorageFixture, StorageFixture } from './storage-fixture.js';

const conflict: CommitOutcome = { kind: 'conflict', pending: false };
const pendingConflict: CommitOutcome = { kind: 'conflict', pending: true };
const committed: CommitOutcome = { kind: 'committed' };
const grounded: CommitOutcome = { kind: 'grounded' };
const repeated: CommitOutcome = { kind: 'repeated' };

/** The contract of DocumentCommitter. One store serves all tests; each uses documents of its own. */
export function describeDocumentCommitter(name: string, createFixture: CreateStorageFixture, samples: Image): void {
  describe(`${name} is a DocumentCommitter`, () => {
    let fixture: StorageFixture;
    let changes: Changes;

    beforeAll(async () => {
      fixture = await createFixture();
      changes = new Changes(fixture.versionField);
    });
    afterAll(() => fixture.close());

    const commit = (...flight: DocumentChange[]): Promise<readonly CommitOutcome[]> => fixture.committer.commit(flight, { deadline: Infinity });
    const eventsOf = (id: DocumentId): Promise<DocumentEvent<Image>[]> => fixture.events.read(id, {});

    /** A committed create; `after` of the answer is the stored document. */
    async function existing(fields: Image = { gold: 1 }): Promise<DocumentChange> {
      const create = changes.create(fixture.newId(), fields);
      expect(await commit(create)).toEqual([committed]);
      return create;
    }

    async function expectStored(change: DocumentChange, history: readonly DocumentChange[]): Promise<void> {
      assertSame(await fixture.reader.read(change.documentId), change.after, 'the document');
      assertSame(await eventsOf(change.documentId), history.map(({ event }) => event), 'the history');
      if (history.length > 0) await assertFoldIsDocument(fixture, change.documentId);
    }

    describe('one change', () => {
      it('an empty flight has no outcomes', async () => {
        expect(await commit()).toEqual([]);
      });

      it('a create stores the document at 1 and one event', async () => {
        const create = await existing();
        await expectStored(create, [create]);
        expect(create.after?.[fixture.versionField]).toBe(1);
      });

      it('an update stores what changed and what went away, and one event', async () => {
        const create = await existing({ gold: 1, bag: { sword: 1, shield: 2 }, tags: ['a', 'b'], gone: true });
        const update = changes.update(create.after, (draft) => {
          draft['gold'] = 2;
          draft['bag'] = { sword: 3 };
          draft['tags'] = ['a', 'c'];
          delete draft['gone'];
        });
        expect(await commit(update)).toEqual([committed]);
        await expectStored(update, [create, update]);
      });

      it('an array that grows or shrinks is stored whole', async () => {
        const create = await existing({ list: [1, 2, 3] });
        const grow = changes.update(create.after, (draft) => (draft['list'] = [1, 2, 3, 4, { five: [5] }]));
        const shrink = changes.update(grow.after, (draft) => (draft['list'] = []));
        expect(await commit(grow)).toEqual([committed]);
        expect(await commit(shrink)).toEqual([committed]);
        await expectStored(shrink, [create, grow, shrink]);
      });

      it('a delete removes the document and leaves its last state as an event', async () => {
        const create = await existing();
        const remove = changes.delete(create.after);
        expect(await commit(remove)).toEqual([committed]);
        await expectStored(remove, [create, remove]);
      });

      it('a create after a delete goes on from the number of the tombstone', async () => {
        const create = await existing();
        const remove = changes.delete(create.after);
        const again = changes.create(create.documentId, { gold: 9 }, { expectedVersion: 2 });
        expect(await commit(remove)).toEqual([committed]);
        expect(await commit(again)).toEqual([committed]);
        await expectStored(again, [create, remove, again]);
      });

      it('every type of value comes back as what it was', async () => {
        const create = await existing(samples);
        await expectStored(create, [create]);
        const update = changes.update(create.after, (draft) => (draft['copy'] = { of: samples }));
        expect(await commit(update)).toEqual([committed]);
        await expectStored(update, [create, update]);
      });

      it('all facts of an event are kept and none is added', async () => {
        const create = changes.create(fixture.newId(), { gold: 1 }, {
          clientId: 'admin-panel',
          operationId: 'the operation',
          timestamp: new Date(123_456),
          schemaVersion: 7,
          transactionId: 't-1',
          metadata: { correlationId: 'c', reason: 'a test', nested: { a: [1] } },
        });
        expect(await commit(create)).toEqual([committed]);
        const [stored] = await eventsOf(create.documentId);
        assertSame(stored, create.event);
        expect(Object.keys(stored ?? {}).toSorted()).toEqual(Object.keys(create.event).toSorted());
      });

      it('the change is not altered, and altering it later alters nothing stored', async () => {
        const create = changes.create(fixture.newId(), { bag: { sword: 1 } });
        const copy = structuredClone({ after: create.after?.['bag'], keys: Object.keys(create.event) });
        expect(await commit(create)).toEqual([committed]);
        expect({ after: create.after?.['bag'], keys: Object.keys(create.event) }).toEqual(copy);
        Object.assign(create.after?.['bag'] as Image, { sword: 99 });
        assertSame((await fixture.reader.read(create.documentId))?.['bag'], { sword: 1 });
      });
    });

    describe('a conflict', () => {
      it('a create of an existing document is one, and changes nothing', async () => {
        const create = await existing();
        expect(await commit(changes.create(create.documentId, { gold: 100 }))).toEqual([conflict]);
        expect(await commit(changes.create(create.documentId, { gold: 100 }, { expectedVersion: 1 }))).toEqual([conflict]);
        await expectStored(create, [create]);
      });

      it.each([
        ['behind', 1],
        ['ahead', 3],
      ])('an update or delete that expects a number %s is one, and changes nothing', async (_, expectedVersion) => {
        const create = await existing();
        const update = changes.update(create.after, (draft) => (draft['gold'] = 2));
        expect(await commit(update)).toEqual([committed]);
        expect(await commit(changes.update(create.after, (draft) => (draft['gold'] = 3), { expectedVersion }))).toEqual([conflict]);
        expect(await commit(changes.delete(create.after, { expectedVersion }))).toEqual([conflict]);
        await expectStored(update, [create, update]);
      });

      it('an update or delete of a document that does not exist is one', async () => {
        const absent = changes.create(fixture.newId(), { gold: 1 });
        expect(await commit(changes.update(absent.after, (draft) => (draft['gold'] = 2)))).toEqual([conflict]);
        expect(await commit(changes.delete(absent.after))).toEqual([conflict]);
        await expectStored({ ...absent, after: null }, []);
      });

      it('an update or delete of a deleted document is one, also at the number of the tombstone', async () => {
        const create = await existing();
        const remove = changes.delete(create.after);
        expect(await commit(remove)).toEqual([committed]);
        expect(await commit(changes.update(create.after, (draft) => (draft['gold'] = 2), { expectedVersion: 2 }))).toEqual([conflict]);
        expect(await commit(changes.delete(create.after, { expectedVersion: 2 }))).toEqual([conflict]);
        await expectStored(remove, [create, remove]);
      });

      it('a create that ignores the tombstone is one', async () => {
        const create = await existing();
        const remove = changes.delete(create.after);
        expect(await commit(remove)).toEqual([committed]);
        expect(await commit(changes.create(create.documentId, { gold: 5 }))).toEqual([conflict]);
        await expectStored(remove, [create, remove]);
      });

      it('of many that race for one number, one is committed and the others are conflicts', async () => {
        const create = await existing();
        const racers = Array.from({ length: 8 }, (_, index) => changes.update(create.after, (draft) => (draft['gold'] = 100 + index)));
        const outcomes = (await Promise.all(racers.map((racer) => commit(racer)))).flat();
        expect(outcomes.map(({ kind }) => kind).toSorted()).toEqual(['committed', ...Array.from({ length: 7 }, () => 'conflict')]);
        const winner = racers[outcomes.findIndex(({ kind }) => kind === 'committed')] ?? create;
        await expectStored(winner, [create, winner]);
      });

      it('of many that race to create one document, one is committed and the others are conflicts', async () => {
        const id = fixture.newId();
        const racers = Array.from({ length: 8 }, (_, index) => changes.create(id, { gold: index }));
        const outcomes = (await Promise.all(racers.map((racer) => commit(racer)))).flat();
        expect(outcomes.map(({ kind }) => kind).toSorted()).toEqual(['committed', ...Array.from({ length: 7 }, () => 'conflict')]);
        const winner = racers[outcomes.findIndex(({ kind }) => kind === 'committed')] as DocumentChange;
        await expectStored(winner, [winner]);
      });
    });

    describe('a repeated operation', () => {
      it('is told apart from a new one, and changes nothing', async () => {
        const create = await existing();
        const update = changes.update(create.after, (draft) => (draft['gold'] = 2), { operationId: 'add gold' });
        expect(await commit(update)).toEqual([committed]);
        expect(await commit(changes.update(update.after, (draft) => (draft['gold'] = 3), { operationId: 'add gold' }))).toEqual([repeated]);
        expect(await commit(changes.delete(update.after, { operationId: 'add gold' }))).toEqual([repeated]);
        await expectStored(update, [create, update]);
      });

      it('is known after the document was deleted', async () => {
        const create = changes.create(fixture.newId(), {}, { operationId: 'create' });
        const remove = changes.delete(create.after);
        expect(await commit(create, remove)).toEqual([committed, committed]);
        expect(await commit(changes.create(create.documentId, {}, { operationId: 'create', expectedVersion: 2 }))).toEqual([repeated]);
        await expectStored(remove, [create, remove]);
      });

      it('of another document is another operation', async () => {
        const [one, other] = [await existing(), await existing()];
        const outcomes = await commit(
          changes.update(one.after, (draft) => (draft['gold'] = 2), { operationId: 'same text' }),
          changes.update(other.after, (draft) => (draft['gold'] = 2), { operationId: 'same text' }),
        );
        expect(outcomes).toEqual([committed, committed]);
      });

      it('grounds the other changes of its document in the flight', async () => {
        const create = await existing();
        const known = changes.update(create.after, (draft) => (draft['gold'] = 2), { operationId: 'known' });
        expect(await commit(known)).toEqual([committed]);
        const first = changes.update(known.after, (draft) => (draft['gold'] = 3));
        const second = changes.update(first.after, (draft) => (draft['gold'] = 4), { operationId: 'known' });
        const third = changes.update(second.after, (draft) => (draft['gold'] = 5));
        expect(await commit(first, second, third)).toEqual([grounded, repeated, grounded]);
        await expectStored(known, [create, known]);
      });

      it('twice in one flight is one too', async () => {
        const create = await existing();
        const first = changes.update(create.after, (draft) => (draft['gold'] = 2), { operationId: 'twin' });
        const second = changes.update(first.after, (draft) => (draft['gold'] = 3), { operationId: 'twin' });
        expect(await commit(first, second)).toEqual([grounded, repeated]);
        await expectStored(create, [create]);
      });
    });

    describe('a history that is ahead of its document', () => {
      it('rejects the change whose number is taken, grounds its neighbours on the document, and changes nothing', async () => {
        const create = await existing();
        const planted = changes.update(create.after, (draft) => (draft['gold'] = 7));
        await fixture.plantEvent(planted.event);
        const update = changes.update(create.after, (draft) => (draft['gold'] = 2));
        const outcomes = await commit(update, changes.update(update.after, (draft) => (draft['gold'] = 3)));
        expect(outcomes).toEqual([{ kind: 'rejected', error: expect.objectContaining({ code: 'HISTORY_CORRUPT' }) }, grounded]);
        expect((await commit(changes.delete(create.after)))[0]).toMatchObject({ kind: 'rejected', error: { code: 'HISTORY_CORRUPT' } });
        assertSame(await fixture.reader.read(create.documentId), create.after);
        assertSame(await eventsOf(create.documentId), [create.event, planted.event]);
      });
    });

    describe('several changes of one document in one flight', () => {
      it('create, update and update end in one document and three events', async () => {
        const create = changes.create(fixture.newId(), { gold: 1, gone: 1 });
        const first = changes.update(create.after, (draft) => (draft['gold'] = 2));
        const second = changes.update(first.after, (draft) => delete draft['gone']);
        expect(await commit(create, first, second)).toEqual([committed, committed, committed]);
        await expectStored(second, [create, first, second]);
      });

      it('three updates end in one document and three events', async () => {
        const create = await existing({ gold: 1, bag: { a: 1, b: 2 }, list: [1, 2], here: 1 });
        const first = changes.update(create.after, (draft) => (draft['bag'] = { a: 2, c: { d: 1 } }));
        const second = changes.update(first.after, (draft) => {
          draft['bag'] = { c: { d: 2, e: 3 } };
          draft['list'] = [2, 1, 0];
          delete draft['here'];
        });
        const third = changes.update(second.after, (draft) => {
          draft['list'] = [2, 1, 5];
          draft['here'] = { again: true };
        });
        expect(await commit(first, second, third)).toEqual([committed, committed, committed]);
        await expectStored(third, [create, first, second, third]);
      });

      it('an update that takes the one before back is an event like any other', async () => {
        const create = await existing();
        const there = changes.update(create.after, (draft) => (draft['gold'] = 2));
        const back = changes.update(there.after, (draft) => (draft['gold'] = 1));
        expect(await commit(there, back)).toEqual([committed, committed]);
        await expectStored(back, [create, there, back]);
      });

      it('update and delete end in no document and two events', async () => {
        const create = await existing();
        const update = changes.update(create.after, (draft) => (draft['gold'] = 2));
        const remove = changes.delete(update.after);
        expect(await commit(update, remove)).toEqual([committed, committed]);
        await expectStored(remove, [create, update, remove]);
      });

      it('create, update and delete end in no document and three events', async () => {
        const create = changes.create(fixture.newId(), { gold: 1 });
        const update = changes.update(create.after, (draft) => (draft['gold'] = 2));
        const remove = changes.delete(update.after);
        expect(await commit(create, update, remove)).toEqual([committed, committed, committed]);
        await expectStored(remove, [create, update, remove]);
      });

      it('all are conflicts when the first is one', async () => {
        const create = await existing();
        const winner = changes.update(create.after, (draft) => (draft['gold'] = 2));
        expect(await commit(winner)).toEqual([committed]);
        const first = changes.update(create.after, (draft) => (draft['gold'] = 3));
        const second = changes.update(first.after, (draft) => (draft['gold'] = 4));
        expect(await commit(first, second, changes.delete(second.after))).toEqual([conflict, conflict, conflict]);
        await expectStored(winner, [create, winner]);
      });

      it('all are conflicts when they begin with a create of an existing document, also when a delete follows', async () => {
        const create = await existing();
        const late = changes.create(create.documentId, { gold: 3 });
        expect(await commit(late, changes.update(late.after, (draft) => (draft['gold'] = 4)))).toEqual([conflict, conflict]);
        expect(await commit(late, changes.delete(late.after))).toEqual([conflict, conflict]);
        await expectStored(create, [create]);
      });

      it('a hundred of them have contiguous numbers', async () => {
        const flight = [changes.create(fixture.newId(), { count: 0 })];
        for (let count = 1; count < 100; count++) flight.push(changes.update(flight.at(-1)?.after ?? null, (draft) => (draft['count'] = count)));
        expect(new Set((await commit(...flight)).map(({ kind }) => kind))).toEqual(new Set(['committed']));
        const [create] = flight as [DocumentChange];
        expect((await eventsOf(create.documentId)).map(({ serverSeq }) => serverSeq)).toEqual(Array.from({ length: 100 }, (_, index) => index + 1));
        expect((await assertFoldIsDocument(fixture, create.documentId)).version).toBe(100);
      });
    });

    describe('several documents in one flight', () => {
      it('creates, updates and deletes ride together, and outcomes stand in the order of the flight', async () => {
        const [toUpdate, toDelete, moved, gone, taken] = [await existing(), await existing(), await existing(), await existing(), await existing()];
        const winner = changes.update(moved.after, (draft) => (draft['gold'] = 50));
        expect(await commit(winner, changes.delete(gone.after))).toEqual([committed, committed]);

        const create = changes.create(fixture.newId(), { gold: 10 });
        const update = changes.update(toUpdate.after, (draft) => (draft['gold'] = 11));
        const remove = changes.delete(toDelete.after);
        const followed = changes.create(fixture.newId(), { gold: 12 });
        const following = changes.update(followed.after, (draft) => (draft['gold'] = 13));
        const outcomes = await commit(
          changes.update(moved.after, (draft) => (draft['gold'] = 14)),
          create,
          changes.delete(gone.after),
          update,
          changes.create(taken.documentId, { gold: 15 }),
          remove,
          followed,
          following,
        );
        expect(outcomes).toEqual([conflict, committed, conflict, committed, conflict, committed, committed, committed]);
        await expectStored(create, [create]);
        await expectStored(update, [toUpdate, update]);
        await expectStored(remove, [toDelete, remove]);
        await expectStored(following, [followed, following]);
        await expectStored(winner, [moved, winner]);
        await expectStored(taken, [taken]);
      });

      it('a repeated operation and a taken number harm nobody else', async () => {
        const [known, ahead, toDelete] = [await existing(), await existing(), await existing()];
        await fixture.plantEvent(changes.update(ahead.after, (draft) => (draft['gold'] = 7)).event);
        const create = changes.create(fixture.newId(), {});
        const remove = changes.delete(toDelete.after);
        const outcomes = await commit(
          create,
          changes.update(known.after, (draft) => (draft['gold'] = 2), { operationId: known.event.operationId }),
          changes.update(ahead.after, (draft) => (draft['gold'] = 3)),
          remove,
        );
        expect(outcomes).toEqual([committed, repeated, { kind: 'rejected', error: expect.any(Error) }, committed]);
        await expectStored(create, [create]);
        await expectStored(remove, [toDelete, remove]);
        await expectStored(known, [known]);
        assertSame(await fixture.reader.read(ahead.documentId), ahead.after);
      });

      it('flights that overlap commit every document exactly once', async () => {
        const documents = await Promise.all(Array.from({ length: 10 }, () => existing()));
        const flights = Array.from({ length: 4 }, (_, flight) => documents.map(({ after }) => changes.update(after, (draft) => (draft['flight'] = flight))));
        const outcomes = await Promise.all(flights.map((flight) => commit(...flight)));
        for (const [index, create] of documents.entries()) {
          const winners = flights.filter((_, flight) => outcomes[flight]?.[index]?.kind === 'committed').map((flight) => flight[index] as DocumentChange);
          expect(winners.length).toBeLessThanOrEqual(1);
          await expectStored(winners[0] ?? create, [create, ...winners]);
        }
      });
    });

    describe("a caller's transaction", () => {
      const open: CallerTransaction[] = [];
      const start = async (): Promise<CallerTransaction> => {
        const transaction = await fixture.startTransaction();
        open.push(transaction);
        return transaction;
      };
      afterAll(async () => {
        for (const transaction of open) await transaction.abort().catch(() => undefined);
      });
      const write = (change: DocumentChange, { session }: CallerTransaction): Promise<CommitOutcome> => fixture.committer.writeInTransaction(change, session);

      it('shows its changes inside at once, and outside after the commit', async () => {
        const create = await existing();
        const transaction = await start();
        const update = changes.update(create.after, (draft) => (draft['gold'] = 2));
        const other = changes.create(fixture.newId(), {});
        expect(await write(update, transaction)).toEqual(committed);
        expect(await write(other, transaction)).toEqual(committed);
        assertSame(await fixture.reader.read(create.documentId, { session: transaction.session }), update.after);
        assertSame(await fixture.events.head(create.documentId, { session: transaction.session }), update.event);
        await expectStored(create, [create]);
        await transaction.commit();
        await expectStored(update, [create, update]);
        await expectStored(other, [other]);
      });

      it('leaves nothing behind when it is aborted', async () => {
        const create = await existing();
        const transaction = await start();
        expect(await write(changes.delete(create.after), transaction)).toEqual(committed);
        await transaction.abort();
        await expectStored(create, [create]);
        const update = changes.update(create.after, (draft) => (draft['gold'] = 2));
        expect(await commit(update)).toEqual([committed]);
      });

      it('can change a document several times, down to a delete and a new create', async () => {
        const create = await existing();
        const transaction = await start();
        const update = changes.update(create.after, (draft) => (draft['gold'] = 2));
        const remove = changes.delete(update.after);
        const again = changes.create(create.documentId, { gold: 3 }, { expectedVersion: 3 });
        for (const change of [update, remove, again]) expect(await write(change, transaction)).toEqual(committed);
        await transaction.commit();
        await expectStored(again, [create, update, remove, again]);
      });

      it('goes on after a conflict that is not pending', async () => {
        const create = await existing();
        const transaction = await start();
        expect(await write(changes.update(create.after, (draft) => (draft['gold'] = 2), { expectedVersion: 5 }), transaction)).toEqual(conflict);
        expect(await write(changes.create(create.documentId, {}), transaction)).toEqual(conflict);
        expect(await write(changes.delete(changes.create(fixture.newId(), {}).after), transaction)).toEqual(conflict);
        const update = changes.update(create.after, (draft) => (draft['gold'] = 3));
        expect(await write(update, transaction)).toEqual(committed);
        await transaction.commit();
        await expectStored(update, [create, update]);
      });

      it('keeps others from the documents it changes until it is over: they get a pending conflict', async () => {
        const [held, free] = [await existing(), await existing()];
        const [transaction, second] = [await start(), await start()];
        const update = changes.update(held.after, (draft) => (draft['gold'] = 2));
        expect(await write(update, transaction)).toEqual(committed);
        const late = changes.update(held.after, (draft) => (draft['gold'] = 3));
        const neighbour = changes.update(free.after, (draft) => (draft['gold'] = 4));
        expect(await commit(neighbour, late)).toEqual([committed, pendingConflict]);
        expect(await write(late, second)).toEqual(pendingConflict);
        await second.abort();
        await transaction.commit();
        await expectStored(update, [held, update]);
        await expectStored(neighbour, [free, neighbour]);
      });

      it('gets a pending conflict for a document that changed after it looked', async () => {
        const create = await existing();
        const transaction = await start();
        assertSame(await fixture.reader.read(create.documentId, { session: transaction.session }), create.after);
        const winner = changes.update(create.after, (draft) => (draft['gold'] = 2));
        expect(await commit(winner)).toEqual([committed]);
        assertSame(await fixture.reader.read(create.documentId, { session: transaction.session }), create.after, 'what the transaction sees');
        expect(await write(changes.update(create.after, (draft) => (draft['gold'] = 3)), transaction)).toEqual(pendingConflict);
        await transaction.abort();
        await expectStored(winner, [create, winner]);
      });

      it('is told of a repeated operation, after which only an abort is left', async () => {
        const create = await existing();
        const transaction = await start();
        const other = changes.create(fixture.newId(), {});
        expect(await write(other, transaction)).toEqual(committed);
        expect(await write(changes.update(create.after, (draft) => (draft['gold'] = 2), { operationId: create.event.operationId }), transaction)).toEqual(repeated);
        await expect(transaction.commit()).rejects.toBeInstanceOf(Error);
        await expectStored(create, [create]);
        await expectStored({ ...other, after: null }, []);
      });
    });
  });
}
