import type { Settings } from './options.js';
import type { ReplicaState } from './replica-state.js';
import type { ReplicaStorage } from './storage.js';

/** One stored replica: the state, its position and its owner in one value, so that none can be newer than another. */
interface Kept extends Pick<ReplicaState, 'doc' | 'v' | 'epoch' | 'deleted'> {
  readonly user: string;
}

/** How soon a failed erasure is tried again, in ms. */
const eraseAgainMs = 1_000;

/** Keeps one replica in the storage: one write at a time, and what was overtaken while it waited is not written. */
export class Keeper {
  readonly #settings: Settings;
  readonly #storage: ReplicaStorage;
  readonly #key: string;
  #wanted: Kept | null | undefined;
  #written: Promise<void> = Promise.resolve();
  #isWriting = false;

  constructor(settings: Settings, storage: ReplicaStorage, key: string) {
    this.#settings = settings;
    this.#storage = storage;
    this.#key = key;
  }

  /** What was kept for this user; anything else counts as nothing. */
  async load(): Promise<Kept | undefined> {
    const { user } = this.#settings;
    const kept = (await this.#storage.get(this.#key)) as Partial<Kept> | undefined;
    return kept?.user === user && Number.isSafeInteger(kept.v) && kept.epoch ? (kept as Kept) : undefined;
  }

  save({ doc, v, epoch, deleted }: ReplicaState): void {
    const { user, maxStoredBytes } = this.#settings;
    // one that is too large leaves no old one behind
    this.#want(maxStoredBytes < Infinity && ((JSON.stringify(doc) as string | undefined)?.length ?? 0) > maxStoredBytes ? null : { doc, v, epoch, deleted, user });
  }

  erase(): void {
    this.#want(null);
  }

  /** Resolves when everything that was asked for has been written, or has failed. */
  async idle(): Promise<void> {
    await this.#written;
  }

  #want(kept: Kept | null): void {
    this.#wanted = kept;
    if (!this.#isWriting) this.#written = this.#write();
  }

  async #write(): Promise<void> {
    const { onError, schedule } = this.#settings;
    this.#isWriting = true;
    while (this.#wanted !== undefined) {
      const kept = this.#wanted;
      this.#wanted = undefined;
      try {
        await (kept === null ? this.#storage.delete(this.#key) : this.#storage.set(this.#key, kept));
      } catch (error) {
        onError(error);
        // what should be gone must go; a state that could not be kept is replaced by the next one
        if (kept === null) schedule(() => this.#wanted === undefined && !this.#isWriting && this.erase(), eraseAgainMs);
      }
    }
    this.#isWriting = false;
  }
}

/** Empties a storage that belongs to another user. The mark comes last: when the power goes in between, it is emptied again. */
export async function claim(storage: ReplicaStorage, user: string): Promise<void> {
  if ((await storage.get('user')) === user) return;
  await storage.clear();
  await storage.set('user', user);
}
