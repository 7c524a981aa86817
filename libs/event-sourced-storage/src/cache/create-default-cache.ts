import { type Cache, createCache } from 'cache-manager';
import { Keyv } from 'keyv';
import { LruDocumentStore } from './lru-document-store.js';

const stores = new WeakMap<object, LruDocumentStore>();

/** The cache of an application that brings none: in this process, by reference, bounded in estimated bytes over all its features. */
export function createDefaultCache(options: { readonly maxBytes: number }): Cache {
  const store = new LruDocumentStore(options);
  const keyv = new Keyv({ store, useKeyPrefix: false });
  keyv.serialize = undefined;
  keyv.deserialize = undefined;
  const cache = createCache({ stores: [keyv] });
  stores.set(cache, store);
  return cache;
}

/** What a cache of {@link createDefaultCache} keeps its entries in; `undefined` for any other. A read goes there without the way through two libraries. */
export function storeOfDefaultCache(cache: object): LruDocumentStore | undefined {
  return stores.get(cache);
}
