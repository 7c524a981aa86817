import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Erasure, ErasedState } from '../history/history-pruner.js';
import type { Image } from '../model/diff.js';
import type { DeleteEvent } from '../model/document-event.js';
import type { DocumentId } from '../model/document-id.js';
import type { DocumentChange } from '../write/document-change.js';
import { assertSame } from './assert-same.js';
import { Changes } from './changes.js';
import type { CreateStorageFixture, StorageFixture } from './storage-fixture.js';

const at = new Date(Date.UTC(2026, 0, 2));
const inTime = { deadline: Infinity };

/** The contract of StreamStore and HistoryPruner. */
export function describeStreamStore(name: string, createFixture: CreateStorageFixture): void {
  describe(`${name} is a StreamStore`, () => {
    let fixture: StorageFixture;
    const changes = new Changes();

    beforeAll(async () => {
      fixture = await createFixture();
    });
    afterAll(() => fixture.close());

    /** A history of `length` events, each of which sets `n`. */
    async function history(length: number, id: DocumentId = fixture.newId()): Promise<{ readonly id: DocumentId; readonly image: Image }> {
      let image: Image | null = null;
      for (let n = 1; n <= length; n++) {
        const step = n;
        const change: DocumentChange = image === null ? changes.create(id, { n }) : changes.update(image, (draft) => void (draft['n'] = step));
        expect(await fixture.committer.commit([change], inTime)).toEqual([{ kind: 'committed' }]);
        image = change.after;
      }
      return { id, image: image as Image };
    }

    const numbers = async (id: DocumentId): Promise<number[]> => (await fixture.events.read(id, {})).map(({ serverSeq }) => serverSeq);

    function erasureOf({ head, image }: ErasedState, id: DocumentId, mark = 'marked'): Erasure {
      const newest = head?.serverSeq ?? 0;
      const event: DeleteEvent<Image> = { documentId: id, serverSeq: newest + 1, operation: 'delete', clientId: 'eraser', timestamp: at, operationId: `erase-${newest}`, deletedDoc: { _id: id } };
      expect(image === null || image['version'] === newest).toBe(true);
      return { event, mark };
    }

    it('an ordinary history has the epoch of the feature, no floor, and was not erased', async () => {
      const one = await fixture.streams.read(fixture.newId());
      expect(one).toEqual({ epoch: expect.stringMatching(/^[A-Za-z0-9_-]{1,16}$/), floor: 0, purged: false });
      expect(await fixture.streams.read(fixture.newId())).toEqual(one);
    });

    it('a floor is raised and never lowered, and the epoch stays', async () => {
      const id = fixture.newId();
      const { epoch } = await fixture.streams.read(id);
      expect(await fixture.streams.raiseFloor(id, { floor: 7, floorAt: at })).toBe(true);
      expect(await fixture.streams.raiseFloor(id, { floor: 7, floorAt: new Date(0) })).toBe(false);
      expect(await fixture.streams.raiseFloor(id, { floor: 3, floorAt: new Date(0) })).toBe(false);
      expect(await fixture.streams.read(id)).toEqual({ epoch, floor: 7, floorAt: at, purged: false });
      expect(await fixture.streams.raiseFloor(id, { floor: 8, floorAt: at })).toBe(true);
      expect(await fixture.streams.read(id)).toMatchObject({ floor: 8 });
    });

    it('of many who raise the floor of one history at once, the highest stays', async () => {
      const id = fixture.newId();
      await Promise.all(Array.from({ length: 8 }, (_, index) => fixture.streams.raiseFloor(id, { floor: index + 1, floorAt: at })));
      expect(await fixture.streams.read(id)).toMatchObject({ floor: 8 });
    });

    it('a new generation changes every epoch', async () => {
      const [plain, erased] = [fixture.newId(), (await history(1)).id];
      await fixture.pruner.erase(erased, (state) => erasureOf(state, erased));
      const before = [await fixture.streams.read(plain), await fixture.streams.read(erased)];
      await fixture.streams.renewGeneration();
      const after = [await fixture.streams.read(plain), await fixture.streams.read(erased)];
      expect(new Set([...before, ...after].map(({ epoch }) => epoch)).size).toBe(4);
      expect(after.map(({ floor }) => floor)).toEqual([0, 2]);
    });

    it('events go in batches, the lowest first, and no others', async () => {
      const [{ id }, other] = [await history(7), await history(3)];
      expect(await fixture.pruner.removeEvents(id, 5, 2)).toBe(2);
      expect(await numbers(id)).toEqual([3, 4, 5, 6, 7]);
      expect(await fixture.pruner.removeEvents(id, 5, 100)).toBe(3);
      expect(await fixture.pruner.removeEvents(id, 5, 100)).toBe(0);
      expect(await numbers(id)).toEqual([6, 7]);
      expect(await numbers(other.id)).toEqual([1, 2, 3]);
    });

    it('snapshots below a number go, and no others', async () => {
      const [id, other] = [fixture.newId(), fixture.newId()];
      for (const documentId of [id, other]) for (const serverSeq of [3, 5, 9]) await fixture.snapshots.save({ documentId, serverSeq, state: null, createdAt: at });
      expect(await fixture.pruner.removeSnapshots(id, 5)).toBe(1);
      expect(await fixture.snapshots.newest(id, 4)).toBeNull();
      expect((await fixture.snapshots.newest(id, 8))?.serverSeq).toBe(5);
      expect((await fixture.snapshots.newest(other, 4))?.serverSeq).toBe(3);
    });

    it('every history is listed once', async () => {
      const own = await createFixture();
      try {
        const ids = ['a', 'b', 'c'].map(() => own.newId());
        for (const id of ids) {
          const created = changes.create(id, {});
          await own.committer.commit([created], inTime);
          await own.committer.commit([changes.update(created.after, (draft) => void (draft['n'] = 1))], inTime);
        }
        const found: DocumentId[] = [];
        for await (const id of own.pruner.documentIds()) found.push(id);
        expect(found.map(String).toSorted()).toEqual(ids.map(String).toSorted());
      } finally {
        await own.close();
      }
    });

    it('an erasure removes the document, takes the next number and begins a new epoch, all at once', async () => {
      const { id, image } = await history(3);
      const { epoch } = await fixture.streams.read(id);
      const seen: ErasedState[] = [];
      await fixture.pruner.erase(id, (state) => {
        seen.push(state);
        return erasureOf(state, id);
      });
      assertSame(seen.at(-1)?.image, image);
      expect(seen.at(-1)?.head?.serverSeq).toBe(3);
      expect(await fixture.reader.read(id)).toBeNull();
      expect(await numbers(id)).toEqual([1, 2, 3, 4]);
      const facts = await fixture.streams.read(id);
      expect(facts).toEqual({ epoch: `${epoch}-marked`, floor: 4, floorAt: at, purged: true, purgedAt: 4 });
      expect(facts.epoch.length).toBeLessThanOrEqual(16);
    });

    it('an erasure that is not wanted changes nothing', async () => {
      const { id, image } = await history(2);
      expect(await fixture.pruner.erase(id, () => null)).toBeNull();
      assertSame(await fixture.reader.read(id), image);
      expect(await numbers(id)).toEqual([1, 2]);
      expect(await fixture.streams.read(id)).toMatchObject({ floor: 0, purged: false });
    });

    it('the operations that created what was erased are known as such, and no others', async () => {
      const id = fixture.newId();
      const created = changes.create(id, {}, { operationId: 'the-create' });
      await fixture.committer.commit([created], inTime);
      await fixture.committer.commit([changes.update(created.after, (draft) => void (draft['n'] = 1), { operationId: 'the-update' })], inTime);
      expect(await fixture.streams.wasErased(id, 'the-create')).toBe(false);
      await fixture.pruner.erase(id, (state) => erasureOf(state, id));
      expect(await fixture.streams.wasErased(id, 'the-create')).toBe(true);
      expect(await fixture.streams.wasErased(id, 'the-update')).toBe(false);
      expect(await fixture.streams.wasErased(fixture.newId(), 'the-create')).toBe(false);
    });

    it('a create that was decided before the erasure is a conflict, and so is one that knows an old tombstone', async () => {
      const { id, image } = await history(2);
      await fixture.committer.commit([changes.delete(image)], inTime);
      await fixture.pruner.erase(id, (state) => erasureOf(state, id));
      await fixture.pruner.removeEvents(id, 3, 100);
      for (const expectedVersion of [0, 3]) {
        expect(await fixture.committer.commit([changes.create(id, {}, { expectedVersion })], inTime)).toEqual([{ kind: 'conflict', pending: false }]);
      }
      const [stale, neighbour] = [changes.create(id, {}, { expectedVersion: 0 }), changes.create(fixture.newId(), {})];
      expect((await fixture.committer.commit([stale, neighbour], inTime))[0]).toEqual({ kind: 'conflict', pending: false });
      expect(await numbers(id)).toEqual([4]);
      expect(await fixture.committer.commit([changes.create(id, {}, { expectedVersion: 4 })], inTime)).toEqual([{ kind: 'committed' }]);
      expect(await numbers(id)).toEqual([4, 5]);
    });

    it('an update that was decided before the erasure is a conflict, also when a document of that id is there again', async () => {
      const { id, image } = await history(2);
      await fixture.pruner.erase(id, (state) => erasureOf(state, id));
      const update = (): Promise<unknown> => fixture.committer.commit([changes.update(image, (draft) => void (draft['n'] = 'stale'))], inTime);
      expect(await update()).toEqual([{ kind: 'conflict', pending: false }]);
      await fixture.committer.commit([changes.create(id, {}, { expectedVersion: 3 })], inTime);
      expect(await update()).toEqual([{ kind: 'conflict', pending: false }]);
      assertSame(await fixture.reader.read(id), { _id: id, version: 4 });
    });
  });
}
