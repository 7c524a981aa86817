import { beforeEach, describe, expect, it } from '@jest/globals';
import { CacheManagerDocumentCache } from '../cache/cache-manager-document-cache.js';
import { createDefaultCache } from '../cache/create-default-cache.js';
import { MemoryDatabase } from '../memory/memory-database.js';
import { MemoryDocumentCache } from '../memory/memory-document-cache.js';
import { MemoryDocumentReader } from '../memory/memory-document-reader.js';
import { byteSize, cloneValue, idKey, InvalidValueError } from '../model/bson-values.js';
import type { DiffPaths, Image } from '../model/diff.js';
import type { DocumentId } from '../model/document-id.js';
import type { DocumentCache } from './document-cache.js';
import type { DocumentReadOptions } from './document-reader.js';
import { KnownVersions } from './known-versions.js';
import { ReadPath } from './read-path.js';

/** Counts, and holds back what it has read until it is let go. */
class SlowReader extends MemoryDocumentReader {
  reads = 0;
  held: Promise<void> | undefined;

  override async read(id: DocumentId, options: DocumentReadOptions = {}): Promise<Image | null> {
    this.reads++;
    const { held } = this;
    const image = await super.read(id, options);
    await held;
    return image;
  }
}

const id = 'hero';
const key = idKey(id);
const first: Image = { _id: id, name: 'Ada', bag: { gold: 1, gems: 2 }, tags: ['a', 'b', 'c'], level: 3, version: 1 };
const diff: DiffPaths = { set: { 'bag.gold': 9, 'tags.1': 'x', guild: { name: 'red' } }, unset: ['level', 'bag.gems'] };
const second: Image = { _id: id, name: 'Ada', bag: { gold: 9 }, tags: ['a', 'x', 'c'], version: 2, guild: { name: 'red' } };

describe('ReadPath', () => {
  let now: number;
  let database: MemoryDatabase;
  let reader: SlowReader;
  let cache: DocumentCache;
  let path: ReadPath;

  const start = (used: DocumentCache): void => {
    cache = used;
    database = new MemoryDatabase();
    reader = new SlowReader(database);
    path = new ReadPath(reader, cache, new KnownVersions(), 'version');
    database.setDocument(key, first);
  };
  const find = (): Promise<Image | null> => path.find(id, key, {});
  const knownCopy = async (): Promise<unknown> => (await path.cached(key))?.version;

  beforeEach(() => {
    now = 1_000_000;
    start(new CacheManagerDocumentCache({ backend: createDefaultCache({ maxBytes: 1_000_000 }), collection: 'heroes', versionField: 'version', ttlMs: 60_000, timeoutMs: 0, onWarning: () => undefined, now: () => now }));
  });

  describe('follows a commit of another process', () => {
    it('from the copy of the number before it to the state after it, without a read', async () => {
      await find();
      expect(path.follow(key, 2, diff)).toBe(true);
      const copy = await path.cached(key);
      expect(copy).toMatchObject({ version: 2, image: second });
      expect(Object.keys(copy?.image ?? {})).toEqual(Object.keys(second));
      expect(path.knownVersion(key)).toBe(2);
      expect(reader.reads).toBe(1);
    });

    it('one number after the other', async () => {
      await find();
      for (let version = 2; version <= 20; version++) expect(path.follow(key, version, { set: { 'bag.gold': version }, unset: [] })).toBe(true);
      expect((await path.cached(key))?.image).toEqual({ ...first, bag: { gold: 20, gems: 2 }, version: 20 });
      expect(reader.reads).toBe(1);
    });

    it('into a copy of its own: who holds the copy before keeps it as it was, and so does who holds the diff', async () => {
      await find();
      const [before, given] = [await path.cached(key), cloneValue(diff)];
      path.follow(key, 2, given);
      path.follow(key, 3, { set: { 'guild.name': 'blue' }, unset: [] });
      expect(before?.image).toEqual(first);
      expect(given).toEqual(diff);
      expect((await path.cached(key))?.image['guild']).toEqual({ name: 'blue' });
    });

    it('as the base of the next write too, also right after a commit of its own', async () => {
      void path.committed(key, 1, now, first);
      expect(path.follow(key, 2, diff)).toBe(true);
      expect(await path.base(key)).toMatchObject({ version: 2, image: second });
    });

    it('and the copy lives no longer for that', async () => {
      await find();
      now += 40_000;
      expect(path.follow(key, 2, diff)).toBe(true);
      now += 19_999;
      expect(await knownCopy()).toBe(2);
      now += 1;
      expect(await knownCopy()).toBeUndefined();
    });

    it('and the size of the copy is that of the new state, where the old one was measured', async () => {
      void path.committed(key, 1, now, first, byteSize(first));
      path.follow(key, 2, diff);
      expect((await path.cached(key))?.bytes).toBe(byteSize(second));
    });

    it('and a copy that was never measured is measured, for all that follow', async () => {
      await find();
      path.follow(key, 2, diff);
      expect(await path.cached(key)).toMatchObject({ version: 2, bytes: byteSize(second) });
    });
  });

  describe('does not follow, and leaves everything as it was,', () => {
    it.each([
      ['over a gap', 3],
      ['to the number that is there', 1],
      ['back', 0],
    ])('%s', async (_, version) => {
      await find();
      expect(path.follow(key, version, diff)).toBe(false);
      expect(await path.cached(key)).toMatchObject({ version: 1, image: first });
      expect(path.knownVersion(key)).toBe(1);
    });

    it('when a newer number is known than the copy has', async () => {
      await find();
      path.noticed(key, 2, false);
      expect(path.follow(key, 3, diff)).toBe(false);
      expect(path.knownVersion(key)).toBe(2);
    });

    it('from a copy in doubt: commits may have been missed', async () => {
      await find();
      path.doubtAll();
      expect(path.follow(key, 2, diff)).toBe(false);
      expect(await path.cached(key)).toBeUndefined();
      expect(path.knownVersion(key)).toBe(1);
    });

    it('while a transaction of the caller is changing the document', async () => {
      await find();
      path.suspend(key);
      await cache.put(key, { version: 1, timestamp: 0, image: first }); // whoever puts it there
      expect(path.follow(key, 2, diff)).toBe(false);
      path.resume(key);
      expect(await path.cached(key)).toMatchObject({ version: 1, image: first });
    });

    it('without a copy', () => {
      expect(path.follow(key, 1, diff)).toBe(false);
      expect(path.knownVersion(key)).toBe(0);
    });

    it('from a copy that was dropped or has expired', async () => {
      await find();
      await path.forget(key);
      expect(path.follow(key, 2, diff)).toBe(false);
      await find();
      now += 60_000;
      expect(path.follow(key, 2, diff)).toBe(false);
      expect(path.knownVersion(key)).toBe(1);
    });

    it('in a cache that takes its time', async () => {
      start(new MemoryDocumentCache());
      await find();
      expect(path.follow(key, 2, diff)).toBe(false);
      expect(await path.cached(key)).toMatchObject({ version: 1, image: first });
    });

    it.each([
      ['leads through a number', { set: { 'level.up': 1 }, unset: [] }],
      ['names a path and one below it', { set: { bag: {}, 'bag.gold': 1 }, unset: [] }],
    ])('when the diff does not fit because it %s', async (_, given: DiffPaths) => {
      await find();
      expect(() => path.follow(key, 2, given)).toThrow(InvalidValueError);
      expect(await path.cached(key)).toMatchObject({ version: 1, image: first });
      expect(path.knownVersion(key)).toBe(1);
    });
  });

  it('what was being read while the document was forgotten is answered, and not remembered', async () => {
    let letGo = (): void => undefined;
    reader.held = new Promise((resolve) => (letGo = resolve));
    const reading = find();
    await Promise.resolve();
    // changed around the storage: the number stays
    database.setDocument(key, { ...first, name: 'Bo' });
    await path.forget(key);
    letGo();
    expect(await reading).toEqual(first);
    expect(await path.cached(key)).toBeUndefined();
    await find();
    expect((await path.cached(key))?.image).toMatchObject({ name: 'Bo', version: 1 });
  });

  describe('of a document that was changed around the storage', () => {
    /** The number stays. */
    const changedBehind: Image = { ...first, name: 'Bo' };
    const distrust = (): void => {
      database.setDocument(key, changedBehind);
      void path.distrust(key);
    };

    it('answers with no copy, for reads and writes alike', async () => {
      void path.committed(key, 1, now, first);
      distrust();
      expect(await path.cached(key)).toBeUndefined();
      expect(await path.base(key)).toBeUndefined();
      expect(await path.exactly(key, 1)).toBeUndefined();
      expect(await find()).toEqual(changedBehind);
    });

    it('follows nothing until it is read, and from then on what was read', async () => {
      await find();
      distrust();
      expect(path.follow(key, 2, diff)).toBe(false);
      await find();
      expect(path.follow(key, 2, diff)).toBe(true);
      expect((await path.cached(key))?.image).toEqual({ ...second, name: 'Bo' });
    });

    it('does not remember what was being read, and does remember what is read later', async () => {
      let letGo = (): void => undefined;
      reader.held = new Promise((resolve) => (letGo = resolve));
      const reading = [find(), path.find(id, key, { fresh: true })];
      await Promise.resolve();
      distrust();
      reader.held = undefined;
      const later = path.find(id, key, { fresh: true });
      expect(await later).toEqual(changedBehind);
      letGo();
      expect(await Promise.all(reading)).toEqual([first, first]);
      expect((await path.cached(key))?.image).toEqual(changedBehind);
    });

    it('does not remember the commit of a write that had its base before, however often it was read since', async () => {
      await find();
      await path.base(key);
      distrust();
      await find();
      void path.committed(key, 2, now, second);
      expect(await path.base(key)).toBeUndefined();
      expect(await path.cached(key)).toBeUndefined();
      expect(path.knownVersion(key)).toBe(2);
    });

    it('nor those of the writes that were decided on top of it', async () => {
      await path.base(key);
      distrust();
      for (let version = 2; version <= 4; version++) {
        void path.committed(key, version, now, { ...first, version });
        expect(await path.cached(key)).toBeUndefined();
      }
    });

    it('remembers the commit of a write that asked for its base later', async () => {
      await find();
      distrust();
      expect(await path.base(key)).toBeUndefined(); // so that the write reads the document
      void path.committed(key, 2, now, { ...changedBehind, version: 2 });
      expect(await path.cached(key)).toMatchObject({ version: 2, image: { name: 'Bo' } });
    });

    it('says nothing about other documents', async () => {
      await find();
      void path.distrust(idKey('somebody else'));
      expect(await path.cached(key)).toMatchObject({ version: 1, image: first });
      void path.committed(key, 2, now, second);
      expect(await path.cached(key)).toMatchObject({ version: 2, image: second });
    });
  });
});
