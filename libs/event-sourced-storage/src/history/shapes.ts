/** Whether what is kept of a history is read as its events are: a document does not say itself which shape it has. */
import { HistoryCorruptError } from '../errors/history-corrupt.error.js';
import { InvalidValueError, isPlainObject, sameValue } from '../model/bson-values.js';
import type { Image } from '../model/diff.js';
import type { DocumentEvent } from '../model/document-event.js';
import type { Snapshot } from '../model/snapshot.js';
import { applyDiff } from '../model/apply-diff.js';
import { afterUnknown, replayEvent, type ReplayState } from './replay.js';

/** Takes an event of any shape to the present one. */
export type Upcast = (event: DocumentEvent<Image>) => DocumentEvent<Image>;

/** A snapshot in the present shape: read as if its state had been created then, in the shape that it says. */
export function presentSnapshot(upcast: Upcast, { leftovers = [], ...snapshot }: Snapshot<Image>): Snapshot<Image> {
  const { documentId, serverSeq, state, createdAt: timestamp, schemaVersion } = snapshot;
  if (state === null) return snapshot;
  const shape = schemaVersion === undefined ? {} : { schemaVersion };
  const createdDoc = applyDiff(state, { set: {}, unset: leftovers });
  const read = upcast({ documentId, serverSeq, operation: 'create', clientId: 'snapshot', timestamp, operationId: 'snapshot', ...shape, createdDoc });
  if (read.operation !== 'create') return snapshot;
  return { ...snapshot, state: read.createdDoc, ...(read.schemaVersion === undefined ? {} : { schemaVersion: read.schemaVersion }) };
}

/**
 * The shapes of a feature with upcasters. An event says the shape of the application that wrote it. The document it was made on may still
 * have an older one, until it is brought into the present shape: so the newest event alone does not tell the shape of a state.
 */
export class Shapes {
  /**
   * @param known all of them, the present one first
   * @param versionField of the documents
   */
  constructor(
    readonly upcast: Upcast,
    readonly known: readonly number[],
    private readonly versionField: string,
  ) {}

  /** @throws HistoryCorruptError when an upcaster cannot read it */
  read(snapshot: Snapshot<Image>): Snapshot<Image> {
    return presentSnapshot(this.upcast, snapshot);
  }

  /** The present state after one more event, as stored; `undefined` when that cannot be known. @throws HistoryCorruptError as {@link read} */
  replay(before: ReplayState | undefined, stored: DocumentEvent<Image>): ReplayState | undefined {
    const event = this.upcast(stored);
    if (before === undefined) return afterUnknown(event);
    try {
      return replayEvent(before, event, this.versionField);
    } catch (error) {
      if (error instanceof RangeError || error instanceof InvalidValueError) return undefined;
      throw error;
    }
  }

  /**
   * The stored state with a shape in which it is read as what its events lead to in the present shape; the one that it says first. Any such
   * shape is right: what follows is folded onto the same two states. `undefined`: there is none, it is of several shapes.
   */
  labelled(snapshot: Snapshot<Image>, present: Image | null): Snapshot<Image> | undefined {
    const { schemaVersion: said } = snapshot;
    const candidates = snapshot.state === null ? [snapshot] : (said === undefined ? this.known : [said, ...this.known]).map((schemaVersion) => asOf(snapshot, schemaVersion));
    return candidates.find((each) => this.fits(each, present)) ?? candidates.map((each) => this.withLeftovers(each, present)).find((each) => this.fits(each, present));
  }

  /** Whether a snapshot is read as this. */
  fits(snapshot: Snapshot<Image>, present: Image | null): boolean {
    return sameValue(this.tryRead(snapshot), present);
  }

  private withLeftovers(snapshot: Snapshot<Image>, present: Image | null): Snapshot<Image> {
    const read = this.tryRead(snapshot);
    return read && present ? { ...snapshot, leftovers: missingPaths(read, present) } : snapshot;
  }

  /** `undefined`: it is of another shape than an upcaster takes. */
  private tryRead(snapshot: Snapshot<Image>): Image | null | undefined {
    try {
      return this.read(snapshot).state;
    } catch (error) {
      if (error instanceof HistoryCorruptError || error instanceof InvalidValueError) return undefined;
      throw error;
    }
  }
}

function asOf(snapshot: Snapshot<Image>, schemaVersion: number): Snapshot<Image> {
  return { ...snapshot, schemaVersion };
}

/** What is in the one and not in the other. */
function missingPaths(from: Image, to: Image, prefix = ''): string[] {
  return Object.entries(from).flatMap(([key, value]) => {
    const path = `${prefix}${key}`;
    if (!Object.hasOwn(to, key)) return [path];
    const other = to[key];
    return isPlainObject(value) && isPlainObject(other) ? missingPaths(value, other, `${path}.`) : [];
  });
}

/** Why nothing is kept of a state that {@link Shapes.labelled} finds no shape for. */
export function mixedShapes(address: string, serverSeq: number): HistoryCorruptError {
  return new HistoryCorruptError(address, `the state at ${serverSeq}, as it is stored, is in none of the shapes what its events lead to in the present one`, {
    advice: 'Bring the document into the present shape first, by an edit (updateMany): see "When the shape of documents changes" in the README. Nothing was removed or saved.',
  });
}
