import type { DocumentId } from '../model/document-id.js';

/** PORT. Finds out what became of a write whose outcome was unknown. */
export abstract class OperationResolver {
  /**
   * The number of the event that the operation wrote, or `null` when it wrote none and can write none any more: whatever of it is still
   * under way is waited for or ended first.
   * @param deadline on the clock of `performance.now()`; `Infinity` for no limit
   * @throws DocumentLockedError when something is still under way at the deadline
   * @throws OperationTimeoutError when the database cannot be asked until then
   */
  abstract resolve(documentId: DocumentId, operationId: string, deadline: number): Promise<number | null>;
}
