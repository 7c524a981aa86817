import { DocumentCache } from '../read/document-cache.js';

/** Remembers nothing: every read asks the database. */
export class NoDocumentCache extends DocumentCache {
  override get(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  override put(): Promise<void> {
    return Promise.resolve();
  }

  override drop(): Promise<void> {
    return Promise.resolve();
  }
}
