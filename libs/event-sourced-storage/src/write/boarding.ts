import type { DocumentChange } from './document-change.js';
import type { Lane, StagedWrite } from './lane.js';

/** What is to be written of these, in order. */
export function changesOf(writes: readonly StagedWrite[]): DocumentChange[] {
  const changes: DocumentChange[] = [];
  for (const { change } of writes) if (change !== undefined) changes.push(change);
  return changes;
}

/** How many staged writes of a lane go on board; a create after a delete waits, since one flight writes a document once. */
export function boarding(staged: readonly StagedWrite[], room: number, bytesLeft: number, maxFlightBytes: number): number {
  let count = 0;
  let changes = 0;
  let bytes = 0;
  for (const { change } of staged) {
    if (change !== undefined) {
      const tooMany = changes >= room;
      const tooLarge = changes > 0 ? bytes + change.bytes > Math.min(bytesLeft, maxFlightBytes) : change.bytes > bytesLeft;
      if (tooMany || tooLarge || (changes > 0 && change.event.operation === 'create')) break;
      changes++;
      bytes += change.bytes;
    }
    count++;
  }
  return changes === 0 ? 0 : count;
}

/** Takes the answers out that wait for nothing any more. */
export function takeLeadingAnswers(lane: Lane): StagedWrite[] {
  const first = lane.staged.findIndex((write) => write.change !== undefined);
  return lane.staged.splice(0, first < 0 ? lane.staged.length : first);
}
