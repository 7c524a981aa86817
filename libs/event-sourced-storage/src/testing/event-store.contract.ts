import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { EventQuery } from '../history/event-store.js';
import type { Image } from '../model/diff.js';
import type { DocumentEvent } from '../model/document-event.js';
import type { DocumentChange } from '../write/document-change.js';
import { assertSame } from './assert-same.js';
import { Changes } from './changes.js';
import type { CreateStorageFixture, StorageFixture } from './storage-fixture.js';

const clients = ['game-server', 'admin-panel', 'mobile-app'];
const at = (second: number): Date => new Date(Date.UTC(2026, 5, 1) + second * 1_000);

/** Ranges of a history with the numbers 1 to 12: 8 is a delete, 9 a create, client and time go with the number. */
const ranges: readonly (readonly [string, EventQuery, readonly number[]])[] = [
  ['everything', {}, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]],
  ['from a number on', { from: 10 }, [10, 11, 12]],
  ['up to a number', { to: 3 }, [1, 2, 3]],
  ['between two numbers, both included', { from: 5, to: 7 }, [5, 6, 7]],
  ['one number', { from: 8, to: 8 }, [8]],
  ['from zero', { from: 0, to: 2 }, [1, 2]],
  ['beyond the head', { from: 13 }, []],
  ['up to beyond the head', { from: 12, to: 1_000_000 }, [12]],
  ['an empty range', { from: 7, to: 6 }, []],
  ['the first few', { limit: 2 }, [1, 2]],
  ['at most more than there are', { limit: 100, from: 11 }, [11, 12]],
  ['at most none', { limit: 0 }, []],
  ['newest first', { order: 'desc', from: 10 }, [12, 11, 10]],
  ['the newest few', { order: 'desc', limit: 2 }, [12, 11]],
  ['the newest few up to a number', { order: 'desc', to: 6, limit: 3 }, [6, 5, 4]],
  ['recorded at or after', { since: at(11) }, [11, 12]],
  ['recorded at or before', { until: at(2) }, [1, 2]],
  ['recorded between', { since: at(4), until: at(5) }, [4, 5]],
  ['recorded after everything', { since: at(13) }, []],
  ['by one client', { clientId: 'admin-panel' }, [2, 5, 8, 11]],
  ['by an unknown client', { clientId: 'nobody' }, []],
  ['creates', { operation: 'create' }, [1, 9]],
  ['deletes', { operation: 'delete' }, [8]],
  ['updates newest first', { operation: 'update', order: 'desc', limit: 4 }, [12, 11, 10, 7]],
  ['by client, time and range together', { clientId: 'admin-panel', since: at(3), until: at(11), from: 2, to: 10 }, [5, 8]],
  ['the limit counts what is wanted only', { clientId: 'mobile-app', limit: 2 }, [3, 6]],
];

/** The contract of EventStore. */
export function describeEventStore(name: string, createFixture: CreateStorageFixture, samples: Image): void {
  describe(`${name} is an EventStore`, () => {
    let fixture: StorageFixture;
    let changes: Changes;
    let history: DocumentChange[];
    let recorded: DocumentEvent<Image>[];

    beforeAll(async () => {
      fixture = await createFixture();
      changes = new Changes(fixture.versionField);
      history = makeHistory();
      recorded = history.map(({ event }) => event);
      const neighbour = makeHistory();
      await commit(...history.slice(0, 8), ...neighbour.slice(0, 8));
      await commit(...history.slice(8), ...neighbour.slice(8));
    });
    afterAll(() => fixture.close());

    const documentId = (): DocumentChange['documentId'] => (history[0] as DocumentChange).documentId;

    function makeHistory(): DocumentChange[] {
      const id = fixture.newId();
      const facts = (number: number): { clientId: string; timestamp: Date } => ({ clientId: clients[(number - 1) % 3] ?? '', timestamp: at(number) });
      const chain = [changes.create(id, { ...samples, count: 1 }, facts(1))];
      for (let number = 2; number <= 7; number++) chain.push(changes.update(chain.at(-1)?.after ?? null, (draft) => (draft['count'] = number), facts(number)));
      chain.push(changes.delete(chain.at(-1)?.after ?? null, facts(8)), changes.create(id, { count: 9 }, { expectedVersion: 8, ...facts(9) }));
      for (let number = 10; number <= 12; number++) chain.push(changes.update(chain.at(-1)?.after ?? null, (draft) => (draft['count'] = number), facts(number)));
      return chain;
    }

    async function commit(...flight: DocumentChange[]): Promise<void> {
      const outcomes = await fixture.committer.commit(flight, { deadline: Infinity });
      expect(outcomes.filter(({ kind }) => kind !== 'committed')).toEqual([]);
    }

    async function drain(query: EventQuery): Promise<DocumentEvent<Image>[]> {
      const events: DocumentEvent<Image>[] = [];
      for await (const event of fixture.events.stream(documentId(), query)) events.push(event);
      return events;
    }

    it.each(ranges)('reads and streams %s', async (_, query, numbers) => {
      const wanted = numbers.map((number) => recorded[number - 1]);
      assertSame(await fixture.events.read(documentId(), query), wanted, 'what read answered');
      assertSame(await drain(query), wanted, 'what stream answered');
    });

    it.each(['majority', 'newest'] as const)('reads at the level %s', async (level) => {
      assertSame(await fixture.events.read(documentId(), {}, { level }), recorded);
      assertSame(await fixture.events.head(documentId(), { level }), recorded.at(-1));
    });

    it('gives numbers as numbers, also in a diff', async () => {
      const [, update] = await fixture.events.read(documentId(), { to: 2 });
      expect(update).toMatchObject({ serverSeq: 2, diff: { hasChanges: true, version: 2 } });
    });

    it('knows nothing of an unknown document', async () => {
      const unknown = fixture.newId();
      expect(await fixture.events.read(unknown, {})).toEqual([]);
      expect(await fixture.events.head(unknown)).toBeNull();
      expect(await fixture.events.findOperation(unknown, 'operation')).toBeNull();
      for await (const event of fixture.events.stream(unknown, {})) expect(event).toBeUndefined();
    });

    it('the head is the newest event, the tombstone too', async () => {
      assertSame(await fixture.events.head(documentId()), recorded.at(-1));
      const create = changes.create(fixture.newId(), {});
      const remove = changes.delete(create.after);
      await commit(create, remove);
      assertSame(await fixture.events.head(create.documentId), remove.event);
    });

    it('finds the event of an operation, on its own document only', async () => {
      for (const event of recorded) assertSame(await fixture.events.findOperation(documentId(), event.operationId), event);
      expect(await fixture.events.findOperation(documentId(), 'never asked for')).toBeNull();
      const other = changes.create(fixture.newId(), {});
      await commit(other);
      expect(await fixture.events.findOperation(other.documentId, recorded[0]?.operationId ?? '')).toBeNull();
    });

    it('what was read belongs to the reader', async () => {
      const [create] = await fixture.events.read(documentId(), { limit: 1 });
      if (create?.operation === 'create') create.createdDoc['count'] = 'changed by the reader';
      assertSame(await fixture.events.read(documentId(), { limit: 1 }), recorded.slice(0, 1));
    });

    it('a stream can be left early and leaves nothing open', async () => {
      for await (const event of fixture.events.stream(documentId(), {})) {
        assertSame(event, recorded[0]);
        break;
      }
      const failing = (async (): Promise<void> => {
        for await (const event of fixture.events.stream(documentId(), {})) throw new Error(`the reader fails at ${event.serverSeq}`);
      })();
      await expect(failing).rejects.toThrow('the reader fails at 1');
      const iterator = fixture.events.stream(documentId(), { from: 2 })[Symbol.asyncIterator]();
      expect((await iterator.next()).value).toMatchObject({ serverSeq: 2 });
      await iterator.return?.();
      expect((await iterator.next()).done).toBe(true);
      expect((await fixture.openCursors?.()) ?? 0).toBe(0);
      assertSame(await drain({}), recorded);
    });

    it('streams a long history in order', async () => {
      const chain = [changes.create(fixture.newId(), { count: 0 })];
      for (let count = 1; count < 1_500; count++) chain.push(changes.update(chain.at(-1)?.after ?? null, (draft) => (draft['count'] = count)));
      for (let from = 0; from < chain.length; from += 250) await commit(...chain.slice(from, from + 250));
      const numbers: number[] = [];
      for await (const event of fixture.events.stream((chain[0] as DocumentChange).documentId, {})) numbers.push(event.serverSeq);
      expect(numbers).toEqual(chain.map((_, index) => index + 1));
    });

    it("sees the uncommitted events of a caller's transaction inside it only", async () => {
      const create = changes.create(fixture.newId(), {});
      const transaction = await fixture.startTransaction();
      try {
        expect(await fixture.committer.writeInTransaction(create, transaction.session)).toEqual({ kind: 'committed' });
        const { session } = transaction;
        assertSame(await fixture.events.read(create.documentId, {}, { session }), [create.event]);
        assertSame(await fixture.events.head(create.documentId, { session }), create.event);
        assertSame(await fixture.events.findOperation(create.documentId, create.event.operationId, { session }), create.event);
        expect(await fixture.events.read(create.documentId, {})).toEqual([]);
        expect(await fixture.events.head(create.documentId)).toBeNull();
      } finally {
        await transaction.abort();
      }
    });
  });
}
