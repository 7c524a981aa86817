/** Whether documents, events and snapshots fit together: pure, on whatever view it is given. */
import { HistoryCorruptError } from '../errors/history-corrupt.error.js';
import { afterUnknown, beforeHistory, replayEvent, type ReplayState } from '../history/replay.js';
import type { Shapes } from '../history/shapes.js';
import { firstKept } from '../history/stream-store.js';
import { InvalidValueError, sameValue } from '../model/bson-values.js';
import type { Image } from '../model/diff.js';
import type { DocumentEvent } from '../model/document-event.js';
import type { DocumentId } from '../model/document-id.js';
import type { Snapshot } from '../model/snapshot.js';
import { versionOf } from '../read/document-state.js';
import { computeDiff } from '../write/compute-diff.js';
import type { AuditView, RecordFlaw, StoredEvent, StoredSnapshot } from './audit-store.js';
import type { HistoryProblem, HistoryProblemKind } from './history-problem.js';

/** A snapshot to be dropped, and what is to take its place. */
export interface WrongSnapshot {
  readonly key: unknown;
  readonly right: Omit<Snapshot<Image>, 'documentId' | 'createdAt'> | undefined;
}

/** What checking one history came to. */
export interface HistoryCheck {
  readonly problems: readonly HistoryProblem[];
  readonly notes: readonly string[];
  readonly checkedEvents: number;
  /** The newest number. */
  readonly head: number;
  /** What the history leads to; `undefined` when that cannot be known. */
  readonly state: ReplayState | undefined;
  /** The same in the shape in which it is read; `undefined` also without upcasters. */
  readonly present: ReplayState | undefined;
  /** Of the newest event. */
  readonly schemaVersion: number | undefined;
  /** The document as it was seen. */
  readonly document: Image | null;
  /** Snapshots that are wrong, with what they should hold; `undefined` where there should be none, or it cannot be known. */
  readonly wrongSnapshots: readonly WrongSnapshot[];
}

/** What checking needs to know. */
export interface CheckFacts {
  readonly documentId: DocumentId;
  readonly versionField: string;
  /** Of the documents; left out when they have but one. */
  readonly shapes?: Shapes | undefined;
}

/** How many paths a message names. */
const mostPaths = 5;
/** What says that the events themselves cannot be relied on: then nothing is made from them. */
const unsoundKinds: ReadonlySet<HistoryProblemKind> = new Set([
  'event-missing',
  'event-changed',
  'event-unreadable',
  'event-unfoldable',
  'event-without-effect',
  'image-differs',
  'snapshot-missing',
  'history-missing',
  'upcast-failed',
]);

type Draft = Omit<HistoryProblem, 'repairable'>;

/** Reads the view once, in the order of the numbers, with memory that does not grow with the history. */
export async function checkHistory(view: AuditView, facts: CheckFacts): Promise<HistoryCheck> {
  const check = new Check(view, facts);
  await check.begin();
  for await (const stored of view.events) await check.event(stored);
  await check.end(await view.strayEvents());
  return check.result();
}

class Check {
  private readonly drafts: Draft[] = [];
  private readonly notes: string[] = [];
  private readonly wrongSnapshots: WrongSnapshot[] = [];
  private readonly snapshots: AsyncIterator<StoredSnapshot> | Iterator<StoredSnapshot>;
  private readonly floor: number;
  private nextSnapshot: StoredSnapshot | undefined;
  /** `undefined`: not known, because something before is missing or was changed. */
  private state: ReplayState | undefined = beforeHistory;
  /** The same as its readers see it. */
  private present: ReplayState | undefined = beforeHistory;
  private schemaVersion: number | undefined;
  private head: number;
  private lastOperation: string | undefined;
  private checkedEvents = 0;
  private leftovers = 0;
  private isSound = true;

  constructor(
    private readonly view: AuditView,
    private readonly facts: CheckFacts,
  ) {
    this.floor = view.facts.floor;
    this.head = this.floor;
    this.snapshots = Symbol.asyncIterator in view.snapshots ? view.snapshots[Symbol.asyncIterator]() : view.snapshots[Symbol.iterator]();
  }

  /** Finds the state at the floor. */
  async begin(): Promise<void> {
    await this.advance();
    if (this.floor === 0) return;
    while (this.nextSnapshot !== undefined && this.nextSnapshot.serverSeq < this.floor) await this.advance();
    const isErasure = firstKept(this.view.facts) === this.floor;
    const base = this.nextSnapshot?.serverSeq === this.floor ? this.nextSnapshot : undefined;
    this.present = undefined;
    if (isErasure) this.present = this.state = { image: null, version: this.floor };
    else if (base !== undefined && base.flaw === undefined) {
      this.state = { image: base.state, version: this.floor };
      this.schemaVersion = base.schemaVersion;
      this.present = this.readSnapshot(base);
    }
    else if (base?.flaw !== undefined) {
      this.state = undefined;
      this.eventFlaw(base.flaw, this.floor); // what it stood for is gone
    }
    else {
      this.state = undefined;
      this.add('snapshot-missing', `the events up to ${this.floor} are compacted away, and there is no snapshot at ${this.floor}`, { serverSeq: this.floor });
    }
    if (base !== undefined) await this.advance();
  }

  async event(stored: StoredEvent): Promise<void> {
    this.checkedEvents++;
    const { serverSeq, flaw } = stored;
    if (!Number.isSafeInteger(serverSeq) || serverSeq < 1) return this.eventFlaw(flaw ?? { kind: 'number-wrong', message: 'an event has no usable number' });
    if (serverSeq <= this.floor) {
      if (serverSeq < firstKept(this.view.facts)) this.leftovers++;
      return;
    }
    if (serverSeq > this.head + 1) this.gap(this.head + 1, serverSeq - 1);
    await this.snapshotsUpTo(serverSeq - 1);
    this.head = serverSeq;
    if (flaw !== undefined) this.eventFlaw(flaw, serverSeq);
    this.lastOperation = stored.event?.operation ?? this.lastOperation;
    this.schemaVersion = stored.event?.schemaVersion;
    const isUsable = flaw === undefined || flaw.kind === 'number-wrong';
    this.present = isUsable ? this.foldPresent(stored.event as DocumentEvent<Image>) : undefined;
    this.state = isUsable ? this.fold(stored.event as DocumentEvent<Image>) : undefined;
    await this.snapshotsUpTo(serverSeq);
  }

  async end(strays: number): Promise<void> {
    const { document, facts } = this.view;
    if (strays > 0) this.eventFlaw({ kind: 'number-wrong', message: `${strays} events have a key that is not { d, v }; no reader finds them` });
    if (this.leftovers > 0) this.notes.push(`${this.leftovers} events at or below the floor ${this.floor} are still there: a compaction was interrupted; the next one removes them`);
    const hasHistory = this.checkedEvents > 0 || facts.floor > 0;
    if (!hasHistory && document !== null) this.add('history-missing', 'the document has no history; adopt() gives it one');
    else if (hasHistory) this.compareDocument();
    await this.snapshotsUpTo(Infinity);
  }

  result(): HistoryCheck {
    const { notes, checkedEvents, head, state, present, schemaVersion, wrongSnapshots } = this;
    const problems = this.drafts.map((draft) => ({ ...draft, repairable: this.isSound }));
    return { problems, notes, checkedEvents, head, state: this.isSound ? state : undefined, present: this.facts.shapes && present, schemaVersion, document: this.view.document, wrongSnapshots };
  }

  // ---- events

  private eventFlaw(flaw: RecordFlaw, serverSeq?: number): void {
    this.isSound = false;
    this.flaw(flaw, serverSeq);
  }

  private gap(from: number, to: number): void {
    this.add('event-missing', from === to ? `event ${from} is missing` : `the events ${from} to ${to} are missing`, { serverSeq: from });
    this.state = undefined;
    this.present = undefined;
  }

  /** The state after the event, found anew from its image where the one before is not known. */
  private fold(event: DocumentEvent<Image>): ReplayState | undefined {
    const before = this.state;
    this.checkImage(event);
    if (before === undefined) return afterUnknown(event);
    try {
      const after = replayEvent(before, event, this.facts.versionField);
      this.checkEffect(event, before, after);
      return after;
    } catch (error) {
      if (!(error instanceof RangeError || error instanceof InvalidValueError)) throw error;
      this.add('event-unfoldable', error.message, { serverSeq: event.serverSeq });
      return afterUnknown(event);
    }
  }

  private checkEffect(event: DocumentEvent<Image>, before: ReplayState, after: ReplayState): void {
    const { serverSeq } = event;
    const { versionField } = this.facts;
    if (event.operation === 'update' && sameValue({ ...after.image, [versionField]: before.version }, { ...before.image, [versionField]: before.version })) {
      this.add('event-without-effect', `update ${serverSeq} changes nothing`, { serverSeq });
    }
    if (event.operation === 'delete' && !sameValue(event.deletedDoc, before.image)) {
      this.add('image-differs', `the image in delete ${serverSeq} is not the state before it: ${differingPaths(before.image as Image, event.deletedDoc, versionField)}`, { serverSeq });
    }
  }

  private checkImage(event: DocumentEvent<Image>): void {
    if (event.operation === 'update') return;
    const { serverSeq } = event;
    const image = event.operation === 'create' ? event.createdDoc : event.deletedDoc;
    const expected = event.operation === 'create' ? serverSeq : serverSeq - 1;
    const found = versionOf(image, this.facts.versionField);
    if (found !== expected) this.add('image-differs', `the image in ${event.operation} ${serverSeq} has the number ${found}, expected ${expected}`, { serverSeq, expected, found });
    else if (!sameValue(image['_id'], event.documentId)) this.add('image-differs', `the image in ${event.operation} ${serverSeq} is of another document`, { serverSeq });
  }

  /** The state after the event as its readers see it. */
  private foldPresent(event: DocumentEvent<Image>): ReplayState | undefined {
    try {
      return this.facts.shapes?.replay(this.present, event);
    } catch (error) {
      this.add('upcast-failed', error instanceof Error ? error.message : String(error), { serverSeq: event.serverSeq });
      return undefined;
    }
  }

  // ---- the document

  private compareDocument(): void {
    const { document, numberFlaw } = this.view;
    const { head, state } = this;
    const lives = state === undefined ? this.lastOperation !== 'delete' : state.image !== null;
    if (document === null) {
      if (lives) this.add('document-missing', `the document is gone, but its history ends in ${this.lastOperation ?? 'a snapshot'} ${head}, not in a delete`);
      return;
    }
    if (!lives) {
      this.add('document-unexpected', `the document is there, but its history ends in delete ${head}`);
      return;
    }
    const version = versionOf(document, this.facts.versionField);
    const differs = state !== undefined && !sameContent(state.image as Image, document, this.facts.versionField);
    if (version > head && (differs || state === undefined)) {
      this.add('event-missing', `the document is at ${version}, its newest event is ${head}`, { serverSeq: head + 1, expected: version, found: head });
      return;
    }
    if (version !== head) this.add('number-wrong', `the document has the number ${version}, its newest event is ${head}`, { expected: head, found: version });
    else if (numberFlaw !== undefined) this.flaw(numberFlaw);
    if (differs) this.add('document-differs', `the document is not what its history leads to: ${differingPaths(state.image as Image, document, this.facts.versionField)}`);
  }

  // ---- snapshots

  private async snapshotsUpTo(number: number): Promise<void> {
    for (let snapshot = this.nextSnapshot; snapshot !== undefined && !(snapshot.serverSeq > number); snapshot = this.nextSnapshot) {
      this.checkSnapshot(snapshot);
      await this.advance();
    }
  }

  private checkSnapshot(snapshot: StoredSnapshot): void {
    const { serverSeq, state, flaw } = snapshot;
    if (serverSeq <= this.floor) return; // of no use any more, and of no harm
    if (flaw !== undefined) this.flaw(flaw, Number.isNaN(serverSeq) ? undefined : serverSeq);
    else if (serverSeq > this.head) this.add('snapshot-ahead', `there is a snapshot at ${serverSeq}, the newest event is ${this.head}`, { serverSeq, expected: this.head, found: serverSeq });
    else if (this.state === undefined) return;
    else if (!sameValue(state, this.state.image)) this.add('snapshot-differs', `the snapshot at ${serverSeq} is not the state at that number`, { serverSeq });
    else if (this.isReadRight(snapshot)) return;
    else this.add('snapshot-differs', `the snapshot at ${serverSeq} says another shape than it has`, { serverSeq });
    this.wrongSnapshots.push({ key: snapshot.key, right: this.rightSnapshot(snapshot) });
  }

  private isReadRight(snapshot: StoredSnapshot): boolean {
    const { present, facts } = this;
    return facts.shapes === undefined || present === undefined || facts.shapes.fits(this.named(snapshot), present.image);
  }

  /** What is stored, read as its readers do; `undefined` when they cannot, or there is but one way to read it. */
  private readSnapshot(snapshot: StoredSnapshot): ReplayState | undefined {
    try {
      const read = this.facts.shapes?.read(this.named(snapshot));
      return read && { image: read.state, version: snapshot.serverSeq };
    } catch (error) {
      if (error instanceof HistoryCorruptError) return undefined;
      throw error;
    }
  }

  /** `undefined`: there should be none, it is not known, or no shape fits it. */
  private rightSnapshot({ serverSeq, createdAt = new Date(0) }: StoredSnapshot): WrongSnapshot['right'] {
    const { state, present, schemaVersion } = this;
    const { shapes } = this.facts;
    if (state?.version !== serverSeq) return undefined;
    const right = this.named({ serverSeq, state: state.image, createdAt, ...(schemaVersion === undefined ? {} : { schemaVersion }) });
    const labelled = shapes === undefined || present === undefined ? right : shapes.labelled({ schemaVersion: 1, ...right }, present.image);
    if (labelled === undefined) return undefined;
    const { documentId: _id, createdAt: _at, ...content } = labelled;
    return content;
  }

  private named({ createdAt = new Date(0), ...stored }: Omit<StoredSnapshot, 'key'>): Snapshot<Image> {
    return { ...stored, documentId: this.facts.documentId, createdAt };
  }

  private async advance(): Promise<void> {
    const next: IteratorResult<StoredSnapshot, unknown> = await this.snapshots.next();
    this.nextSnapshot = next.done === true ? undefined : next.value;
  }

  private flaw({ kind, message, ...values }: RecordFlaw, serverSeq?: number): void {
    this.add(kind, message, { ...values, ...(serverSeq === undefined ? {} : { serverSeq }) });
  }

  private add(kind: HistoryProblemKind, message: string, facts: Partial<Draft> = {}): void {
    if (unsoundKinds.has(kind)) this.isSound = false;
    this.drafts.push({ kind, ...facts, message });
  }
}

function sameContent(a: Image, b: Image, versionField: string): boolean {
  return sameValue({ ...a, [versionField]: 0 }, { ...b, [versionField]: 0 });
}

/** Names, never values: a report may be shown to people who may not see the document. */
function differingPaths(expected: Image, found: Image, versionField: string): string {
  const paths = pathsBetween(expected, found, versionField);
  if (paths.length === 0) return versionField;
  return paths.length > mostPaths ? `${paths.slice(0, mostPaths).join(', ')} and ${paths.length - mostPaths} more` : paths.join(', ');
}

function pathsBetween(expected: Image, found: Image, versionField: string): string[] {
  try {
    const { set, unset } = computeDiff(expected, found, { versionField });
    return [...Object.keys(set), ...unset];
  } catch (error) {
    if (error instanceof InvalidValueError) return [error.path];
    throw error;
  }
}
