/** Where replicas outlive the page. Every method may fail; a replica then goes on without. */
export interface ReplicaStorage {
  /** What was set under a key; `undefined` for nothing. */
  get(key: string): Promise<unknown>;
  /** Replaces what is there by a structured-cloneable value, in one step: all of it or nothing. */
  set(key: string, value: unknown): Promise<void>;
  delete(key: string): Promise<void>;
  /** Forgets everything, of all replicas. */
  clear(): Promise<void>;
}

/** Keeps replicas for as long as this object lives: for tests, and for several pages of one application in turn. */
export function memoryStorage(): ReplicaStorage {
  const kept = new Map<string, unknown>();
  return {
    get: (key) => Promise.resolve(kept.get(key)),
    set: (key, value) => Promise.resolve(void kept.set(key, value)),
    delete: (key) => Promise.resolve(void kept.delete(key)),
    clear: () => Promise.resolve(kept.clear()),
  };
}

/** What is used of IndexedDB, so that no library of DOM types is needed. */
interface Target {
  addEventListener(name: string, listener: () => void): void;
}

interface Request extends Target {
  readonly result: unknown;
  readonly error: unknown;
}

interface Store {
  get(key: string): Request;
  put(value: unknown, key: string): Request;
  delete(key: string): Request;
  clear(): Request;
}

interface Transaction extends Target {
  readonly error: unknown;
  objectStore(name: string): Store;
}

interface Database extends Target {
  close(): void;
  createObjectStore(name: string): Store;
  transaction(names: string, mode: string): Transaction;
}

/**
 * Keeps replicas in the browser's IndexedDB, in a database of this name. It is opened at first use, and again after the browser has
 * closed it.
 * @param name default `replicas`
 */
export function indexedDbStorage(name = 'replicas'): ReplicaStorage {
  let opened: Promise<Database> | undefined;
  const forget = (): void => (opened = undefined);

  const open = (): Promise<Database> =>
    new Promise((resolve, reject) => {
      const request = (globalThis as unknown as { indexedDB: { open(name: string): Request } }).indexedDB.open(name);
      request.addEventListener('upgradeneeded', () => (request.result as Database).createObjectStore(name));
      request.addEventListener('error', () => reject(request.error));
      request.addEventListener('success', () => {
        const database = request.result as Database;
        database.addEventListener('close', forget);
        database.addEventListener('versionchange', () => {
          forget();
          database.close(); // somebody wants to delete it
        });
        resolve(database);
      });
    });

  const run = async (mode: string, act: (store: Store) => Request): Promise<unknown> => {
    const database = await (opened ??= open()).catch((error: unknown) => {
      forget();
      throw error;
    });
    return new Promise((resolve, reject) => {
      const transaction = database.transaction(name, mode);
      const request = act(transaction.objectStore(name));
      transaction.addEventListener('complete', () => resolve(request.result)); // not before: a request that succeeded can still be rolled back
      transaction.addEventListener('abort', () => reject(transaction.error));
    });
  };
  const write = async (act: (store: Store) => Request): Promise<void> => void (await run('readwrite', act));

  return {
    get: (key) => run('readonly', (store) => store.get(key)),
    set: (key, value) => write((store) => store.put(value, key)),
    delete: (key) => write((store) => store.delete(key)),
    clear: () => write((store) => store.clear()),
  };
}
