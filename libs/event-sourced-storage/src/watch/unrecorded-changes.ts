import { setTimeout as pause } from 'node:timers/promises';
import { idKey } from '../model/bson-values.js';
import type { DocumentId } from '../model/document-id.js';
import type { UnrecordedChange } from './change-feed.js';

/** What is done about documents that were changed around the storage. */
export type UnrecordedMode = 'warn' | 'record';

/** What looking after them works with. */
export interface UnrecordedParts {
  readonly mode: UnrecordedMode;
  readonly address: (id: DocumentId) => string;
  /** Forgets what the cache holds, and what is on its way there. Never rejects. */
  readonly distrust: (id: DocumentId) => Promise<void>;
  /** Whether document and history differ, now. */
  readonly differs: (id: DocumentId) => Promise<boolean>;
  /** Records the difference as an event. @returns its number; `undefined` when there was none */
  readonly record: (id: DocumentId) => Promise<number | undefined>;
  readonly isUnavailable: (error: unknown) => boolean;
  /** One line; rate-limited by who receives it. */
  readonly warn: (message: string) => void;
}

/** So many documents may wait to be looked at; a mass change around the storage is a case for `verifyAll()`. */
const mostWaiting = 10_000;
const pauseMs = 500;

/** Looks at documents that changed without an event, one after the other: the change may be recorded by now, or be a repair. */
export class UnrecordedChanges {
  private readonly waiting = new Map<string, DocumentId>();
  private working: Promise<void> | undefined;
  private readonly closing = new AbortController();
  private hasOverflown = false;

  constructor(private readonly parts: UnrecordedParts) {}

  hear({ documentId }: UnrecordedChange): void {
    if (this.closing.signal.aborted) return;
    const key = idKey(documentId);
    void this.parts.distrust(documentId); // at once: later events would be applied to the old copy
    if (this.waiting.size >= mostWaiting) {
      if (!this.hasOverflown) this.parts.warn(`${this.parts.address(documentId)} and more were changed around the storage than are looked at one by one: run verifyAll(), then rebuild()`);
      this.hasOverflown = true;
      return;
    }
    this.waiting.set(key, documentId);
    this.working ??= this.work();
  }

  /** Looks at nothing more; resolves when the last look is over. */
  async close(): Promise<void> {
    this.closing.abort();
    this.waiting.clear();
    await this.working;
  }

  private async work(): Promise<void> {
    for (let next = this.waiting.entries().next(); next.done !== true; next = this.waiting.entries().next()) {
      const [key, id] = next.value;
      this.waiting.delete(key);
      await this.look(key, id);
    }
    this.hasOverflown = false;
    this.working = undefined;
  }

  private async look(key: string, id: DocumentId): Promise<void> {
    const { mode, address, warn, isUnavailable } = this.parts;
    try {
      if (mode === 'warn') {
        if (await this.parts.differs(id)) warn(`${address(id)} was changed around the storage: its history does not lead to it. rebuild() makes them fit; onUnrecordedChange: 'record' records such changes`);
        return;
      }
      const recorded = await this.parts.record(id);
      if (recorded !== undefined) warn(`${address(id)}@${recorded} records a change that was made around the storage`);
    } catch (error) {
      const { signal } = this.closing;
      if (isUnavailable(error) && !signal.aborted) {
        this.waiting.set(key, id);
        await pause(pauseMs, undefined, { signal }).catch(() => undefined);
        return;
      }
      warn(`${address(id)} was changed around the storage, and could not be ${mode === 'warn' ? 'compared with its history' : 'recorded'}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
}
