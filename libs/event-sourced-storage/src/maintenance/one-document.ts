import type { DocumentId } from '../model/document-id.js';
import { type AdoptionCandidate, AdoptionStore } from './adoption-store.js';

/** Shows adoption one document only. */
export class OneDocument extends AdoptionStore {
  constructor(
    private readonly store: AdoptionStore,
    private readonly documentId: DocumentId,
  ) {
    super();
  }

  // oxlint-disable-next-line typescript/require-await -- the port is asynchronous, one document is at hand
  override async *candidates(): AsyncGenerator<{ readonly looked: number; readonly candidates: readonly AdoptionCandidate[] }> {
    yield { looked: 1, candidates: [{ documentId: this.documentId, bytes: 0 }] };
  }

  override adopt(...args: Parameters<AdoptionStore['adopt']>): ReturnType<AdoptionStore['adopt']> {
    return this.store.adopt(...args);
  }
}
