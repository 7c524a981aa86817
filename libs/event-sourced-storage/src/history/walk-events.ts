import type { Image } from '../model/diff.js';
import type { DocumentEvent } from '../model/document-event.js';
import type { DocumentId } from '../model/document-id.js';
import type { EventQuery } from './event-store.js';
import { compactedAway, type HistorySources, missingEvent } from './missing-event.js';
import { firstKept } from './stream-store.js';

/**
 * Events one by one, with memory that does not grow with the history, and never with a hole: what was compacted away before or while they
 * are read is an error.
 * @throws HistoryCompactedError, HistoryCorruptError
 */
export function walkEvents(sources: HistorySources, id: DocumentId, query: EventQuery): AsyncGenerator<DocumentEvent<Image>, void, undefined> {
  return isEveryEvent(query) ? walkAll(sources, id, query) : walkSome(sources, id, query);
}

/** Whether a query wants every event of its range, upwards: then the numbers themselves show a hole. */
export function isEveryEvent({ order, since, until, clientId, operation }: EventQuery): boolean {
  return order !== 'desc' && since === undefined && until === undefined && clientId === undefined && operation === undefined;
}

async function* walkAll(sources: HistorySources, id: DocumentId, query: EventQuery): AsyncGenerator<DocumentEvent<Image>, void, undefined> {
  const { to = Infinity, limit = Infinity } = query;
  const from = query.from || firstKept(await sources.streams.read(id));
  let expected = from;
  for await (const event of sources.events.stream(id, { ...query, from })) {
    if (event.serverSeq !== expected) throw await missingEvent(sources, id, expected, event.serverSeq);
    expected++;
    yield event;
  }
  // the newest event is never compacted, so a hole shows before it; only a range that ends earlier, or holds nothing, may hide one
  const isShort = expected - from < limit && expected <= to && (to !== Infinity || expected === from);
  if (isShort) await refuseCompacted(sources, id, expected);
}

async function* walkSome(sources: HistorySources, id: DocumentId, query: EventQuery): AsyncGenerator<DocumentEvent<Image>, void, undefined> {
  const kept = firstKept(await sources.streams.read(id));
  const from = query.from || kept;
  if (from < kept) await refuseCompacted(sources, id, from);
  yield* sources.events.stream(id, { ...query, from });
  await refuseCompacted(sources, id, from); // what was removed meanwhile may have been left out
}

async function refuseCompacted(sources: HistorySources, id: DocumentId, from: number): Promise<void> {
  const facts = await sources.streams.read(id);
  if (from < firstKept(facts)) throw await compactedAway(sources, id, facts.floor);
}
