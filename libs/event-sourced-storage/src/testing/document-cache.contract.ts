import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { idKey } from '../model/bson-values.js';
import type { Image } from '../model/diff.js';
import type { DocumentId } from '../model/document-id.js';
import type { CachedDocument, DocumentCache } from '../read/document-cache.js';
import { assertSame } from './assert-same.js';

/** A cache of one feature, empty, and able to hold at least 1,000 small documents. */
export interface DocumentCacheFixture {
  readonly cache: DocumentCache;
  readonly versionField: string;
  /** An id that was not used before. */
  newId(): DocumentId;
  close(): Promise<void>;
}

/** The contract of DocumentCache, for one that works: failing ones are the business of their own tests. */
export function describeDocumentCache(name: string, createFixture: () => Promise<DocumentCacheFixture>, samples: Image): void {
  describe(`${name} is a DocumentCache`, () => {
    let fixture: DocumentCacheFixture;
    let cache: DocumentCache;

    beforeAll(async () => {
      fixture = await createFixture();
      cache = fixture.cache;
    });
    afterAll(() => fixture.close());

    const entryOf = (id: DocumentId, version: number, fields: Image = {}): CachedDocument => ({
      version,
      timestamp: 1_767_225_600_000 + version,
      image: { _id: id, ...fields, [fixture.versionField]: version },
    });

    async function expectEntry(id: DocumentId, expected: CachedDocument | undefined): Promise<void> {
      const found = await cache.get(idKey(id));
      assertSame(found && { version: found.version, timestamp: found.timestamp, image: found.image }, expected, 'the entry');
    }

    it('has no entry that was not put', async () => {
      await expectEntry(fixture.newId(), undefined);
    });

    it('gives back what was put, with every type of value', async () => {
      const id = fixture.newId();
      await cache.put(idKey(id), entryOf(id, 3, samples));
      await expectEntry(id, entryOf(id, 3, samples));
    });

    it('a newer version replaces an older one, and an older one never a newer', async () => {
      const id = fixture.newId();
      for (const version of [2, 5, 3, 4]) await cache.put(idKey(id), entryOf(id, version));
      await expectEntry(id, entryOf(id, 5));
    });

    it('the same version can be put again', async () => {
      const id = fixture.newId();
      await cache.put(idKey(id), entryOf(id, 2));
      await cache.put(idKey(id), { ...entryOf(id, 2), timestamp: 7 });
      await expectEntry(id, { ...entryOf(id, 2), timestamp: 7 });
    });

    it('a hundred puts at once, in any order, end with the highest version', async () => {
      const id = fixture.newId();
      const versions = Array.from({ length: 100 }, (_, index) => ((index * 37) % 100) + 1);
      await Promise.all(versions.map(async (version) => cache.put(idKey(id), entryOf(id, version))));
      await expectEntry(id, entryOf(id, 100));
    });

    it('what was dropped is gone, and leaves no memory of its version', async () => {
      const id = fixture.newId();
      await cache.put(idKey(id), entryOf(id, 9));
      await cache.drop(idKey(id));
      await expectEntry(id, undefined);
      await cache.put(idKey(id), entryOf(id, 1));
      await expectEntry(id, entryOf(id, 1));
    });

    it('dropping what is not there is no error', async () => {
      expect(await cache.drop(idKey(fixture.newId()))).toBeUndefined();
    });

    it('puts and drops of one document take effect in their order', async () => {
      const id = fixture.newId();
      const key = idKey(id);
      await Promise.all([cache.put(key, entryOf(id, 8)), cache.drop(key), cache.put(key, entryOf(id, 2)), cache.put(key, entryOf(id, 3))]);
      await expectEntry(id, entryOf(id, 3));
      await Promise.all([cache.put(key, entryOf(id, 9)), cache.put(key, entryOf(id, 10)), cache.drop(key)]);
      await expectEntry(id, undefined);
    });

    it('documents with similar ids are different documents', async () => {
      const ids: DocumentId[] = ['a', 'a:b', 'a b', 'a.b', 'a%3Ab', ' a', 'A', '', 'a\u0000', 'ä', '😀', 's:a', '5', 5, -5, 5n ** 20n, 'o:5', 'x'.repeat(500), 'x'.repeat(501)];
      for (const [index, id] of ids.entries()) await cache.put(idKey(id), entryOf(id, index + 1));
      for (const [index, id] of ids.entries()) await expectEntry(id, entryOf(id, index + 1));
    });

    it('a thousand documents keep apart', async () => {
      const ids = Array.from({ length: 1_000 }, () => fixture.newId());
      await Promise.all(ids.map(async (id, index) => cache.put(idKey(id), entryOf(id, index + 1))));
      for (const [index, id] of ids.entries()) await expectEntry(id, entryOf(id, index + 1));
    });
  });
}
