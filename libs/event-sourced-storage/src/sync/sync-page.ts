import { decide, type Position, type Standing } from './catch-up.js';
import type { FrameEntry } from './frame-ring.js';
import type { HotDocument } from './hot-document.js';
import { snapshotData } from './snapshot-frame.js';
import { type Principal, type SyncLimits } from './sync-limits.js';
import type { SyncMetrics } from './sync-metrics.js';
import { tooMany } from './sync-request.js';
import type { WireForm, WireSnapshot } from './wire-event.js';

/** A page of events, or a new start where there was nothing before. */
export interface SyncPage {
  readonly ref: string;
  readonly epoch: string;
  readonly floor: number;
  readonly head: number;
  /** Only for a client that had nothing. */
  readonly snapshot?: WireSnapshot;
  readonly events: readonly Record<string, unknown>[];
  /** The `after` of the next request. */
  readonly next: number;
  /** There is nothing more now. */
  readonly live: boolean;
}

/** What a client holds is void. */
export interface HistoryGone {
  readonly ref: string;
  readonly error: 'history-gone';
  readonly reason: 'compacted' | 'ahead' | 'epoch' | 'purged';
  readonly floor: number;
  readonly head: number;
  readonly epoch: string;
  /** Heals the client without another request; absent when the document was erased. */
  readonly snapshot?: WireSnapshot;
}

/** How much a page carries. */
export interface PageBounds {
  readonly events: number;
  readonly bytes: number;
}

export interface PageTools {
  readonly limits: SyncLimits;
  readonly principal: Principal;
  readonly metrics: SyncMetrics;
}

export function isGone(answer: SyncPage | HistoryGone): answer is HistoryGone {
  return 'error' in answer;
}

/** The JSON twin of a stream's catch-up: the same decision, one page of it. @throws Refusal 429 */
export async function readPage(hot: HotDocument, position: Position, form: WireForm, bounds: PageBounds, tools: PageTools): Promise<SyncPage | HistoryGone> {
  for (let attempt = 1; ; attempt++) {
    const standing = await hot.standing();
    if (standing === undefined) return gone(hot, 'purged', { epoch: '', floor: 0, head: 0 }, tools);
    let answer = decide(position, standing);
    if (answer.kind === 'reset' && answer.reason === 'ahead') answer = decide(position, (await hot.look()) ?? standing);
    if (answer.kind === 'purged') return gone(hot, 'purged', standing, tools);
    if (answer.kind === 'reset' || answer.kind === 'snapshot') {
      const state = await hot.state();
      if (state === null) continue; // erased just now: the standing tells
      const snapshot = snapshotData(hot, state, form);
      const now = hot.known ?? standing;
      if (answer.kind === 'reset') return { ...gone(hot, answer.reason, now, tools), epoch: state.epoch, snapshot };
      return { ref: hot.facts.ref, epoch: state.epoch, floor: now.floor, head: Math.max(now.head, state.serverSeq), snapshot, events: [], next: state.serverSeq, live: state.serverSeq >= now.head };
    }
    if (hot.ring.after(answer.after, hot.head) === undefined && !tools.limits.mayReplay(tools.principal)) throw tooMany('replay', tools.limits.secondsLeft);
    const entries = await hot.following(answer.after);
    if (entries !== undefined) return page(hot, hot.known ?? standing, answer.after, entries, form, bounds, tools);
    if (attempt === 4) return { ...gone(hot, 'compacted', standing, tools), ...(await healing(hot, form)) };
  }
}

function page(hot: HotDocument, standing: Standing, after: number, entries: readonly FrameEntry[], form: WireForm, bounds: PageBounds, tools: PageTools): SyncPage {
  const events: Record<string, unknown>[] = [];
  let bytes = 0;
  for (const entry of entries) {
    bytes += entry.body(form).length;
    if (events.length === bounds.events || (events.length > 0 && bytes > bounds.bytes)) break;
    events.push(entry.json(form));
  }
  if (entries[0]?.heardAt === undefined) tools.limits.noteReplay(tools.principal, bytes);
  const next = after + events.length;
  const { epoch, floor } = standing;
  const head = Math.max(standing.head, next);
  return { ref: hot.facts.ref, epoch, floor, head, events, next, live: next === head };
}

function gone(hot: HotDocument, reason: HistoryGone['reason'], { epoch, floor, head }: Standing, { metrics }: PageTools): HistoryGone {
  metrics.resets[reason]++;
  return { ref: hot.facts.ref, error: 'history-gone', reason, floor, head, epoch };
}

async function healing(hot: HotDocument, form: WireForm): Promise<{ readonly snapshot?: WireSnapshot }> {
  const state = await hot.state();
  return state === null ? {} : { snapshot: snapshotData(hot, state, form) };
}
