import type { Image } from '../model/diff.js';
import type { DocumentEvent } from '../model/document-event.js';

/** What was committed. */
export interface CommittedChange {
  readonly event: DocumentEvent<Image>;
  /** The document after the change; `null` after a delete. Shared: clone before it is handed out. */
  readonly document: Image | null;
}

/** PORT. Is told of every commit of this process, per document in the order of the numbers. What it throws harms nobody. */
export abstract class AfterCommit {
  abstract notify(committed: CommittedChange): void;
}
