import { HistoryCorruptError } from '../errors/history-corrupt.error.js';
import { beforeHistory, replayEvent, type ReplayState } from '../history/replay.js';
import { mixedShapes } from '../history/shapes.js';
import { firstKept, type StreamFacts } from '../history/stream-store.js';
import { sameValue } from '../model/bson-values.js';
import type { DocumentEvent } from '../model/document-event.js';
import type { DocumentId } from '../model/document-id.js';
import type { Image } from '../model/diff.js';
import type { Snapshot } from '../model/snapshot.js';
import type { CompactionGuard } from './compaction-guard.js';
import { type PruningTools, removeEvents } from './maintenance-tools.js';

/** Which events go. The newest event always stays. */
export interface CompactionPolicy {
  /** How many of the newest events stay at the least; `0` and `1` keep the newest only. */
  readonly keepLast?: number;
  /** The highest number that may go. With `keepLast` the lower line counts. */
  readonly upTo?: number;
}

/** What `compact()` takes: at least one of `keepLast` and `upTo`. */
export interface CompactOptions extends CompactionPolicy {
  /** Only finds out what would be done, and verifies. @default false */
  readonly dryRun?: boolean;
}

/** What `compact()` did, or would do. */
export interface CompactResult {
  /** The events up to this number are gone; `0`: none is. */
  readonly floor: number;
  /** How many events were removed by this call. */
  readonly removed: number;
  /** The number of the verified snapshot that stands for them; `null` when there is none: nothing was removed, or an erasure was before. */
  readonly snapshot: number | null;
}

/** Others may compact the same history meanwhile; they will not do it that often. */
const looks = 5;

/** A state that may stand for the events which led to it, and when the last of them was recorded. */
interface Folded {
  readonly snapshot: Snapshot<Image>;
  /** The same in the present shape. */
  readonly present: Image | null;
  readonly at: Date;
}

/** Where a fold begins or has got to; `present` in the present shape, `undefined` when that is not known. */
interface Base {
  readonly stored: ReplayState;
  readonly present: ReplayState | undefined;
}

/**
 * Removes old events behind a snapshot that equals their replay. The order makes it safe to be interrupted anywhere and repeated: snapshot,
 * floor, events. A reader finds the events, or the floor that says they are gone, never a hole.
 */
export class Compactor {
  private readonly guards: CompactionGuard[] = [];

  constructor(private readonly tools: PruningTools) {}

  /** From now on nothing is removed that this one still needs. */
  guard(guard: CompactionGuard): void {
    this.guards.push(guard);
  }

  async compact(id: DocumentId, { dryRun = false, ...policy }: CompactOptions): Promise<CompactResult> {
    for (let look = 1; ; look++) {
      const facts = await this.tools.streams.read(id);
      const line = await this.lineOf(id, policy);
      await this.tools.checkpoint('compact:begin');
      if (line <= facts.floor) return this.finish(id, facts, dryRun);
      const folded = await this.fold(id, facts, line);
      if (folded instanceof Error) {
        if (look < looks && (await this.tools.streams.read(id)).floor > facts.floor) continue; // another one was faster
        throw folded;
      }
      await this.tools.checkpoint('compact:folded');
      if (dryRun) return { floor: line, removed: await this.countUpTo(id, line), snapshot: line };
      if (!(await this.keep(id, folded))) {
        if (look < looks) continue;
        throw this.corrupt(id, `the snapshot at ${line} does not stay`);
      }
      await this.tools.checkpoint('compact:snapshot-pinned');
      await this.tools.streams.raiseFloor(id, { floor: line, floorAt: folded.at });
      await this.tools.checkpoint('compact:floor-raised');
      // as it is now: another compaction or an erasure may have gone further meanwhile
      return this.finish(id, await this.tools.streams.read(id), false);
    }
  }

  /** Removes what the floor has already made invisible. */
  private async finish(id: DocumentId, facts: StreamFacts, dryRun: boolean): Promise<CompactResult> {
    const { floor } = facts;
    const snapshot = floor === 0 || facts.purgedAt === floor ? null : floor;
    if (dryRun || floor === 0) return { floor, removed: 0, snapshot };
    const removed = await removeEvents(this.tools, 'compact', id, firstKept(facts) - 1);
    await this.tools.checkpoint('compact:events-removed');
    await this.tools.pruner.removeSnapshots(id, floor);
    await this.tools.checkpoint('compact:snapshots-removed');
    return { floor, removed, snapshot };
  }

  /**
   * The newest event stays whatever the policy: a tombstone carries the number for a re-create, the newest operation can be looked up, and a
   * reader that misses events sees a later one and notices.
   */
  private async lineOf(id: DocumentId, { keepLast = 0, upTo = Infinity }: CompactionPolicy): Promise<number> {
    const head = await this.tools.events.head(id);
    if (head === null) return 0;
    const needed = await Promise.all(this.guards.map((guard) => guard.lowestNeeded(id)));
    return Math.max(0, Math.min(upTo, head.serverSeq - Math.max(1, keepLast), ...needed.map((lowest) => (lowest === null ? Infinity : lowest - 1))));
  }

  /** The state at the line, from the base that is trusted already and the events that are to go; or what is wrong with them. */
  private async fold(id: DocumentId, facts: StreamFacts, line: number): Promise<Folded | Error> {
    let base = await this.base(id, facts);
    if (base === null) return this.corrupt(id, `the snapshot at ${facts.floor}, below which the events are compacted away, is missing`);
    let last: DocumentEvent<Image> | undefined;
    try {
      for await (const event of this.tools.events.stream(id, { from: base.stored.version + 1, to: line })) {
        base = this.after(base, event);
        last = event;
      }
    } catch (error) {
      if (error instanceof RangeError) return this.corrupt(id, error.message, error);
      throw error;
    }
    return base.stored.version === line && last !== undefined ? this.inItsShape(base, last) : this.corrupt(id, `event ${base.stored.version + 1} is missing`);
  }

  private async base(id: DocumentId, { floor, purgedAt }: StreamFacts): Promise<Base | null> {
    if (floor === 0) return { stored: beforeHistory, present: beforeHistory };
    const nothing = { image: null, version: floor };
    if (purgedAt === floor) return { stored: nothing, present: nothing };
    const snapshot = await this.tools.snapshots.newest(id, floor);
    return snapshot?.serverSeq === floor ? { stored: { image: snapshot.state, version: floor }, present: { image: this.read(snapshot), version: floor } } : null;
  }

  private after({ stored, present }: Base, event: DocumentEvent<Image>): Base {
    const { shapes, versionField } = this.tools;
    const after = replayEvent(stored, event, versionField);
    return { stored: after, present: shapes === undefined ? after : shapes.replay(present, event) };
  }

  /** What may stand for the events: what they lead to in either reading, as stored and in the present shape, or they stay. */
  private inItsShape({ stored, present }: Base, { documentId, serverSeq, timestamp: at, schemaVersion }: DocumentEvent<Image>): Folded | Error {
    const { shapes, address, now } = this.tools;
    const shape = schemaVersion === undefined ? {} : { schemaVersion };
    const snapshot: Snapshot<Image> = { documentId, serverSeq, state: stored.image, createdAt: new Date(now()), ...shape };
    if (shapes === undefined) return { snapshot, present: stored.image, at };
    const labelled = present && shapes.labelled({ schemaVersion: 1, ...snapshot }, present.image);
    return present === undefined || labelled === undefined ? mixedShapes(address(documentId), serverSeq) : { snapshot: labelled, present: present.image, at };
  }

  private read(snapshot: Snapshot<Image>): Image | null {
    return this.tools.shapes === undefined ? snapshot.state : this.tools.shapes.read(snapshot).state;
  }

  /**
   * Stores the snapshot, and verifies what is stored: it may have been there before.
   * @returns `false` when retention or another compaction removed it meanwhile
   */
  private async keep(id: DocumentId, folded: Folded): Promise<boolean> {
    const { snapshot, present } = folded;
    const { serverSeq: version, state, schemaVersion = 1 } = snapshot;
    await this.tools.snapshots.save(snapshot);
    await this.tools.checkpoint('compact:snapshot-saved');
    // retention may have removed it meanwhile; from here on it does not
    if (!(await this.tools.snapshots.pin(id, version))) return this.keep(id, folded);
    const stored = await this.tools.snapshots.newest(id, version);
    if (stored?.serverSeq !== version) return false;
    if (!sameValue(stored.state, state)) throw this.corrupt(id, `the snapshot at ${version} is not what the events lead to`);
    const isInItsShape = this.tools.shapes?.fits(stored, present) ?? (state === null || (stored.schemaVersion ?? 1) === schemaVersion);
    if (!isInItsShape) throw new HistoryCorruptError(this.tools.address(id), `the snapshot at ${version} says another shape than it has`, { advice: 'rebuild() mends it where the upcasters are; nothing was removed.' });
    await this.tools.checkpoint('compact:snapshot-verified');
    // from now on no retention removes it
    return this.tools.snapshots.pin(id, version);
  }

  private async countUpTo(id: DocumentId, line: number): Promise<number> {
    const [first] = await this.tools.events.read(id, { to: line, limit: 1 });
    return first === undefined ? 0 : line - first.serverSeq + 1;
  }

  private corrupt(id: DocumentId, problem: string, cause?: Error): Error {
    return new HistoryCorruptError(this.tools.address(id), problem, { cause });
  }
}
