import type { Image } from '../model/diff.js';
import type { CreateEvent, DeleteEvent, UpdateEvent } from '../model/document-event.js';
import { applyDiff } from '../model/apply-diff.js';

/** A state in a history: the document after the event `version`; `null` before a create and after a delete. */
export interface ReplayState {
  readonly image: Image | null;
  readonly version: number;
}

/** What folding needs of an event. */
export type FoldableEvent =
  | Pick<CreateEvent<Image>, 'serverSeq' | 'operation' | 'createdDoc'>
  | Pick<UpdateEvent, 'serverSeq' | 'operation' | 'diff'>
  | Pick<DeleteEvent<Image>, 'serverSeq' | 'operation'>;

/** Before the first event. */
export const beforeHistory: ReplayState = { image: null, version: 0 };

/**
 * Folds one event onto the state before it.
 * @throws RangeError when the event does not follow: a gap, an update of nothing, a create of something that exists
 */
export function replayEvent(state: ReplayState, event: FoldableEvent, versionField: string): ReplayState {
  const { serverSeq: version } = event;
  if (version !== state.version + 1) throw new RangeError(`event ${version} follows ${state.version}, expected ${state.version + 1}`);
  if ((event.operation === 'create') !== (state.image === null)) {
    throw new RangeError(`event ${version} is a ${event.operation}, but the document ${state.image === null ? 'does not exist' : 'exists'} at ${state.version}`);
  }
  switch (event.operation) {
    case 'create':
      return { image: event.createdDoc, version };
    case 'update':
      return { image: { ...applyDiff(state.image as Image, event.diff), [versionField]: version }, version };
    case 'delete':
      return { image: null, version };
  }
}

/** The state after an event when the one before it is not known. */
export function afterUnknown(event: FoldableEvent): ReplayState | undefined {
  if (event.operation === 'update') return undefined;
  return { image: event.operation === 'create' ? event.createdDoc : null, version: event.serverSeq };
}

/** Folds events in order. @throws RangeError as {@link replayEvent} */
export async function replay(
  from: ReplayState,
  events: AsyncIterable<FoldableEvent> | Iterable<FoldableEvent>,
  versionField: string,
): Promise<ReplayState> {
  let state = from;
  for await (const event of events) state = replayEvent(state, event, versionField);
  return state;
}
