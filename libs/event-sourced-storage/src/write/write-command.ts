import type { DocumentEvent, EventMetadata, Operation } from '../model/document-event.js';
import type { Image } from '../model/diff.js';
import type { MaybePromise } from '../model/promises.js';
import type { DocumentId } from '../model/document-id.js';
import type { DocumentState } from '../read/document-state.js';
import type { DocumentChange } from './document-change.js';

/** Who asks for which write of which document: all that is known before a document was read. Checked already. */
export interface WriteRequest {
  readonly documentId: DocumentId;
  /** `idKey(documentId)`. */
  readonly key: string;
  /** `collection/documentId`, for messages. */
  readonly address: string;
  readonly clientId: string;
  readonly operationId: string;
  /** The caller chose the `operationId`: the write may be a repetition. */
  readonly mayBeRepeated: boolean;
  readonly metadata: EventMetadata | undefined;
  /** The document's id was just made: nothing can have happened under it. */
  readonly isNewId?: boolean;
}

/** What a command wants after it has seen the document. Answers are made late: only once they are true. */
export type Decision<R> =
  /** Nothing is to be written. The answer may throw: a refusal. */
  | { readonly kind: 'answer'; readonly answer: () => R }
  | { readonly kind: 'change'; readonly change: DocumentChange; readonly answer: () => R };

/** One write of one document, as something that can be decided again and again until it is committed. */
export interface WriteCommand<R> {
  readonly request: WriteRequest;
  /** The document's id was just made: it cannot exist yet. */
  readonly isNewId: boolean;
  /** The kind of event this command writes. */
  readonly operation: Operation;
  /**
   * Decides on the given state. A throw is a refusal; like an answer it counts only once the state is known to be current.
   * @param call how often this command was decided, from 1
   */
  decide(base: DocumentState, call: number): MaybePromise<Decision<R>>;
  /** The answer of the first time, from the event it wrote. */
  firstResult(event: DocumentEvent<Image>): Promise<R>;
}
