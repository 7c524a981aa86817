import type { DocumentId } from '../model/document-id.js';
import { AfterCommit, type CommittedChange } from '../write/after-commit.js';

type Listener = (id: DocumentId, version: number) => void;

/** Passes every commit of this process on, and its key to whoever listens. */
export class CommitNotices extends AfterCommit {
  private readonly listeners = new Set<Listener>();

  constructor(private readonly next: AfterCommit) {
    super();
  }

  override notify(committed: CommittedChange): void {
    this.next.notify(committed);
    for (const listener of this.listeners) listener(committed.event.documentId, committed.event.serverSeq);
  }

  /** @returns ends it */
  listen(listener: Listener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }
}
