import { createHash } from 'node:crypto';
import { idKey, isPlainObject } from '../model/bson-values.js';
import type { Image } from '../model/diff.js';
import type { DocumentId } from '../model/document-id.js';
import type { CacheEntry, EntryForm } from './cache-entry.js';

/** Turns plain BSON-shaped objects into bytes and back with all their types. `mongoose.mongo.BSON` is one. */
export interface ImageCodec {
  serialize(image: Image): Uint8Array;
  deserialize(bytes: Uint8Array): Image;
}

/** Stands at the start of every entry; a later form gets another one, and the old entries become misses. */
const form = 'ess1';

/**
 * For any backend: entries are texts, which JSON, Redis and structured clones leave alone, and BSON inside keeps the types. The digest
 * finds damage; key and version, compared with the document inside, find entries that are intact but not the ones asked for.
 */
export class EncodedEntries implements EntryForm {
  constructor(
    private readonly codec: ImageCodec,
    private readonly versionField: string,
  ) {}

  toBackend({ version, timestamp, expiresAt, image }: CacheEntry): string {
    const payload = Buffer.from(this.codec.serialize({ version, timestamp, expiresAt, image })).toString('base64');
    return `${form}.${digest(payload)}.${payload}`;
  }

  fromBackend(value: unknown, key: string): CacheEntry | undefined {
    if (typeof value !== 'string') return undefined;
    const [found, sum, payload = '', ...rest] = value.split('.');
    if (found !== form || sum !== digest(payload) || rest.length > 0) return undefined;
    const { version, timestamp, expiresAt, image } = this.codec.deserialize(Buffer.from(payload, 'base64'));
    if (typeof version !== 'number' || typeof timestamp !== 'number' || typeof expiresAt !== 'number' || !isPlainObject(image)) return undefined;
    return this.isOf(image, key, version) ? { key, version, timestamp, expiresAt, image } : undefined;
  }

  private isOf(image: Image, key: string, version: number): boolean {
    return image[this.versionField] === version && idKey(image['_id'] as DocumentId) === key;
  }
}

function digest(payload: string): string {
  return createHash('sha256').update(payload, 'latin1').digest('base64url');
}
