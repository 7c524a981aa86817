import { HistoryCorruptError } from '../errors/history-corrupt.error.js';
import { HistoryMissingError } from '../errors/history-missing.error.js';
import { byteSize } from '../model/bson-values.js';
import type { Image } from '../model/diff.js';
import type { DocumentEvent } from '../model/document-event.js';
import type { DocumentId } from '../model/document-id.js';
import type { CatchUp, CatchUpSnapshot, Cursor, ResetReason } from './cursor.js';
import type { HistorySources } from './missing-event.js';
import { type PresentSources, startingState } from './present-state.js';
import type { StreamFacts } from './stream-store.js';

/** What catching up reads from. */
export interface CatchUpSources extends HistorySources, PresentSources {}

/** How much one answer carries; at least one event whatever its size. */
export interface CatchUpLimits {
  readonly events: number;
  readonly bytes: number;
}

/** One page of catching up. */
export const catchUpPage: CatchUpLimits = { events: 500, bytes: 1_048_576 };

/** The floor may rise between two reads a few times, hardly more. */
const looks = 5;

interface Page {
  readonly events: DocumentEvent<Image>[];
  /** Reading ended because there was no more. */
  readonly isComplete: boolean;
}

/**
 * What a client with this cursor has to apply: the events it missed, or why it starts again and from which state. Decides as the sync
 * protocol's table says.
 * @throws HistoryMissingError for a document that was written around the storage, HistoryCorruptError
 */
export async function catchUp(sources: CatchUpSources, id: DocumentId, cursor: Cursor | undefined, limits: CatchUpLimits = catchUpPage): Promise<CatchUp> {
  for (let look = 1; ; look++) {
    const facts = await sources.streams.read(id);
    if (cursor === undefined) return restart(sources, id, facts, 'initial');
    if (cursor.epoch !== facts.epoch) return restart(sources, id, facts, await changeOf(sources, id, cursor, facts));
    if (cursor.version < facts.floor) return restart(sources, id, facts, 'compacted');

    const page = await readPage(sources, id, cursor.version, limits);
    const hole = page.events.findIndex((event, index) => event.serverSeq !== cursor.version + 1 + index);
    if (hole >= 0) {
      // compacted between the two reads: the floor tells now
      if (look < looks && (await sources.streams.read(id)).floor > facts.floor) continue;
      throw new HistoryCorruptError(sources.address(id), `event ${cursor.version + 1 + hole} is missing, the next one is ${page.events[hole]?.serverSeq}`);
    }
    const last = page.events.at(-1)?.serverSeq;
    if (last !== undefined) {
      const head = page.isComplete ? last : Math.max(last, await headOf(sources, id));
      return { kind: 'events', events: page.events, cursor: { epoch: facts.epoch, version: last }, head, floor: facts.floor };
    }
    const head = await knownHead(sources, id, cursor.version);
    if (head === cursor.version) return { kind: 'events', events: [], cursor, head, floor: facts.floor };
    if (head < cursor.version) return restart(sources, id, facts, 'ahead');
    // an event came since the page was read: look again
  }
}

/** A cursor of another epoch: the history was erased since, or the whole collection was rewound. */
async function changeOf(sources: CatchUpSources, id: DocumentId, cursor: Cursor, facts: StreamFacts): Promise<ResetReason> {
  if (!facts.purged) return 'epoch';
  const sameGeneration = cursor.epoch.split('-')[0] === facts.epoch.split('-')[0];
  return sameGeneration || (await headOf(sources, id)) === facts.purgedAt ? 'purged' : 'epoch';
}

async function restart(sources: CatchUpSources, id: DocumentId, facts: StreamFacts, reason: ResetReason): Promise<CatchUp> {
  const snapshot = await startingSnapshot(sources, id);
  const head = snapshot.serverSeq;
  const answer = { kind: 'reset', reason, events: [], cursor: { epoch: facts.epoch, version: head }, head, floor: facts.floor } as const;
  const isNothing = reason === 'purged' && snapshot.state === null && head === facts.purgedAt;
  return isNothing ? { ...answer, events: [] } : { ...answer, events: [], snapshot };
}

async function startingSnapshot(sources: CatchUpSources, id: DocumentId): Promise<CatchUpSnapshot<Image>> {
  const present = await startingState(sources, id);
  if (present === null) return { serverSeq: 0, state: null };
  if (present.image !== null && present.version === 0) throw new HistoryMissingError(sources.address(id));
  return { serverSeq: present.version, state: present.image };
}

async function readPage({ events }: CatchUpSources, id: DocumentId, after: number, limits: CatchUpLimits): Promise<Page> {
  const found: DocumentEvent<Image>[] = [];
  let bytes = 0;
  for await (const event of events.stream(id, { from: after + 1, limit: limits.events + 1 })) {
    bytes += byteSize(event);
    if (found.length === limits.events || (found.length > 0 && bytes > limits.bytes)) return { events: found, isComplete: false };
    found.push(event);
  }
  return { events: found, isComplete: true };
}

/** The newest number, asked again of the primary's newest state before a client is told that it is ahead. */
async function knownHead(sources: CatchUpSources, id: DocumentId, claimed: number): Promise<number> {
  const head = await headOf(sources, id);
  return head >= claimed ? head : headOf(sources, id, 'newest');
}

async function headOf({ events }: CatchUpSources, id: DocumentId, level: 'majority' | 'newest' = 'majority'): Promise<number> {
  return (await events.head(id, { level }))?.serverSeq ?? 0;
}
