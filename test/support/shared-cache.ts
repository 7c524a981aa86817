import type { CacheBackend } from 'nestjs-event-sourced-storage';

/** What the processes of an application share, like a Redis; nothing but a Map. */
export class SharedCache implements CacheBackend {
  readonly entries: Map<string, unknown> = new Map();
  /** How often it was asked for what. */
  readonly calls = { get: 0, set: 0, del: 0 };

  async get(key: string): Promise<unknown> {
    this.calls.get++;
    await Promise.resolve();
    return this.entries.get(key);
  }

  async set(key: string, value: unknown): Promise<void> {
    this.calls.set++;
    await Promise.resolve();
    this.entries.set(key, value);
  }

  async del(key: string): Promise<void> {
    this.calls.del++;
    await Promise.resolve();
    this.entries.delete(key);
  }
}
