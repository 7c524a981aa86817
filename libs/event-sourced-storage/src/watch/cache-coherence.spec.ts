import { beforeEach, describe, expect, it } from '@jest/globals';
import { CacheManagerDocumentCache } from '../cache/cache-manager-document-cache.js';
import { createDefaultCache } from '../cache/create-default-cache.js';
import { MemoryDatabase } from '../memory/memory-database.js';
import { MemoryDocumentReader } from '../memory/memory-document-reader.js';
import { idKey } from '../model/bson-values.js';
import type { DiffPaths, Image } from '../model/diff.js';
import type { DocumentId } from '../model/document-id.js';
import type { DocumentReadOptions } from '../read/document-reader.js';
import { GatheredReads } from '../read/gathered-reads.js';
import { KnownVersions } from '../read/known-versions.js';
import { ReadPath } from '../read/read-path.js';
import { CacheCoherence } from './cache-coherence.js';
import type { FeedNotice } from './change-feed.js';

/** Notes how many documents each command reads, and keeps its answer back until it is let go. */
class CountingReader extends MemoryDocumentReader {
  readonly sizes: number[] = [];
  held: Promise<void> | undefined;

  override async read(id: DocumentId, options: DocumentReadOptions = {}): Promise<Image | null> {
    this.sizes.push(1);
    return super.read(id, options);
  }

  override async readEach(ids: readonly DocumentId[], options: DocumentReadOptions = {}): Promise<Image[]> {
    this.sizes.push(ids.length);
    await this.held;
    const images = await Promise.all(ids.map((id) => super.read(id, options)));
    return images.filter((image) => image !== null);
  }
}

const ids = (count: number): string[] => Array.from({ length: count }, (_, index) => `hero${index}`);
const committed = (documentId: DocumentId, serverSeq: number, diff?: DiffPaths, operation: 'update' | 'delete' = 'update'): FeedNotice => ({ kind: 'committed', documentId, serverSeq, operation, diff, token: {} });

describe('CacheCoherence', () => {
  let database: MemoryDatabase;
  let reader: CountingReader;
  let path: ReadPath;

  const store = (_id: string, version: number): void => database.setDocument(idKey(_id), { _id, gold: version, version });
  /** A process that has read these documents at number 1. */
  const start = async (known: readonly string[], mayFollow = true): Promise<CacheCoherence> => {
    for (const id of known) store(id, 1);
    await Promise.all(known.map((id) => path.find(id, idKey(id), {})));
    reader.sizes.length = 0;
    return new CacheCoherence(path, true, mayFollow);
  };
  const copy = async (id: string): Promise<Image | undefined> => (await path.cached(idKey(id)))?.image;
  const turns = async (): Promise<void> => {
    for (let turn = 0; turn < 50; turn++) await new Promise((resume) => setImmediate(resume));
  };
  /** Memory answers within a turn or two; a fact that is not there after fifty will not come. */
  const copies = async (of: readonly string[]): Promise<unknown[]> => {
    await turns();
    return Promise.all(of.map(async (id) => (await copy(id))?.['version']));
  };

  beforeEach(() => {
    database = new MemoryDatabase();
    reader = new CountingReader(database);
    const cache = new CacheManagerDocumentCache({ backend: createDefaultCache({ maxBytes: 1_000_000 }), collection: 'heroes', versionField: 'version', ttlMs: 0, timeoutMs: 0, onWarning: () => undefined });
    path = new ReadPath(new GatheredReads(reader), cache, new KnownVersions(), 'version');
  });

  it('takes a copy on to the next number by the diff of its event, without a read', async () => {
    const coherence = await start(['hero']);
    for (let version = 2; version <= 5; version++) coherence.hear(committed('hero', version, { set: { gold: version }, unset: [] }));
    expect(await copies(['hero'])).toEqual([5]);
    expect(await copy('hero')).toEqual({ _id: 'hero', gold: 5, version: 5 });
    expect(reader.sizes).toEqual([]);
  });

  it.each<[string, DiffPaths | undefined, number, boolean]>([
    ['does not fit', { set: { 'gold.coins': 1 }, unset: [] }, 2, true],
    ['was too large to travel', undefined, 2, true],
    ['is that of a later event', { set: { gold: 3 }, unset: [] }, 3, true],
    ['is of another shape than the copy may be', { set: { gold: 2 }, unset: [] }, 2, false],
  ])('reads the document again when the diff %s', async (_, diff, version, mayFollow) => {
    const coherence = await start(['hero'], mayFollow);
    store('hero', version);
    coherence.hear(committed('hero', version, diff));
    expect(await copy('hero')).toBeUndefined(); // the old copy answers no more
    expect(await copies(['hero'])).toEqual([version]);
    expect(reader.sizes).toEqual([1]);
  });

  it('reads a hundred documents at a time, one round after the other', async () => {
    const all = ids(250);
    const coherence = await start(all);
    let letGo = (): void => undefined;
    reader.held = new Promise((resolve) => (letGo = resolve));
    for (const id of all) {
      store(id, 2);
      coherence.hear(committed(id, 2));
    }
    await turns();
    expect(reader.sizes).toEqual([100]);
    letGo();
    expect(await copies(all)).toEqual(all.map(() => 2));
    expect(reader.sizes).toEqual([100, 100, 50]);
  });

  it('changes of one document that come together are one read', async () => {
    const coherence = await start(['hero']);
    store('hero', 9);
    for (let version = 2; version <= 9; version++) coherence.hear(committed('hero', version));
    expect(await copies(['hero'])).toEqual([9]);
    expect(reader.sizes).toEqual([1]);
  });

  it('reads again later what changed while a round was under way', async () => {
    const coherence = await start(['hero']);
    for (let version = 2; version <= 4; version++) {
      store('hero', version);
      coherence.hear(committed('hero', version));
      expect(await copies(['hero'])).toEqual([version]);
    }
  });

  it('drops the copy of a deleted document, and reads nothing', async () => {
    const coherence = await start(['hero']);
    coherence.hear(committed('hero', 2, undefined, 'delete'));
    expect(await copies(['hero'])).toEqual([undefined]);
    expect(reader.sizes).toEqual([]);
  });

  it('after an interruption reads a copy again before it follows it', async () => {
    const coherence = await start(['hero']);
    store('hero', 2);
    coherence.hear({ kind: 'interrupted', reason: 'the oplog is gone' });
    coherence.hear(committed('hero', 2, { set: { gold: 99 }, unset: [] }));
    expect(await copies(['hero'])).toEqual([2]);
    expect(await copy('hero')).toMatchObject({ gold: 2 });
    coherence.hear(committed('hero', 3, { set: { gold: 3 }, unset: [] }));
    expect(await copy('hero')).toEqual({ _id: 'hero', gold: 3, version: 3 });
  });

  it('neither follows nor reads once it is closed', async () => {
    const coherence = await start(['hero']);
    store('hero', 2);
    coherence.close();
    coherence.hear(committed('hero', 2, { set: { gold: 2 }, unset: [] }));
    expect(await copies(['hero'])).toEqual([1]);
    expect(reader.sizes).toEqual([]);
  });
});
