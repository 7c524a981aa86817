import type { CatchUp } from 'nestjs-event-sourced-storage';

/** What a client keeps of one document. */
export interface Replica<T> {
  readonly version: number;
  readonly state: T | null;
}

/** What a client makes of an answer: a naive rule of its own, without any code of the library. A hole throws. */
export function applyTo<T extends object>(replica: Replica<T>, answer: CatchUp<T>): Replica<T> {
  let { version, state } = replica;
  if (answer.kind === 'reset') {
    version = answer.snapshot?.serverSeq ?? answer.cursor.version;
    state = answer.snapshot?.state ?? null;
  }
  for (const event of answer.events) {
    if (event.serverSeq <= version) continue; // seen before
    if (event.serverSeq !== version + 1) throw new Error(`a hole: ${event.serverSeq} after ${version}`);
    version = event.serverSeq;
    if (event.operation === 'create') state = event.createdDoc;
    else if (event.operation === 'delete') state = null;
    else state = { ...state, ...event.diff.set, version } as unknown as T; // the documents of these tests change at the top only
  }
  return { version, state };
}
