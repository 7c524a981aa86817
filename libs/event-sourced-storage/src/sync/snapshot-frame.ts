import type { HotDocument, HotState } from './hot-document.js';
import { frameBody } from './sync-message.js';
import { refPath } from './sync-ref.js';
import { formKey, wireSnapshot, type WireForm, type WireSnapshot } from './wire-event.js';

const tooLarge = '';
const bodies = new WeakMap<HotState, Map<string, string>>();

/** What a frame too large to be sent becomes: where to fetch the state. */
export interface SnapshotAddress extends Omit<WireSnapshot, 'doc'> {
  /** Path and query. */
  readonly url: string;
}

/** The data of the snapshot of a state. */
export function snapshotData(hot: HotDocument, state: HotState, form: WireForm): WireSnapshot {
  return wireSnapshot(state, state.epoch, state.readAt, form, hot.facts);
}

/** The frame of a state without its `id` line: made once for all who see the same of it. */
export function snapshotBody(hot: HotDocument, state: HotState, form: WireForm, bounds: { readonly maxFrameBytes: number; readonly base: string }): string {
  let made = bodies.get(state);
  if (made === undefined) bodies.set(state, (made = new Map<string, string>()));
  const key = formKey(form);
  let body = made.get(key);
  if (body === undefined) {
    body = frameBody('snapshot', snapshotData(hot, state, form));
    if (body.length > bounds.maxFrameBytes) body = tooLarge;
    made.set(key, body);
  }
  // never kept: the base is of one request
  return body === tooLarge ? frameBody('snapshot', snapshotAddress(hot, state.serverSeq, state.epoch, state.readAt, form, bounds.base)) : body;
}

/** In place of a document, or of an event, that is over the bytes of a frame. */
export function snapshotAddress(hot: HotDocument, v: number, epoch: string, at: Date, form: WireForm, base: string): SnapshotAddress {
  const types = form.types === 'plain' ? '&types=plain' : '';
  return { ref: hot.facts.ref, v, epoch, url: `${base}/${refPath(hot.ref)}?v=${v}&epoch=${epoch}${types}`, deleted: false, at: at.toISOString() };
}
