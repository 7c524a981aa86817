import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Image } from '../model/diff.js';
import type { DocumentId } from '../model/document-id.js';
import type { Snapshot } from '../model/snapshot.js';
import { assertSame } from './assert-same.js';
import type { CreateStorageFixture, StorageFixture } from './storage-fixture.js';

/** The contract of SnapshotStore. */
export function describeSnapshotStore(name: string, createFixture: CreateStorageFixture, samples: Image): void {
  describe(`${name} is a SnapshotStore`, () => {
    let fixture: StorageFixture;

    beforeAll(async () => {
      fixture = await createFixture();
    });
    afterAll(() => fixture.close());

    const snapshotOf = (documentId: DocumentId, serverSeq: number, state: Image | null = { _id: documentId, version: serverSeq }): Snapshot<Image> => ({
      documentId,
      serverSeq,
      state,
      createdAt: new Date(Date.UTC(2026, 0, 1) + serverSeq),
    });

    it('has none of an unknown document', async () => {
      expect(await fixture.snapshots.newest(fixture.newId())).toBeNull();
    });

    it('returns what was saved, with every type of value', async () => {
      const id = fixture.newId();
      const snapshot = snapshotOf(id, 3, { _id: id, version: 3, ...samples });
      assertSame(await fixture.snapshots.save(snapshot), snapshot);
      const stored = await fixture.snapshots.newest(id);
      assertSame(stored, snapshot);
      expect(stored?.serverSeq).toBe(3);
    });

    it('keeps the state of a deleted document, which is null', async () => {
      const snapshot = snapshotOf(fixture.newId(), 2, null);
      assertSame(await fixture.snapshots.save(snapshot), snapshot);
      assertSame(await fixture.snapshots.newest(snapshot.documentId), snapshot);
    });

    it('a second one at the same number changes nothing, and the first is returned', async () => {
      const first = snapshotOf(fixture.newId(), 5);
      await fixture.snapshots.save(first);
      assertSame(await fixture.snapshots.save({ ...first, createdAt: new Date(0), state: { other: true } }), first);
      assertSame(await fixture.snapshots.newest(first.documentId), first);
    });

    it('many that are saved at once at the same number are one', async () => {
      const snapshot = snapshotOf(fixture.newId(), 5);
      const saved = await Promise.all(Array.from({ length: 8 }, (_, index) => fixture.snapshots.save({ ...snapshot, createdAt: new Date(index) })));
      for (const each of saved) assertSame(each, saved[0]);
      assertSame(await fixture.snapshots.newest(snapshot.documentId), saved[0]);
    });

    it('the newest is the one with the highest number, in whatever order they were saved', async () => {
      const id = fixture.newId();
      for (const serverSeq of [7, 20, 3]) await fixture.snapshots.save(snapshotOf(id, serverSeq));
      expect((await fixture.snapshots.newest(id))?.serverSeq).toBe(20);
    });

    it.each([
      [19, 7],
      [20, 20],
      [1_000_000, 20],
      [7, 7],
      [3, 3],
      [2, null],
    ])('the newest up to %d is %d', async (atMost, expected) => {
      const id = fixture.newId();
      for (const serverSeq of [3, 7, 20]) await fixture.snapshots.save(snapshotOf(id, serverSeq));
      expect((await fixture.snapshots.newest(id, atMost))?.serverSeq ?? null).toBe(expected);
    });

    it('those of another document are not seen', async () => {
      const [one, other] = [snapshotOf(fixture.newId(), 4), snapshotOf(fixture.newId(), 9)];
      await fixture.snapshots.save(one);
      await fixture.snapshots.save(other);
      assertSame(await fixture.snapshots.newest(one.documentId), one);
    });

    it('lists them, the newest first', async () => {
      const id = fixture.newId();
      for (const serverSeq of [3, 20, 7]) await fixture.snapshots.save(snapshotOf(id, serverSeq));
      await fixture.snapshots.save(snapshotOf(fixture.newId(), 99));
      const entry = (serverSeq: number): object => ({ serverSeq, createdAt: snapshotOf(id, serverSeq).createdAt, pinned: false });
      expect(await fixture.snapshots.list(id)).toEqual([entry(20), entry(7), entry(3)]);
      expect(await fixture.snapshots.list(id, 2)).toEqual([entry(20), entry(7)]);
      expect(await fixture.snapshots.list(fixture.newId())).toEqual([]);
    });

    it('removes those that are asked for and no others', async () => {
      const [id, other] = [fixture.newId(), fixture.newId()];
      for (const serverSeq of [3, 7, 20]) await fixture.snapshots.save(snapshotOf(id, serverSeq));
      await fixture.snapshots.save(snapshotOf(other, 7));
      expect(await fixture.snapshots.remove(id, [], 0)).toBe(0);
      expect(await fixture.snapshots.remove(id, [3, 7, 8], 0)).toBe(2);
      expect(await fixture.snapshots.remove(id, [3, 7, 8], 0)).toBe(0);
      expect((await fixture.snapshots.list(id)).map(({ serverSeq }) => serverSeq)).toEqual([20]);
      expect((await fixture.snapshots.newest(other))?.serverSeq).toBe(7);
    });

    it('a pinned one stays, until the floor is above it', async () => {
      const id = fixture.newId();
      for (const serverSeq of [3, 7, 20]) await fixture.snapshots.save(snapshotOf(id, serverSeq));
      expect(await fixture.snapshots.pin(id, 7)).toBe(true);
      expect(await fixture.snapshots.pin(id, 7)).toBe(true);
      expect((await fixture.snapshots.list(id)).map(({ pinned }) => pinned)).toEqual([false, true, false]);
      expect(await fixture.snapshots.remove(id, [3, 7], 0)).toBe(1);
      expect(await fixture.snapshots.remove(id, [7], 7)).toBe(0);
      expect(await fixture.snapshots.remove(id, [7], 8)).toBe(1);
    });

    it('one that is not there cannot be pinned', async () => {
      const id = fixture.newId();
      expect(await fixture.snapshots.pin(id, 7)).toBe(false);
      await fixture.snapshots.save(snapshotOf(id, 7));
      expect((await fixture.snapshots.list(id)).map(({ pinned }) => pinned)).toEqual([false]);
    });

    it('pinned or removed, never both', async () => {
      for (let round = 0; round < 10; round++) {
        const id = fixture.newId();
        await fixture.snapshots.save(snapshotOf(id, 7));
        const [pinned, removed] = await Promise.all([fixture.snapshots.pin(id, 7), fixture.snapshots.remove(id, [7], 0)]);
        expect([pinned, removed]).toEqual(pinned ? [true, 0] : [false, 1]);
      }
    });

    it('one that is saved in a transaction is there after its commit, and not after its end without one', async () => {
      const id = fixture.newId();
      const aborted = await fixture.startTransaction();
      assertSame(await fixture.snapshots.save(snapshotOf(id, 1), { session: aborted.session }), snapshotOf(id, 1));
      expect(await fixture.snapshots.newest(id)).toBeNull();
      await aborted.abort();
      expect(await fixture.snapshots.newest(id)).toBeNull();
      const committed = await fixture.startTransaction();
      await fixture.snapshots.save(snapshotOf(id, 1), { session: committed.session });
      await committed.commit();
      assertSame(await fixture.snapshots.newest(id), snapshotOf(id, 1));
    });

    it('how its state is to be read is kept with it', async () => {
      const id = fixture.newId();
      const shaped = { ...snapshotOf(id, 1, { _id: id, gold: 1, bag: { coins: 1 } }), schemaVersion: 3, leftovers: ['bag.coins'] };
      assertSame(await fixture.snapshots.save(shaped), shaped);
      assertSame(await fixture.snapshots.newest(id), shaped);
    });

    it('what is saved and returned is a copy', async () => {
      const id = fixture.newId();
      const state: Image = { _id: id, bag: { sword: 1 } };
      await fixture.snapshots.save(snapshotOf(id, 1, state));
      (state['bag'] as Image)['sword'] = 2;
      const returned = await fixture.snapshots.newest(id);
      if (returned?.state) returned.state['bag'] = 'changed by the reader';
      assertSame((await fixture.snapshots.newest(id))?.state, { _id: id, bag: { sword: 1 } });
    });
  });
}
