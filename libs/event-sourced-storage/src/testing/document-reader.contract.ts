import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { idKey } from '../model/bson-values.js';
import type { Image } from '../model/diff.js';
import type { DocumentId } from '../model/document-id.js';
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

    describe('reads each of a list', () => {
      const sameImages = (found: readonly Image[], expected: readonly Image[]): void => {
        const byKey = (images: readonly Image[]): unknown => new Map(images.map((image) => [idKey(image['_id'] as DocumentId), image]));
        assertSame(byKey(found), byKey(expected));
        expect(found).toHaveLength(expected.length);
      };
      let images: Image[];
      let ids: DocumentId[];

      beforeAll(async () => {
        const { objectId, uuid, binary, decimal, long } = samples;
        ids = [fixture.newId(), 'a text', '', 'a$b.c', 0, -1.5, 4_294_967_296, objectId, uuid, binary, decimal, long] as DocumentId[];
        images = ids.map((_id, index) => ({ _id, number: index, ...samples, [fixture.versionField]: 1 }));
        for (const image of images) await fixture.plantDocument(image);
      });

      it.each(['majority', 'newest', 'linearizable', undefined] as const)('at the level %s, of ids of every type', async (level) => {
        sameImages(await fixture.reader.readEach(ids, { ...(level && { level }) }), images);
      });

      it('and no other', async () => {
        sameImages(await fixture.reader.readEach([ids[1], ids[7]] as DocumentId[]), [images[1], images[7]] as Image[]);
      });

      it('and leaves out those that are not there', async () => {
        sameImages(await fixture.reader.readEach([fixture.newId(), ids[4], 'nobody', 77] as DocumentId[]), [images[4]] as Image[]);
        expect(await fixture.reader.readEach([fixture.newId()])).toEqual([]);
      });

      it('of nobody nothing', async () => {
        expect(await fixture.reader.readEach([])).toEqual([]);
      });

      it('also when they are more than a first answer of a server holds', async () => {
        const many = Array.from({ length: 150 }, (_, index): Image => ({ _id: fixture.newId(), index }));
        for (const image of many) await fixture.plantDocument(image);
        sameImages(await fixture.reader.readEach(many.map((image) => image['_id'] as DocumentId)), many);
      });
    });

    it('what was read belongs to the reader', async () => {
      const image: Image = { _id: fixture.newId(), bag: { sword: 1 } };
      await fixture.plantDocument(image);
      const read = await fixture.reader.read(image['_id'] as string);
      if (read) read['bag'] = 'changed by the reader';
      const [one] = await fixture.reader.readEach([image['_id'] as string]);
      if (one) one['bag'] = 'changed by the reader';
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
        assertSame(await fixture.reader.readEach([create.documentId], { session: transaction.session }), [create.after]);
        assertSame(await fixture.reader.readMany({ filter: { name: 'Dee' } }, { session: transaction.session }), [create.after]);
        expect(await fixture.reader.read(create.documentId)).toBeNull();
        expect(await fixture.reader.readEach([create.documentId])).toEqual([]);
        expect(await namesOf({ filter: { name: 'Dee' } })).toEqual([]);
      } finally {
        await transaction.abort();
      }
    });

    it('an aborted signal ends the read', async () => {
      const signal = AbortSignal.abort(new Error('the caller has gone'));
      await expect(fixture.reader.read(fixture.newId(), { signal })).rejects.toThrow('the caller has gone');
      await expect(fixture.reader.readEach([fixture.newId()], { signal })).rejects.toThrow('the caller has gone');
      await expect(fixture.reader.readMany({ filter: {} }, { signal })).rejects.toThrow('the caller has gone');
    });
  });
}
