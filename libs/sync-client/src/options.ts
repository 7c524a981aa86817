import type { ReplicaStorage } from './storage.js';

/** The part of `fetch` that is used. */
export type Fetch = (url: string, init: FetchInit) => Promise<FetchResponse>;

/** What a request is made of. */
export interface FetchInit {
  readonly method: string;
  readonly headers: Record<string, string>;
  readonly body?: string;
  readonly signal: AbortSignal;
  readonly credentials: 'omit' | 'same-origin' | 'include';
  readonly cache: 'no-store';
}

/** What is used of an answer. */
export interface FetchResponse {
  readonly status: number;
  readonly headers: { get(name: string): string | null };
  readonly body: { getReader(): FetchReader } | null;
  json(): Promise<unknown>;
}

/** What is used of the reader of an answer's body. */
export interface FetchReader {
  read(): Promise<{ readonly done: boolean; readonly value?: Uint8Array | undefined }>;
  cancel(): Promise<unknown>;
}

/** Whether the page is in use: a connection is held only while it is. */
export interface Activity {
  isActive(): boolean;
  /** Calls back after every change; answers how to stop that. */
  watch(changed: () => void): () => void;
}

/** What replicas and sets of replicas have in common. */
export interface SyncOptions {
  /** Where the sync endpoints are, for example `/sync` or `https://example.org/sync`. A relative one needs a browser. */
  readonly url: string;
  /** Sent with every request, and asked for again before each: the place for tokens. Default none. */
  readonly headers?: Record<string, string> | (() => Record<string, string> | Promise<Record<string, string>>);
  /** Default `same-origin`. */
  readonly credentials?: 'omit' | 'same-origin' | 'include';
  /** Where replicas outlive the page. Default: nowhere. */
  readonly storage?: ReplicaStorage;
  /** Whose replicas these are. A storage that belongs to another user is emptied first. Default: the empty text, nobody in particular. */
  readonly user?: string;
  /** A document that is longer than this as JSON, in characters, is not stored. Default 5,000,000; `Infinity`: all are. */
  readonly maxStoredBytes?: number;
  /** `latest`: when far behind, skip to the newest state instead of taking every event. Default `events`. */
  readonly mode?: 'events' | 'latest';
  /** `plain`: ids as texts and dates as ISO texts; `ejson`: relaxed Extended JSON as MongoDB writes it. Default `plain`. */
  readonly types?: 'plain' | 'ejson';
  /** The `clientId` of one's own writes: an event by anybody else is no echo, whatever its operation. Default: not compared. */
  readonly clientId?: string;
  /** When to hold a connection. Default: while the page is visible and online, always in Node. `false`: always. */
  readonly activity?: Activity | false;
  /** Told what went wrong without harm: a storage that fails, a listener that throws. Default `console.error`. */
  readonly onError?: (error: unknown) => void;
  /** Default: the global one. */
  readonly fetch?: Fetch;
  /** Below 1 and not below 0, for the waits before reconnecting. Default `Math.random`. */
  readonly random?: () => number;
  /** In ms. Default `Date.now`. */
  readonly now?: () => number;
  /** Runs something after some ms; answers how to prevent it. Default `setTimeout`. */
  readonly schedule?: (run: () => void, ms: number) => () => void;
}

/** Every option decided. */
export type Settings = Required<Omit<SyncOptions, 'storage' | 'clientId'>> & Pick<SyncOptions, 'storage' | 'clientId'>;

/** @throws TypeError for an option that cannot work */
export function settle(options: SyncOptions): Settings {
  const { url, fetch = (globalThis as { fetch?: unknown }).fetch } = options;
  if (typeof url !== 'string' || typeof fetch !== 'function') throw new TypeError('a replica needs a url and fetch');
  return {
    headers: {},
    credentials: 'same-origin',
    user: '',
    maxStoredBytes: 5_000_000,
    mode: 'events',
    types: 'plain',
    activity: pageActivity(),
    onError: (error) => console.error(error),
    random: Math.random,
    now: Date.now,
    schedule: (run, ms) => {
      const timer = setTimeout(run, ms);
      return () => clearTimeout(timer);
    },
    ...Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)),
    url: url.replace(/\/+$/, ''),
    fetch: (input, init) => (fetch as Fetch)(input, init), // the global one wants no other `this`
  };
}

interface Watched {
  readonly visibilityState?: string;
  readonly onLine?: boolean;
  addEventListener?(name: string, listener: () => void): void;
  removeEventListener?(name: string, listener: () => void): void;
}

const events = ['visibilitychange', 'online', 'offline'];

function pageActivity(): Activity {
  const page = globalThis as Watched & { readonly document?: Watched; readonly navigator?: Watched };
  return {
    isActive: () => page.document?.visibilityState !== 'hidden' && page.navigator?.onLine !== false,
    watch: (changed) => {
      const each = (verb: 'addEventListener' | 'removeEventListener'): void => {
        for (const name of page.document ? events : []) for (const target of [page, page.document]) target?.[verb]?.(name, changed);
      };
      each('addEventListener');
      return () => each('removeEventListener');
    },
  };
}
