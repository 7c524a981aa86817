import type { DiffPaths, Image } from '../model/diff.js';
import type { DocumentEvent } from '../model/document-event.js';
import { optionalFields } from '../model/optional-fields.js';
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
export function buildEvent(request: WriteRequest, base: DocumentState, content: EventContent, { now, schemaVersion, transactionId }: EventFacts): DocumentEvent<Image> {
  const { documentId, clientId, operationId, metadata } = request;
  const serverSeq = base.version + 1;
  const timestamp = new Date(Math.max(now, base.timestamp));
  const optional = optionalFields({ schemaVersion, transactionId, metadata });
  switch (content.operation) {
    case 'create':
      return { documentId, serverSeq, clientId, timestamp, operationId, ...optional, operation: 'create', createdDoc: content.createdDoc };
    case 'update': {
      const diff = { hasChanges: true, version: serverSeq, set: content.diff.set, unset: content.diff.unset };
      return { documentId, serverSeq, clientId, timestamp, operationId, ...optional, operation: 'update', diff };
    }
    case 'delete':
      return { documentId, serverSeq, clientId, timestamp, operationId, ...optional, operation: 'delete', deletedDoc: content.deletedDoc };
  }
}
