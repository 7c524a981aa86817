import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { Keyv } from 'keyv';
import { createDefaultCache } from './create-default-cache.js';
import { CacheManagerDocumentCache } from './cache-manager-document-cache.js';
import { LruDocumentStore } from './lru-document-store.js';

/** Documents that come by; `npm run proof` takes more. */
const distinct = Number(process.env['PROOF_DISTINCT'] ?? 50_000);

describe('LruDocumentStore', () => {
  const value = (bytes = 0): { value: unknown } => ({ value: { text: 'x'.repeat(bytes) } });

  it('forgets what was not used for longest once it is full', () => {
    const store = new LruDocumentStore({ maxBytes: 10_000 });
    for (const key of ['a', 'b', 'c']) store.set(key, value(2_400));
    store.get('a');
    store.set('d', value(2_400));
    expect(['a', 'b', 'c', 'd'].map((key) => store.get(key) !== undefined)).toEqual([true, false, true, true]);
    expect(store.bytes).toBeLessThanOrEqual(10_000);
  });

  it('does not keep what alone is over the bound, nor what was there before it', () => {
    const store = new LruDocumentStore({ maxBytes: 10_000 });
    store.set('a', value());
    store.set('a', value(20_000));
    expect(store.get('a')).toBeUndefined();
    expect(store.size).toBe(0);
  });

  it('stays within its bytes, however many documents come by', async () => {
    const maxBytes = 4_194_304;
    const store = new LruDocumentStore({ maxBytes });
    const keyv = new Keyv({ store, useKeyPrefix: false });
    keyv.serialize = undefined;
    keyv.deserialize = undefined;
    const { createCache } = await import('cache-manager');
    const cache = new CacheManagerDocumentCache({ backend: createCache({ stores: [keyv] }), collection: 'games', versionField: 'version', ttlMs: 0, timeoutMs: 0, onWarning: () => undefined });
    for (let index = 0; index < distinct; index++) await cache.put(`n:${index}`, { version: 1, timestamp: 0, image: { _id: index, version: 1 } });
    expect(store.bytes).toBeLessThanOrEqual(maxBytes);
    expect(store.size).toBeGreaterThan(5_000);
    expect(store.size).toBeLessThan(10_000);
    expect((await cache.get(`n:${distinct - 1}`))?.image).toEqual({ _id: distinct - 1, version: 1 });
    expect(await cache.get('n:0')).toBeUndefined();
  }, 60_000 + distinct);
});

describe('createDefaultCache', () => {
  afterEach(() => {
    jest.restoreAllMocks();
  });

  it('keeps values by reference', async () => {
    const cache = createDefaultCache({ maxBytes: 1_000_000 });
    const stored = { a: new Date(0) };
    await cache.set('a', stored);
    expect(await cache.get('a')).toBe(stored);
  });

  it('honours a time to live, and 0 as none', async () => {
    const cache = createDefaultCache({ maxBytes: 1_000_000 });
    const clock = jest.spyOn(Date, 'now').mockReturnValue(1_000);
    await cache.set('short', 1, 500);
    await cache.set('for ever', 2, 0);
    clock.mockReturnValue(1_501);
    expect(await cache.get('short')).toBeUndefined();
    expect(await cache.get('for ever')).toBe(2);
  });

  it('can be emptied and can forget', async () => {
    const cache = createDefaultCache({ maxBytes: 1_000_000 });
    await cache.set('a', 1);
    await cache.set('b', 2);
    await cache.del('a');
    expect([await cache.get('a'), await cache.get('b')]).toEqual([undefined, 2]);
    await cache.clear();
    expect(await cache.get('b')).toBeUndefined();
  });
});
