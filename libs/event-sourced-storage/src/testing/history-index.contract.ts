import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { HistoryIndex } from '../maintenance/history-index.js';
import type { SweepProgress } from '../maintenance/sweep-progress.js';
import type { Image } from '../model/diff.js';
import type { DocumentEvent } from '../model/document-event.js';
import type { DocumentId } from '../model/document-id.js';

/** An empty store of events, how to fill it, and a store of positions. */
export interface HistoryIndexFixture {
  readonly index: HistoryIndex;
  readonly progress: SweepProgress;
  /** An id above all before it. */
  newId(): DocumentId;
  plantEvent(event: DocumentEvent<Image>): Promise<void>;
  close(): Promise<void>;
}

/** The contracts of HistoryIndex and SweepProgress. */
export function describeHistoryIndex(name: string, createFixture: () => Promise<HistoryIndexFixture>): void {
  describe(`${name} is a HistoryIndex`, () => {
    let fixture: HistoryIndexFixture;

    beforeAll(async () => {
      fixture = await createFixture();
    });
    afterAll(() => fixture.close());

    async function plant(documentId: DocumentId, numbers: readonly number[], deleted?: number): Promise<void> {
      for (const serverSeq of numbers) {
        const common = { documentId, serverSeq, clientId: 'c', timestamp: new Date(serverSeq * 1_000), operationId: `op-${serverSeq}` };
        if (serverSeq === 1) await fixture.plantEvent({ ...common, operation: 'create', createdDoc: { _id: documentId } });
        else if (serverSeq === deleted) await fixture.plantEvent({ ...common, operation: 'delete', deletedDoc: { _id: documentId } });
        else await fixture.plantEvent({ ...common, operation: 'update', diff: { hasChanges: true, version: serverSeq, set: { text: 'x'.repeat(100) }, unset: [] } });
      }
    }

    it('goes through all histories in parts, those of deleted documents too, each once', async () => {
      expect(await fixture.index.idsAfter(undefined, 10)).toEqual([]);
      const ids = [fixture.newId(), fixture.newId(), fixture.newId(), fixture.newId(), fixture.newId()];
      for (const [at, id] of ids.entries()) await plant(id, [1, 2, 3], at === 2 ? 3 : undefined);
      const texts = ids.map(String);
      const [first, second] = [await fixture.index.idsAfter(undefined, 3), await fixture.index.idsAfter(ids[2], 3)];
      expect([first.map(String), second.map(String)]).toEqual([texts.slice(0, 3), texts.slice(3)]);
      expect(await fixture.index.idsAfter(ids[4], 3)).toEqual([]);
      expect((await fixture.index.idsAfter(undefined, 5)).map(String)).toEqual(texts);
    });

    it('knows the end and the beginning of a history, also of one that is compacted', async () => {
      const [plain, deleted, compacted] = [fixture.newId(), fixture.newId(), fixture.newId()];
      await plant(plain, [1, 2]);
      await plant(deleted, [1, 2], 2);
      await plant(compacted, [7, 8]);
      expect(await fixture.index.head(plain)).toEqual({ serverSeq: 2, isDeleted: false });
      expect(await fixture.index.head(deleted)).toEqual({ serverSeq: 2, isDeleted: true });
      expect(await fixture.index.head(compacted)).toEqual({ serverSeq: 8, isDeleted: false });
      expect(await fixture.index.head(fixture.newId())).toBeNull();
      expect(await fixture.index.oldestAt(plain)).toEqual(new Date(1_000));
      expect(await fixture.index.oldestAt(compacted)).toEqual(new Date(7_000));
      expect(await fixture.index.oldestAt(fixture.newId())).toBeNull();
    });

    it('counts the bytes of the events after a number', async () => {
      const id = fixture.newId();
      await plant(id, [1, 2, 3]);
      const [all, last] = [await fixture.index.bytesAfter(id, 0), await fixture.index.bytesAfter(id, 2)];
      expect(last).toBeGreaterThan(100);
      expect(all).toBeGreaterThan(last * 2);
      expect(await fixture.index.bytesAfter(id, 3)).toBe(0);
    });
  });

  describe(`${name} with a SweepProgress`, () => {
    let fixture: HistoryIndexFixture;

    beforeAll(async () => {
      fixture = await createFixture();
    });
    afterAll(() => fixture.close());

    it('begins at the beginning, keeps positions by name, and lets no older term go back', async () => {
      const { progress } = fixture;
      const after = fixture.newId();
      expect(await progress.load('one')).toEqual({ sweeps: 0 });
      expect(await progress.save('one', { after, sweeps: 3 }, 2)).toBe(true);
      const loaded = await progress.load('one');
      expect([String(loaded.after), loaded.sweeps]).toEqual([String(after), 3]);
      expect(await progress.save('one', { sweeps: 9 }, 1)).toBe(false);
      expect((await progress.load('one')).sweeps).toBe(3);
      expect(await progress.save('one', { sweeps: 4 }, 2)).toBe(true);
      expect(await progress.load('one')).toEqual({ sweeps: 4 });
      expect(await progress.load('two')).toEqual({ sweeps: 0 });
    });
  });
}
