import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { createCache } from 'cache-manager';
import { Keyv } from 'keyv';
import mongoose from 'mongoose';
import { idKey } from '../model/bson-values.js';
import type { Image } from '../model/diff.js';
import type { DocumentId } from '../model/document-id.js';
import type { CacheBackend } from '../options/storage-options.js';
import type { CachedDocument } from '../read/document-cache.js';
import { bsonSamples } from '../testing/bson-samples.js';
import { describeDocumentCache } from '../testing/document-cache.contract.js';
import { CacheManagerDocumentCache, type CacheManagerDocumentCacheOptions } from './cache-manager-document-cache.js';
import { createDefaultCache } from './create-default-cache.js';
import { EncodedEntries, type ImageCodec } from './encoded-entries.js';

const codec: ImageCodec = mongoose.mongo.BSON;
const newId = (): DocumentId => new mongoose.mongo.ObjectId();
const samples = bsonSamples(mongoose.mongo);

/** A backend on a Map that counts, and whose answers a test can replace. */
class TestBackend implements CacheBackend {
  readonly values = new Map<string, unknown>();
  readonly ttls: (number | undefined)[] = [];
  sets = 0;
  clone = (value: unknown): unknown => value;

  get(key: string): Promise<unknown> {
    return Promise.resolve(this.clone(this.values.get(key)));
  }

  set(key: string, value: unknown, ttl?: number): Promise<unknown> {
    this.sets++;
    this.ttls.push(ttl);
    this.values.set(key, this.clone(value));
    return Promise.resolve(value);
  }

  del(key: string): Promise<unknown> {
    return Promise.resolve(this.values.delete(key));
  }
}

interface Bench {
  readonly backend: TestBackend;
  readonly cache: CacheManagerDocumentCache;
  readonly warnings: string[];
  time: number;
}

function bench(options: Partial<CacheManagerDocumentCacheOptions> = {}): Bench {
  const made: Bench = {
    backend: new TestBackend(),
    warnings: [],
    time: 1_000_000,
    get cache() {
      return cache;
    },
  };
  const cache = new CacheManagerDocumentCache({
    backend: made.backend,
    collection: 'games',
    versionField: 'version',
    ttlMs: 600_000,
    timeoutMs: 0,
    codec,
    onWarning: (message) => made.warnings.push(message),
    now: () => made.time,
    ...options,
  });
  return made;
}

function entryOf(id: DocumentId, version: number, fields: Image = {}): CachedDocument {
  return { version, timestamp: version * 1_000, image: { _id: id, ...fields, version } };
}

const structuredCloning = (): CacheBackend => Object.assign(new TestBackend(), { clone: (value: unknown) => structuredClone(value) });
const backends: Readonly<Record<string, () => CacheBackend>> = {
  'a Map': () => new TestBackend(),
  'cache-manager as it comes': () => createCache(),
  'cache-manager on a Keyv that writes JSON': () => createCache({ stores: [new Keyv()] }),
  'a store that makes structured clones': structuredCloning,
  'two cache-manager stores': () => createCache({ stores: [new Keyv(), new Keyv({ namespace: 'ess' })] }),
};

for (const [name, create] of Object.entries(backends)) {
  for (const timeoutMs of [0, 5_000]) {
    const createFixture = () => Promise.resolve({ cache: bench({ backend: create(), timeoutMs }).cache, versionField: 'version', newId, close: () => Promise.resolve() });
    describeDocumentCache(`CacheManagerDocumentCache over ${name}, waiting ${timeoutMs || 'for ever'}`, createFixture, samples);
  }
}
describeDocumentCache(
  'CacheManagerDocumentCache over the default cache',
  () => Promise.resolve({ cache: bench({ backend: createDefaultCache({ maxBytes: 8_388_608 }), codec: undefined }).cache, versionField: 'version', newId, close: () => Promise.resolve() }),
  samples,
);

describe('a document cache on cache-manager', () => {
  const id = newId();
  const key = idKey(id);

  it('hands the default cache the image itself: a read copies nothing', async () => {
    const { cache } = bench({ backend: createDefaultCache({ maxBytes: 1_000_000 }), codec: undefined });
    const entry = entryOf(id, 1);
    await cache.put(key, entry);
    expect((await cache.get(key))?.image).toBe(entry.image);
  });

  it('keeps features apart whose collections and ids look alike', async () => {
    const backend = new TestBackend();
    const [one, other] = ['a', 'a:s'].map((collection) => bench({ backend, collection }).cache) as [CacheManagerDocumentCache, CacheManagerDocumentCache];
    await one.put(idKey('s:x'), entryOf('s:x', 1));
    await other.put(idKey('x'), entryOf('x', 2));
    expect(backend.values.size).toBe(2);
    expect((await one.get(idKey('s:x')))?.version).toBe(1);
    expect((await other.get(idKey('x')))?.version).toBe(2);
  });

  it('asks the backend a few times only for a hundred puts of one document', async () => {
    const { cache, backend } = bench();
    await Promise.all(Array.from({ length: 100 }, async (_, index) => cache.put(key, entryOf(id, 100 - index))));
    expect((await cache.get(key))?.version).toBe(100);
    expect(backend.sets).toBeLessThanOrEqual(2);
  });

  it('a new process does not replace a newer entry of another one', async () => {
    const { cache, backend } = bench();
    await cache.put(key, entryOf(id, 7));
    await bench({ backend }).cache.put(key, entryOf(id, 6));
    expect((await cache.get(key))?.version).toBe(7);
  });

  describe('time to live', () => {
    it('an entry answers until it is over and not after, whatever the backend does', async () => {
      const made = bench({ ttlMs: 500 });
      await made.cache.put(key, entryOf(id, 1));
      made.time += 499;
      expect((await made.cache.get(key))?.version).toBe(1);
      made.time += 1;
      expect(await made.cache.get(key)).toBeUndefined();
      expect(made.backend.ttls).toEqual([500]);
    });

    it('a put starts it anew', async () => {
      const made = bench({ ttlMs: 500 });
      await made.cache.put(key, entryOf(id, 1));
      made.time += 400;
      await made.cache.put(key, entryOf(id, 1));
      made.time += 400;
      expect((await made.cache.get(key))?.version).toBe(1);
    });

    it.each(['a cache of its own', 'the default cache'])('a put that says when it is over keeps to that, in %s', async (which) => {
      const made = which === 'the default cache' ? bench({ ttlMs: 500, backend: createDefaultCache({ maxBytes: 1_000_000 }), codec: undefined }) : bench({ ttlMs: 500 });
      await made.cache.put(key, entryOf(id, 1));
      const expiresAt = made.time + 500;
      expect((await made.cache.get(key))?.expiresAt).toBe(expiresAt);
      made.time += 400;
      await made.cache.put(key, { ...entryOf(id, 2), expiresAt });
      made.time += 99;
      expect(await made.cache.get(key)).toMatchObject({ version: 2, expiresAt });
      made.time += 1;
      expect(await made.cache.get(key)).toBeUndefined();
    });

    it('0 means for ever, also for a backend with a time of its own', async () => {
      const made = bench({ ttlMs: 0 });
      await made.cache.put(key, entryOf(id, 1));
      made.time += 1e15;
      expect((await made.cache.get(key))?.version).toBe(1);
      expect(made.backend.ttls).toEqual([0]);
    });

    it('the default cache honours it', async () => {
      const made = bench({ ttlMs: 500, backend: createDefaultCache({ maxBytes: 1_000_000 }), codec: undefined });
      await made.cache.put(key, entryOf(id, 1));
      expect((await made.cache.get(key))?.version).toBe(1);
      made.time += 500;
      expect(await made.cache.get(key)).toBeUndefined();
    });
  });

  describe('a backend that gives back something else', () => {
    const form = new EncodedEntries(codec, 'version');
    const encoded = (version: number, image: Image): string => form.toBackend({ key, version, timestamp: 0, expiresAt: 0, image });
    const good = encoded(3, { _id: id, version: 3, name: 'Ada' });
    const payload = good.split('.')[2] ?? '';

    it.each<readonly [string, unknown]>([
      ['a text', 'garbage'],
      ['an empty text', ''],
      ['a number', 7],
      ['an object', { version: 3, timestamp: 0, expiresAt: 0, key, image: { _id: id, version: 3 } }],
      ['an array', [good]],
      ['bytes', new Uint8Array([1, 2, 3])],
      ['an entry of another form', good.replace(/^ess\d+/, 'ess0')],
      ['an entry with another digest', good.replace(/\.[^.]+\./, '.AAAA.')],
      ['an entry without payload', good.split('.').slice(0, 2).join('.')],
      ['an entry that was cut', good.slice(0, -4)],
      ['an entry with something behind it', `${good}.more`],
      ['an entry with one letter changed', good.replace(payload, payload.replace(/^./, (letter) => (letter === 'A' ? 'B' : 'A')))],
      ['the entry of another document', encoded(3, { _id: newId(), version: 3 })],
      ['an entry with the id as text', encoded(3, { _id: String(id), version: 3 })],
      ['an entry without id', encoded(3, { version: 3 })],
      ['an entry whose id is an object', encoded(3, { _id: { $ne: 1 }, version: 3 })],
      ['an entry whose document has another version', encoded(4, { _id: id, version: 3 })],
      ['an entry whose document has no version', encoded(3, { _id: id })],
      ['an entry with a version as text', encoded('3' as unknown as number, { _id: id, version: '3' })],
    ])('%s is a miss, is dropped, and can be replaced', async (_, value) => {
      const { cache, backend } = bench();
      backend.values.set(`ess:games:${key}`, value);
      expect(await cache.get(key)).toBeUndefined();
      expect(backend.values.size).toBe(0);
      backend.values.set(`ess:games:${key}`, value);
      await cache.put(key, entryOf(id, 1));
      expect((await cache.get(key))?.version).toBe(1);
    });

    it('nothing is a miss like what is absent', async () => {
      const { cache, backend } = bench();
      backend.values.set(`ess:games:${key}`, null);
      expect(await cache.get(key)).toBeUndefined();
    });

    it('a good entry is none of these', async () => {
      const { cache, backend } = bench();
      backend.values.set(`ess:games:${key}`, good);
      expect(await cache.get(key)).toMatchObject({ version: 3, image: { name: 'Ada' } });
    });

    it('an old entry is an old entry', async () => {
      const { cache, backend } = bench();
      await cache.put(key, entryOf(id, 1));
      const old = backend.values.get(`ess:games:${key}`);
      await cache.put(key, entryOf(id, 2));
      backend.values.set(`ess:games:${key}`, old);
      expect((await cache.get(key))?.version).toBe(1);
      await cache.put(key, entryOf(id, 2));
      expect((await cache.get(key))?.version).toBe(2);
    });

    it.each<readonly [string, unknown]>([
      ['a copy', { key, version: 3, timestamp: 0, expiresAt: 0, image: { _id: id, version: 3 } }],
      ['an encoded entry', good],
    ])('the form without codec takes its own entries only: %s is a miss', async (_, value) => {
      const { cache, backend } = bench({ codec: undefined });
      backend.values.set(`ess:games:${key}`, value);
      expect(await cache.get(key)).toBeUndefined();
    });

    it('the form without codec does not take the entry of another document', async () => {
      const { cache, backend } = bench({ codec: undefined });
      await cache.put('s:other', entryOf('other', 3));
      backend.values.set(`ess:games:${key}`, backend.values.get('ess:games:s:other'));
      expect(await cache.get(key)).toBeUndefined();
    });

    it('the form without codec over a store that copies is only slow', async () => {
      const { cache } = bench({ codec: undefined, backend: structuredCloning() });
      await cache.put(key, entryOf(id, 3));
      expect(await cache.get(key)).toBeUndefined();
    });
  });

  describe('a backend that fails', () => {
    const failures: Readonly<Record<string, () => Promise<never>>> = {
      throws: () => {
        throw new Error('the backend throws');
      },
      'rejects with an error': () => Promise.reject(new Error('the backend rejects')),
      'rejects with nothing': () => Promise.reject(undefined),
    };

    it.each(Object.entries(failures))('costs nothing but a miss when it %s', async (_, fail) => {
      const { cache, warnings } = bench({ backend: { get: fail, set: fail, del: fail } });
      expect(await cache.get(key)).toBeUndefined();
      expect(await cache.put(key, entryOf(id, 1))).toBeUndefined();
      expect(await cache.drop(key)).toBeUndefined();
      expect(warnings).toHaveLength(1);
    });

    it('and one that answers without a promise is no trouble', async () => {
      const values = new Map<string, unknown>();
      const backend = { get: (k: string) => values.get(k), set: (k: string, v: unknown) => values.set(k, v), del: (k: string) => values.delete(k) } as unknown as CacheBackend;
      for (const timeoutMs of [0, 100]) {
        const { cache } = bench({ backend, timeoutMs });
        await cache.put(key, entryOf(id, 1));
        expect((await cache.get(key))?.version).toBe(1);
        await cache.drop(key);
        expect(await cache.get(key)).toBeUndefined();
      }
    });

    it('after a failed put the entry is dropped: nobody knows what is there', async () => {
      const { cache, backend } = bench();
      await cache.put(key, entryOf(id, 1));
      backend.set = () => Promise.reject(new Error('half written'));
      await cache.put(key, entryOf(id, 2));
      expect(backend.values.size).toBe(0);
    });

    it('does not overwrite what it could not compare', async () => {
      const { cache, backend } = bench();
      await cache.put(key, entryOf(id, 9));
      const { sets } = backend;
      backend.get = () => Promise.reject(new Error('get fails'));
      await cache.put(key, entryOf(id, 2));
      expect(backend.sets).toBe(sets);
      expect(backend.values.size).toBe(0);
    });

    it('is reported at most every ten seconds, with what happened meanwhile', async () => {
      const made = bench();
      made.backend.get = () => Promise.reject(new Error('away'));
      for (let count = 0; count < 5; count++) await made.cache.get(key);
      expect(made.warnings).toEqual([expect.stringMatching(/^ess:games:o:[0-9a-f]{24}: get failed in the cache.*away$/)]);
      made.time += 10_000;
      for (let count = 0; count < 5; count++) await made.cache.get(key);
      expect(made.warnings).toHaveLength(2);
      expect(made.warnings[1]).toContain('(4 more since the last warning)');
      made.time += 10_000;
      await made.cache.get(key);
      made.time += 10_000;
      await made.cache.get(key);
      expect(made.warnings.slice(2)).toEqual([expect.stringContaining('(4 more'), expect.not.stringContaining('more')]);
    });

    it('a listener for warnings that fails harms nobody', async () => {
      const { cache } = bench({
        backend: { get: failures['throws'] as never, set: failures['throws'] as never, del: failures['throws'] as never },
        onWarning: () => {
          throw new Error('the listener fails');
        },
      });
      expect(await cache.get(key)).toBeUndefined();
      expect(await cache.put(key, entryOf(id, 1))).toBeUndefined();
    });

    it('a document that cannot be encoded is not cached, and nobody hears of it but the log', async () => {
      const { cache, warnings } = bench();
      const circular: Image = { _id: id, version: 1 };
      circular['self'] = circular;
      expect(await cache.put(key, { version: 1, timestamp: 0, image: circular })).toBeUndefined();
      expect(await cache.get(key)).toBeUndefined();
      expect(warnings).toHaveLength(1);
    });
  });

  describe('a backend that hangs', () => {
    const never = (): Promise<never> => new Promise(() => undefined);

    beforeEach(() => {
      jest.useFakeTimers();
    });
    afterEach(() => {
      jest.restoreAllMocks();
      jest.useRealTimers();
    });

    it('costs the time that was set, no call rejects, and no timer keeps the process alive', async () => {
      const timers = jest.spyOn(globalThis, 'setTimeout');
      const { cache } = bench({ backend: { get: never, set: never, del: never }, timeoutMs: 250 });
      const calls = Promise.all([cache.get(key), cache.put(key, entryOf(id, 1)), cache.drop('s:other')]);
      expect(timers.mock.results.map(({ value }) => (value as NodeJS.Timeout).hasRef())).toEqual([false, false, false]);
      await jest.advanceTimersByTimeAsync(500);
      expect(await calls).toEqual([undefined, undefined, undefined]);
      expect(jest.getTimerCount()).toBe(0);
    });

    it('a set that lands after its time is taken back: it may have landed on a newer entry', async () => {
      const { cache, backend } = bench({ timeoutMs: 250 });
      let land = (): void => undefined;
      backend.set = (k, value) => new Promise((resolve) => {
          land = () => {
            backend.values.set(k, value);
            resolve(value);
          };
        });
      const slow = cache.put(key, entryOf(id, 1));
      await jest.advanceTimersByTimeAsync(250);
      await slow;
      delete (backend as Partial<TestBackend>).set;
      await cache.put(key, entryOf(id, 2));
      land();
      await jest.advanceTimersByTimeAsync(0);
      expect(backend.values.size).toBe(0);
      await cache.put(key, entryOf(id, 3));
      expect((await cache.get(key))?.version).toBe(3);
    });

    it('no timer is left when it answers, and none is made without a limit', async () => {
      for (const timeoutMs of [250, 0]) {
        const { cache, backend } = bench({ timeoutMs });
        const answer = backend.get.bind(backend);
        const timers: number[] = [];
        backend.get = async (k) => {
          await Promise.resolve();
          timers.push(jest.getTimerCount());
          return answer(k);
        };
        await cache.put(key, entryOf(id, 1));
        await cache.get(key);
        expect(timers).toEqual(timeoutMs === 0 ? [0, 0] : [1, 1]);
        expect(jest.getTimerCount()).toBe(0);
      }
    });
  });
});
