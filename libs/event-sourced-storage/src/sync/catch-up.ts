import type { ResetReason } from '../history/cursor.js';

/** Where a client says it is. */
export type Position =
  /** It has nothing. */
  | { readonly kind: 'nothing' }
  /** It wants what happens from now on only. */
  | { readonly kind: 'now' }
  /** It has applied everything up to `after`. `epoch` is left out only with `after` 0. */
  | { readonly kind: 'after'; readonly after: number; readonly epoch: string | undefined };

/** How it stands with a history. */
export interface Standing {
  readonly epoch: string;
  /** Catching up works from here on. */
  readonly floor: number;
  /** The newest number. */
  readonly head: number;
  /** The number that an erasure took; absent when there was none. */
  readonly erasedAt?: number;
}

/** Erased, and nothing came after. */
export function isErased({ head, erasedAt }: Standing): boolean {
  return erasedAt !== undefined && erasedAt === head;
}

/** What a client gets. */
export type Answer =
  /** A state, then what happened since. */
  | { readonly kind: 'snapshot' }
  /** Everything after a number. */
  | { readonly kind: 'events'; readonly after: number }
  /** What it has is void: why, then a state. */
  | { readonly kind: 'reset'; readonly reason: Exclude<ResetReason, 'initial'> }
  /** What it has is void, and there is nothing in its place. */
  | { readonly kind: 'purged' };

/** The one decision of the protocol, for streams and pages alike: sync-protocol, section 6. */
export function decide(position: Position, standing: Standing): Answer {
  if (isErased(standing)) return { kind: 'purged' };
  if (position.kind === 'nothing') return { kind: 'snapshot' };
  if (position.kind === 'now') return { kind: 'events', after: standing.head };
  if (position.epoch !== undefined && position.epoch !== standing.epoch) return { kind: 'reset', reason: changeOf(position.epoch, standing) };
  if (position.after > standing.head) return { kind: 'reset', reason: 'ahead' };
  if (position.after < standing.floor) return { kind: 'reset', reason: 'compacted' };
  return { kind: 'events', after: position.after };
}

/** The history was erased since and began anew, or the whole collection went back: the first part of an epoch is the collection's. */
function changeOf(epoch: string, standing: Standing): 'purged' | 'epoch' {
  return standing.erasedAt !== undefined && generationOf(epoch) === generationOf(standing.epoch) ? 'purged' : 'epoch';
}

function generationOf(epoch: string): string {
  return epoch.split('-', 1)[0] ?? '';
}

/** Whether events go on from a number without a hole; checked on every page, since a compaction may run beside the read. */
export function isContiguous(after: number, events: readonly { readonly serverSeq: number }[]): boolean {
  return events.every((event, index) => event.serverSeq === after + 1 + index);
}
