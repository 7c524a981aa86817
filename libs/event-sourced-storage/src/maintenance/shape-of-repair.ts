import type { ReplayState } from '../history/replay.js';
import type { Shapes } from '../history/shapes.js';
import type { Image } from '../model/diff.js';
import type { DocumentEvent } from '../model/document-event.js';

/** What an event that records a repair follows, and what it leads to. */
export interface RepairedStates {
  /** In the present shape; `undefined` when it is not known. */
  readonly before: ReplayState | undefined;
  /** The shape of the newest event. */
  readonly newestShape: number | undefined;
  /** The document as it is stored. */
  readonly after: Image | null;
}

/**
 * The shape to record a difference between stored states in: one in which it is read as what the document is read as, that of the newest
 * event before others. `undefined`: none is, or of a document that is new nothing tells; then it is taken for the present one.
 */
export function shapeOfRepair(shapes: Shapes, event: DocumentEvent<Image>, { before, newestShape = 1, after }: RepairedStates): number | undefined {
  const { documentId, serverSeq, timestamp: createdAt } = event;
  if (before === undefined || event.operation === 'create') return undefined;
  const said = { documentId, createdAt, schemaVersion: newestShape };
  if (event.operation === 'delete') return shapes.labelled({ ...said, serverSeq: before.version, state: event.deletedDoc }, before.image)?.schemaVersion;
  return [newestShape, ...shapes.known].find((schemaVersion) => {
    const read = shapes.replay(before, { ...event, schemaVersion });
    return read !== undefined && shapes.labelled({ ...said, serverSeq, state: after }, read.image) !== undefined;
  });
}
