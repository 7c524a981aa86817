import type { Image } from '../model/diff.js';
import type { DocumentState } from '../read/document-state.js';
import { buildEvent, type EventContent } from './build-event.js';
import { checkLimits } from './check-limits.js';
import type { DocumentChange } from './document-change.js';
import type { WriteRequest } from './write-command.js';
import type { WriteTools } from './write-tools.js';

/**
 * The change that leads from `base` to `after`, measured, together with the event that records it.
 * @param now in ms since 1970
 * @throws LimitExceededError
 */
export function buildChange(request: WriteRequest, base: DocumentState, after: Image | null, content: EventContent, now: number, tools: WriteTools): DocumentChange {
  const { schemaVersion } = tools.options;
  const { bytes, documentBytes } = checkLimits(request, base, after, recorded(content), tools);
  return {
    documentId: request.documentId,
    key: request.key,
    expectedVersion: base.version,
    bytes,
    documentBytes,
    event: buildEvent(request, base, content, { now, schemaVersion, transactionId: tools.transactionId }),
    before: base.image,
    after,
    ...(request.isNewId === true ? { isNewId: true } : {}),
  };
}

function recorded(content: EventContent): Parameters<typeof checkLimits>[3] {
  switch (content.operation) {
    case 'create':
      return content.createdDoc;
    case 'update':
      return content.diff;
    case 'delete':
      return content.deletedDoc;
  }
}
