import { HistoryCorruptError } from '../errors/history-corrupt.error.js';
import { HistoryMissingError } from '../errors/history-missing.error.js';
import { InvalidArgumentError } from '../errors/invalid-argument.error.js';
import { VersionConflictError } from '../errors/version-conflict.error.js';
import type { ReplayState } from '../history/replay.js';
import type { Shapes } from '../history/shapes.js';
import { idKey, InvalidValueError } from '../model/bson-values.js';
import type { DiffPaths, Image } from '../model/diff.js';
import type { DocumentEvent } from '../model/document-event.js';
import type { DocumentId } from '../model/document-id.js';
import type { ResolvedFeatureOptions } from '../options/resolve-storage-options.js';
import type { TransactionSession } from '../read/document-reader.js';
import type { ReadPath } from '../read/read-path.js';
import type { AfterCommit } from '../write/after-commit.js';
import { buildEvent, type EventContent } from '../write/build-event.js';
import { computeDiff } from '../write/compute-diff.js';
import type { AuditStore, Repair } from './audit-store.js';
import type { HistoryCheck } from './check-history.js';
import type { HistoryProblem } from './history-problem.js';
import { shapeOfRepair } from './shape-of-repair.js';
import type { Verifier } from './verifier.js';

/** Options of `rebuild`. */
export interface RebuildOptions {
  /**
   * Who is right where document and history differ. `'history'`: the document becomes what its history leads to. `'document'`: what was
   * changed around the storage stays, and one event records it. Default `'history'`.
   */
  readonly prefer?: 'history' | 'document';
  /** Who asks for it: needed with `prefer: 'document'`, for the event. */
  readonly clientId?: string;
}

/** What `rebuild` did. */
export interface RebuildResult<T = Image> {
  /** `false`: nothing was wrong, and nothing was written. */
  readonly changed: boolean;
  /** The number of the history now. */
  readonly version: number;
  /** The document now; `null` when the history ends in a delete. */
  readonly document: T | null;
  /** What was wrong and is repaired. Empty when nothing was. */
  readonly repaired: readonly HistoryProblem[];
  /** The event that records the difference; only with `prefer: 'document'`. */
  readonly event?: DocumentEvent<T>;
}

/** What rebuilding works with. */
export interface RebuilderParts {
  readonly options: ResolvedFeatureOptions;
  readonly verifier: Verifier;
  readonly audit: AuditStore;
  readonly shapes?: Shapes | undefined;
  readonly readPath: Pick<ReadPath, 'committed' | 'forget'>;
  readonly afterCommit: AfterCommit;
  readonly runTransaction: <R>(run: (session: TransactionSession) => Promise<R>) => Promise<R>;
  readonly now: () => number;
  readonly newOperationId: () => string;
}

/** How often it looks again when writers are faster. */
const mostLooks = 10;

/** Makes a document, or its history, whole again: only what the history proves, and only while nobody else changes it. */
export class Rebuilder {
  constructor(private readonly parts: RebuilderParts) {}

  async rebuild(id: DocumentId, prefer: 'history' | 'document', clientId: string): Promise<RebuildResult> {
    let head = 0;
    for (let look = 1; look <= mostLooks; look++) {
      const check = await this.parts.verifier.check(id);
      head = check.head;
      const state = this.soundState(id, check);
      if (state === undefined) return { changed: false, version: check.head, document: check.document, repaired: [] };
      const repair = this.plan(id, check, state, prefer, clientId);
      if (repair !== undefined && !(await this.parts.runTransaction((session) => this.parts.audit.repair(repair, session)))) continue;
      if (repair !== undefined) await this.announce(repair);
      await this.mendSnapshots(id, check);
      const document = repair === undefined ? check.document : repair.document;
      const { event } = repair ?? {};
      return { changed: true, version: event?.serverSeq ?? check.head, document, repaired: check.problems, ...(event === undefined ? {} : { event }) };
    }
    throw new VersionConflictError({ address: this.address(id), expected: head, found: null, attempts: mostLooks, advice: 'Other writers kept changing it; rebuild it again.' });
  }

  /** What the history leads to; `undefined` when there is nothing to repair. @throws HistoryCorruptError, HistoryMissingError */
  private soundState(id: DocumentId, { problems, state }: HistoryCheck): ReplayState | undefined {
    if (problems.length === 0) return undefined;
    if (problems.some(({ kind }) => kind === 'history-missing')) throw new HistoryMissingError(this.address(id));
    const unsafe = problems.find(({ repairable }) => !repairable);
    if (unsafe !== undefined || state === undefined) throw new HistoryCorruptError(this.address(id), unsafe?.message ?? 'its state cannot be known');
    return state;
  }

  private plan(id: DocumentId, check: HistoryCheck, state: ReplayState, prefer: 'history' | 'document', clientId: string): Repair | undefined {
    if (!check.problems.some(({ kind, serverSeq }) => serverSeq === undefined && (kind === 'number-wrong' || kind.startsWith('document')))) return undefined;
    const common = { documentId: id, seen: { document: check.document, head: check.head } };
    const content = prefer === 'history' ? undefined : this.difference(id, state.image, check);
    if (content === undefined) return { ...common, document: state.image };
    const built = this.event(id, state.version, content, clientId);
    const document = check.document === null ? null : { ...check.document, [this.parts.options.versionField]: built.serverSeq };
    return { ...common, document, event: this.inItsShape(built, check, document) };
  }

  /** What was done to the document; `undefined` when only its number is wrong. */
  private difference(id: DocumentId, image: Image | null, { document, head }: HistoryCheck): EventContent | undefined {
    const { versionField } = this.parts.options;
    if (document === null) return image === null ? undefined : { operation: 'delete', deletedDoc: image };
    if (image === null) return { operation: 'create', createdDoc: { ...document, [versionField]: head + 1 } };
    const diff = this.diff(id, image, document);
    return Object.keys(diff.set).length === 0 && diff.unset.length === 0 ? undefined : { operation: 'update', diff };
  }

  private diff(id: DocumentId, image: Image, document: Image): DiffPaths {
    try {
      return computeDiff(image, document, { versionField: this.parts.options.versionField });
    } catch (error) {
      if (!(error instanceof InvalidValueError)) throw error;
      throw new InvalidArgumentError('prefer', `${this.address(id)} cannot be recorded: ${error.message}; use prefer "history"`, { cause: error });
    }
  }

  private event(documentId: DocumentId, version: number, content: EventContent, clientId: string): DocumentEvent<Image> {
    const { options, now, newOperationId } = this.parts;
    const request = { documentId, key: idKey(documentId), address: this.address(documentId), clientId, operationId: newOperationId(), mayBeRepeated: false, metadata: { reason: 'rebuild: changed around the storage' } };
    return buildEvent(request, { image: null, version, timestamp: 0, source: 'fresh' }, content, { now: now(), schemaVersion: options.schemaVersion, transactionId: undefined });
  }

  /** What is stored may be of another shape than the present one, and so is what was changed in it. */
  private inItsShape(event: DocumentEvent<Image>, { present: before, schemaVersion: newestShape }: HistoryCheck, after: Image | null): DocumentEvent<Image> {
    const { shapes } = this.parts;
    const schemaVersion = shapes && shapeOfRepair(shapes, event, { before, newestShape, after });
    return schemaVersion === undefined ? event : { ...event, schemaVersion };
  }

  private async announce({ documentId, document, event }: Repair): Promise<void> {
    const { readPath, afterCommit } = this.parts;
    const key = idKey(documentId);
    await readPath.forget(key);
    if (event === undefined) return;
    await readPath.committed(key, event.serverSeq, event.timestamp.getTime(), document);
    afterCommit.notify({ event, document });
  }

  private async mendSnapshots(id: DocumentId, { wrongSnapshots }: HistoryCheck): Promise<void> {
    for (const { key, right } of wrongSnapshots) {
      await this.parts.audit.mendSnapshot(key, right && { documentId: id, ...right, createdAt: new Date(this.parts.now()) });
    }
  }

  private address(id: DocumentId): string {
    return `${this.parts.options.collection}/${String(id)}`;
  }
}
