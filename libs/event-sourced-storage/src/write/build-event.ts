import type { DiffPaths, Image } from '../model/diff.js';
import type { DocumentEvent } from '../model/document-event.js';
import type { DocumentState } from '../read/document-state.js';
import type { WriteRequest } from './write-command.js';

/** What the event is about. */
export type EventContent =
  | { readonly operation: 'create'; readonly createdDoc: Image }
  | { readonly operation: 'update'; readonly diff: DiffPaths }
  | { readonly operation: 'delete'; readonly deletedDoc: Image };

/** What an event takes from its surroundings. */
export interface EventFacts {
  /** In ms since 1970. */
  readonly now: number;
  readonly schemaVersion: number | undefined;
  readonly transactionId: string | undefined;
}

/** The event that follows `base`: the next number, and a time that does not go back. */
export function buildEvent(request: WriteRequest, base: DocumentState, content: EventContent, facts: EventFacts): DocumentEvent<Image> {
  const serverSeq = base.version + 1;
  const common = {
    documentId: request.documentId,
    serverSeq,
    clientId: request.clientId,
    timestamp: new Date(Math.max(facts.now, base.timestamp)),
    operationId: request.operationId,
    ...(facts.schemaVersion === undefined ? {} : { schemaVersion: facts.schemaVersion }),
    ...(facts.transactionId === undefined ? {} : { transactionId: facts.transactionId }),
    ...(request.metadata === undefined ? {} : { metadata: request.metadata }),
  };
  if (content.operation !== 'update') return { ...common, ...content };
  return { ...common, operation: 'update', diff: { hasChanges: true, version: serverSeq, set: content.diff.set, unset: content.diff.unset } };
}
