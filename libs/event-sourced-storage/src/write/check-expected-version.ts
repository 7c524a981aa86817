import { VersionConflictError } from '../errors/version-conflict.error.js';
import type { Image } from '../model/diff.js';
import type { DocumentEvent } from '../model/document-event.js';
import type { DocumentId } from '../model/document-id.js';
import type { EventStore } from '../history/event-store.js';
import type { DocumentState } from '../read/document-state.js';
import type { WriteRequest } from './write-command.js';
import type { WriteTools } from './write-tools.js';

/** More would make the error a download. */
const mostMissedEvents = 100;

/** Compare-and-set for callers that hold a version: nothing, or the refusal. @throws VersionConflictError (rejects) */
export function checkExpectedVersion(request: WriteRequest, expected: number | 'any', base: DocumentState, tools: WriteTools): Promise<never> | undefined {
  return expected === 'any' || (base.image !== null && base.version === expected) ? undefined : refuseVersion(request, expected, base, tools);
}

async function refuseVersion(request: WriteRequest, expected: number, base: DocumentState, tools: WriteTools): Promise<never> {
  throw new VersionConflictError({
    address: request.address,
    expected,
    found: base.image === null ? null : base.version,
    attempts: 1,
    missedEvents: await missedEvents(tools.events, request.documentId, expected),
    advice: 'The caller asked for exactly this version; read the document again and decide anew.',
  });
}

/** What happened after `version`; empty when the history cannot be read just now: the conflict matters more than its story. */
export async function missedEvents(events: EventStore, id: DocumentId, version: number): Promise<DocumentEvent<Image>[]> {
  try {
    return await events.read(id, { from: version + 1, limit: mostMissedEvents }, { level: 'newest' });
  } catch {
    return [];
  }
}
