import { afterEach, describe, expect, it } from '@jest/globals';
import { indexedDbStorage, memoryStorage } from './storage.js';

/** As much of IndexedDB as is used, in memory: transactions that end later, and can be aborted after their request succeeded. */
class FakeIndexedDb {
  readonly stores = new Map<string, Map<string, unknown>>();
  readonly databases: EventTarget[] = [];
  opened = 0;
  abortsNext = false;

  open(): EventTarget {
    this.opened++;
    const database = Object.assign(new EventTarget(), {
      close: () => undefined,
      createObjectStore: (name: string) => this.stores.set(name, new Map()),
      transaction: (name: string) => {
        const before = new Map(this.stores.get(name));
        const transaction = Object.assign(new EventTarget(), { error: new Error('quota'), objectStore: () => this.storeOf(name) });
        const isAborted = this.abortsNext;
        this.abortsNext = false;
        setImmediate(() => {
          if (isAborted) this.stores.set(name, before);
          transaction.dispatchEvent(new Event(isAborted ? 'abort' : 'complete'));
        });
        return transaction;
      },
    });
    this.databases.push(database);
    const request = Object.assign(new EventTarget(), { result: database, error: undefined });
    setImmediate(() => {
      if (this.stores.size === 0) request.dispatchEvent(new Event('upgradeneeded'));
      request.dispatchEvent(new Event('success'));
    });
    return request;
  }

  private storeOf(name: string): Record<string, unknown> {
    const kept = this.stores.get(name) ?? new Map<string, unknown>();
    const done = (result?: unknown): unknown => Object.assign(new EventTarget(), { result });
    return {
      get: (key: string) => done(kept.get(key)),
      put: (value: unknown, key: string) => done(kept.set(key, structuredClone(value))),
      delete: (key: string) => done(kept.delete(key)),
      clear: () => done(kept.clear()),
    };
  }
}

afterEach(() => {
  Reflect.deleteProperty(globalThis, 'indexedDB');
});

describe.each([
  ['memory', memoryStorage],
  [
    'IndexedDB',
    () => {
      Object.assign(globalThis, { indexedDB: new FakeIndexedDb() });
      return indexedDbStorage('games');
    },
  ],
])('Storage in %s', (_name, create) => {
  it('gives back what was set, until it is replaced, deleted or cleared', async () => {
    const storage = create();
    expect(await storage.get('a')).toBeUndefined();
    await storage.set('a', { v: 1 });
    await storage.set('a', { v: 2 });
    await storage.set('b', 1);
    expect(await storage.get('a')).toEqual({ v: 2 });
    await storage.delete('a');
    expect([await storage.get('a'), await storage.get('b')]).toEqual([undefined, 1]);
    await storage.clear();
    expect(await storage.get('b')).toBeUndefined();
  });
});

describe('Storage in IndexedDB', () => {
  it('believes no write before its transaction is complete', async () => {
    const fake = new FakeIndexedDb();
    Object.assign(globalThis, { indexedDB: fake });
    const storage = indexedDbStorage();
    await storage.set('a', 1);
    fake.abortsNext = true;
    await expect(storage.set('a', 2)).rejects.toThrow('quota');
    expect(await storage.get('a')).toBe(1);
    expect(fake.opened).toBe(1);
  });

  it('is opened again after the browser has closed it', async () => {
    const fake = new FakeIndexedDb();
    Object.assign(globalThis, { indexedDB: fake });
    const storage = indexedDbStorage();
    await storage.set('a', 1);
    fake.databases[0]?.dispatchEvent(new Event('close'));
    expect(await storage.get('a')).toBe(1);
    fake.databases[1]?.dispatchEvent(new Event('versionchange'));
    expect(await storage.get('a')).toBe(1);
    expect(fake.opened).toBe(3);
  });

  it('fails where there is none, and may work later', async () => {
    const storage = indexedDbStorage();
    await expect(storage.get('a')).rejects.toThrow('undefined');
    Object.assign(globalThis, { indexedDB: new FakeIndexedDb() });
    expect(await storage.get('a')).toBeUndefined();
  });
});
