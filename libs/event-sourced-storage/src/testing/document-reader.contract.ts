import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Image } from '../model/diff.js';
import type { DocumentQuery } from '../read/document-reader.js';
import { assertSame } from './assert-same.js';
import { Changes } from './changes.js';
import type { CreateStorageFixture, StorageFixture } from './storage-fixture.js';

/** The contract of DocumentReader. */
export function describeDocumentReader(name: string, createFixture: CreateStorageFixture, samples: Image): void {
  describe(`${name} is a DocumentReader`, () => {
    let fixture: StorageFixture;

    beforeAll(async () => {
      fixture = await createFixture();
      for (const fields of heroes) await fixture.plantDocument({ _id: fixture.newId(), ...fields });
    });
    afterAll(() => fixture.close());

    const heroes: readonly Image[] = [
      { name: 'Ada', level: 3, guild: { name: 'red' }, tags: ['mage'] },
      { name: 'Bo', level: 1, guild: { name: 'blue' }, tags: [] },
      { name: 'Cy', level: 2, guild: { name: 'red' }, tags: ['mage', 'elf'], retired: true },
    ];

    const namesOf = async (query: DocumentQuery): Promise<unknown[]> => (await fixture.reader.readMany(query)).map((image) => image['name']);

    it.each(['majority', 'newest', 'linearizable', undefined] as const)('reads at the level %s', async (level) => {
      const image: Image = { _id: fixture.newId(), [fixture.versionField]: 1, ...samples };
      await fixture.plantDocument(image);
      assertSame(await fixture.reader.read(fixture.newId(), { ...(level && { level }) }), null);
      assertSame(await fixture.reader.read(image['_id'] as string, { ...(level && { level }) }), image);
    });

    it('what was read belongs to the reader', async () => {
      const image: Image = { _id: fixture.newId(), bag: { sword: 1 } };
      await fixture.plantDocument(image);
      const read = await fixture.reader.read(image['_id'] as string);
      if (read) read['bag'] = 'changed by the reader';
      const [found] = await fixture.reader.readMany({ filter: { _id: image['_id'] } });
      if (found) found['bag'] = 'changed by the reader';
      assertSame(await fixture.reader.read(image['_id'] as string), image);
    });

    it.each<readonly [string, DocumentQuery, readonly string[]]>([
      ['by one field', { filter: { name: 'Bo' } }, ['Bo']],
      ['by a nested field', { filter: { 'guild.name': 'red' }, sort: { name: 1 } }, ['Ada', 'Cy']],
      ['by an element of an array', { filter: { tags: 'mage' }, sort: { name: 1 } }, ['Ada', 'Cy']],
      ['by several fields', { filter: { 'guild.name': 'red', level: 2 } }, ['Cy']],
      ['by comparison', { filter: { level: { $gte: 2 } }, sort: { level: 1 } }, ['Cy', 'Ada']],
      ['by a list of values', { filter: { name: { $in: ['Ada', 'Bo', 'Zed'] } }, sort: { name: -1 } }, ['Bo', 'Ada']],
      ['by presence', { filter: { name: { $exists: true }, retired: { $exists: false } }, sort: { name: 1 } }, ['Ada', 'Bo']],
      ['by alternatives', { filter: { $or: [{ name: 'Ada' }, { level: 1 }] }, sort: { level: 1 } }, ['Bo', 'Ada']],
      ['nothing', { filter: { name: 'Zed' } }, []],
      ['sorted, a page of them', { filter: { level: { $gt: 0 } }, sort: { level: -1 }, skip: 1, limit: 1 }, ['Cy']],
    ])('finds %s', async (_, query, names) => {
      expect(await namesOf(query)).toEqual(names);
    });

    it('shows the wanted fields only', async () => {
      const [found] = await fixture.reader.readMany({ filter: { name: 'Ada' }, projection: { name: 1, level: 1, _id: 0 } });
      assertSame(found, { name: 'Ada', level: 3 });
      const [without] = await fixture.reader.readMany({ filter: { name: 'Bo' }, projection: { guild: 0, tags: 0, _id: 0 } });
      assertSame(without, { name: 'Bo', level: 1 });
    });

    it("sees the uncommitted documents of a caller's transaction inside it only", async () => {
      const create = new Changes(fixture.versionField).create(fixture.newId(), { name: 'Dee' });
      const transaction = await fixture.startTransaction();
      try {
        await fixture.committer.writeInTransaction(create, transaction.session);
        assertSame(await fixture.reader.read(create.documentId, { session: transaction.session }), create.after);
        assertSame(await fixture.reader.readMany({ filter: { name: 'Dee' } }, { session: transaction.session }), [create.after]);
        expect(await fixture.reader.read(create.documentId)).toBeNull();
        expect(await namesOf({ filter: { name: 'Dee' } })).toEqual([]);
      } finally {
        await transaction.abort();
      }
    });

    it('an aborted signal ends the read', async () => {
      const signal = AbortSignal.abort(new Error('the caller has gone'));
      await expect(fixture.reader.read(fixture.newId(), { signal })).rejects.toThrow('the caller has gone');
      await expect(fixture.reader.readMany({ filter: {} }, { signal })).rejects.toThrow('the caller has gone');
    });
  });
}
