import { setTimeout as pause } from 'node:timers/promises';
import { LimitExceededError } from '../errors/limit-exceeded.error.js';
import { OperationTimeoutError } from '../errors/operation-timeout.error.js';
import { idKey, normalizeImage, sameValue } from '../model/bson-values.js';
import { refuseUnnameableFields } from '../model/diff-path.js';
import type { Image } from '../model/diff.js';
import type { DocumentEvent } from '../model/document-event.js';
import type { DocumentId } from '../model/document-id.js';
import type { ResolvedFeatureOptions } from '../options/resolve-storage-options.js';
import type { TransactionSession } from '../read/document-reader.js';
import type { ReadPath } from '../read/read-path.js';
import type { DocumentCaster } from '../write/document-caster.js';
import { type AdoptionCandidate, AdoptionRaceError, type AdoptionStore } from './adoption-store.js';

/** How far an adoption has got. */
export interface AdoptProgress {
  /** Documents looked at. */
  readonly checked: number;
  /** Documents that got their first event. */
  readonly adopted: number;
  /** Documents that could not be adopted. */
  readonly failed: number;
}

/** Options of `adopt`. */
export interface AdoptOptions {
  /** Who asks for it: recorded with every event. */
  readonly clientId: string;
  /** How many documents share a transaction, 1 to 1,000; fewer when they are large. Default 200. */
  readonly batch?: number;
  /** Ends it with an `OperationTimeoutError` when aborted, between two transactions. Run again, it goes on. */
  readonly signal?: AbortSignal;
  /** Is told after each transaction. */
  readonly onProgress?: (progress: AdoptProgress) => void;
}

/** A document that could not be adopted. */
export interface AdoptionFailure {
  /** Its `_id`, whatever that is. */
  readonly documentId: unknown;
  /** Why, in words. */
  readonly reason: string;
}

/** What `adopt` answers. */
export interface AdoptReport extends AdoptProgress {
  /** The documents that could not be adopted; the first 1,000 of them. */
  readonly failures: readonly AdoptionFailure[];
}

/** What adopting works with. */
export interface AdopterParts {
  readonly options: ResolvedFeatureOptions;
  readonly store: AdoptionStore;
  readonly caster: DocumentCaster;
  readonly readPath: Pick<ReadPath, 'forget'>;
  readonly runTransaction: <R>(run: (session: TransactionSession) => Promise<R>) => Promise<R>;
  /** Whether the database cannot be reached: no fault of the documents. */
  readonly isUnavailable: (error: unknown) => boolean;
  readonly random: () => number;
  readonly now: () => number;
  readonly newOperationId: () => string;
}

const defaultBatch = 200;
const mostFailures = 1_000;
const attemptsTogether = 4;
const longestPauseMs = 50;
/** Room for the fields of an event beside its image, in bytes. */
const envelope = 512;

/** Gives documents that were there before the storage their first event. */
export class Adopter {
  constructor(private readonly parts: AdopterParts) {}

  async adopt(options: AdoptOptions): Promise<AdoptReport> {
    const run = new AdoptionRun(this.parts, options);
    for await (const { looked, candidates } of this.parts.store.candidates(options.batch ?? defaultBatch)) {
      for (const party of parties(candidates, this.parts.options.maxFlightBytes)) await run.adopt(party);
      run.looked(looked);
    }
    return run.report();
  }
}

class AdoptionRun {
  private checked = 0;
  private adopted = 0;
  private failed = 0;
  private readonly failures: AdoptionFailure[] = [];

  constructor(
    private readonly parts: AdopterParts,
    private readonly options: AdoptOptions,
  ) {}

  /** In one transaction; where somebody writes to one of them, in smaller ones. */
  async adopt(party: readonly AdoptionCandidate[]): Promise<void> {
    this.refuseWhenAborted();
    const ids = party.map(({ documentId }) => documentId).filter((id) => this.isUsable(id));
    if (ids.length === 0) return;
    try {
      const outcomes = await this.together(ids);
      for (const [index, outcome] of outcomes.entries()) await this.settle(ids[index] as DocumentId, outcome);
    } catch (error) {
      if (this.parts.isUnavailable(error)) throw error;
      if (ids.length === 1) return this.fail(ids[0], error);
      const middle = Math.ceil(ids.length / 2);
      await this.adopt(ids.slice(0, middle).map((documentId) => ({ documentId, bytes: 0 })));
      await this.adopt(ids.slice(middle).map((documentId) => ({ documentId, bytes: 0 })));
    }
  }

  looked(count: number): void {
    this.checked += count;
    this.options.onProgress?.(this.progress());
    this.refuseWhenAborted();
  }

  report(): AdoptReport {
    return { ...this.progress(), failures: this.failures };
  }

  private progress(): AdoptProgress {
    return { checked: this.checked, adopted: this.adopted, failed: this.failed };
  }

  /** Another adopter that was faster leaves less to do: again together, before everybody goes alone. */
  private async together(ids: readonly DocumentId[]): ReturnType<AdoptionStore['adopt']> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.parts.runTransaction((session) => this.inTransaction(ids, session));
      } catch (error) {
        if (!(error instanceof AdoptionRaceError) || attempt === attemptsTogether) throw error;
        await pause(this.parts.random() * longestPauseMs);
      }
    }
  }

  /** Alone, a lost race is left to the transaction, which is run again; together, smaller parties lose fewer. */
  private async inTransaction(ids: readonly DocumentId[], session: TransactionSession): ReturnType<AdoptionStore['adopt']> {
    try {
      return await this.parts.store.adopt(ids, (image) => this.genesis(image), session);
    } catch (error) {
      throw error instanceof AdoptionRaceError && ids.length === 1 ? error.cause : error;
    }
  }

  private genesis(image: Image): DocumentEvent<Image> {
    const { options, now, newOperationId } = this.parts;
    const createdDoc: Image = { ...image, [options.versionField]: 1 };
    return {
      documentId: image['_id'] as DocumentId,
      serverSeq: 1,
      operation: 'create',
      clientId: this.options.clientId,
      timestamp: new Date(now()),
      operationId: newOperationId(),
      ...(options.schemaVersion === undefined ? {} : { schemaVersion: options.schemaVersion }),
      metadata: { reason: 'adopt: existed before the storage' },
      createdDoc,
    };
  }

  /** An id that the schema would cast to another value could never be found again. */
  private isUsable(id: unknown): boolean {
    try {
      if (sameValue(this.parts.caster.castId(id), id)) return true;
      this.fail(id, new Error('its _id is not of the type that the schema declares'));
    } catch (error) {
      this.fail(id, error);
    }
    return false;
  }

  private async settle(id: DocumentId, outcome: 'adopted' | 'skipped' | Error): Promise<void> {
    if (outcome instanceof Error) this.fail(id, outcome);
    if (outcome !== 'adopted') return;
    this.adopted++;
    await this.parts.readPath.forget(idKey(id));
  }

  private fail(documentId: unknown, error: unknown): void {
    this.failed++;
    if (this.failures.length < mostFailures) this.failures.push({ documentId, reason: error instanceof Error ? error.message : String(error) });
  }

  private refuseWhenAborted(): void {
    const { signal } = this.options;
    if (signal?.aborted !== true) return;
    const detail = `after ${this.adopted} documents were adopted; run adopt() again to go on`;
    throw new OperationTimeoutError(this.parts.options.collection, 'aborted', detail, { cause: signal.reason });
  }
}

/** @throws LimitExceededError, InvalidValueError for a document that the storage could not write */
export function refuseUnstorable(image: Image, bytes: number, facts: { readonly address: string; readonly maxDocumentBytes: number }): void {
  if (bytes + envelope > facts.maxDocumentBytes) throw new LimitExceededError(facts.address, 'maxDocumentBytes', facts.maxDocumentBytes, bytes + envelope);
  refuseUnnameableFields(image);
  normalizeImage(image);
}

function parties(candidates: readonly AdoptionCandidate[], maxBytes: number): AdoptionCandidate[][] {
  const all: AdoptionCandidate[][] = [];
  let room = 0;
  for (const candidate of candidates) {
    if (all.length === 0 || candidate.bytes > room) {
      all.push([]);
      room = maxBytes;
    }
    all.at(-1)?.push(candidate);
    room -= candidate.bytes;
  }
  return all;
}
