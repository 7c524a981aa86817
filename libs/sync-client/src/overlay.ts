/** A change that is shown before the server has confirmed it: it changes the copy that it is given, or answers another document. */
export type Change<T> = (copy: T) => T | void;

interface Pending<T> {
  readonly change: Change<T>;
  /** Part of every state from this number on. */
  version?: number;
}

/** Changes that are shown on top of the confirmed document, in the order in which they were made. */
export class Overlay<T> {
  readonly #pending = new Map<string, Pending<T>>();

  add(operationId: string, change: Change<T>): void {
    this.#pending.set(operationId, { change });
  }

  drop(operationId: string): boolean {
    return this.#pending.delete(operationId);
  }

  confirm(operationId: string, version: number): void {
    const pending = this.#pending.get(operationId);
    if (pending) pending.version = version;
  }

  /** Drops what is part of the confirmed state by now. */
  settle(version: number): boolean {
    const before = this.#pending.size;
    for (const [id, pending] of this.#pending) if (pending.version !== undefined && pending.version <= version) this.#pending.delete(id);
    return this.#pending.size < before;
  }

  /** A document with the changes; the very same one when there are none. A change that does not fit is not shown. */
  over(confirmed: T | undefined): T | undefined {
    let shown = confirmed;
    for (const { change } of this.#pending.values()) {
      try {
        const copy = structuredClone(shown) as T;
        shown = change(copy) ?? copy;
      } catch {
        // made for another state of the document
      }
    }
    return shown;
  }
}
