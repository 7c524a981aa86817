import { type Cache, createCache } from 'cache-manager';
import { Keyv } from 'keyv';
import { LruDocumentStore } from './lru-document-store.js';

/** The cache of an application that brings none: in this process, by reference, bounded in estimated bytes over all its features. */
export function createDefaultCache(options: { readonly maxBytes: number }): Cache {
  const keyv = new Keyv({ store: new LruDocumentStore(options), useKeyPrefix: false });
  keyv.serialize = undefined;
  keyv.deserialize = undefined;
  return createCache({ stores: [keyv] });
}
