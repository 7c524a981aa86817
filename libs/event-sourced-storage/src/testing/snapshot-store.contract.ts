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
