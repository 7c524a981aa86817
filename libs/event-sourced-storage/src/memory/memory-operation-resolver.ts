/* oxlint-disable typescript/require-await -- the port is asynchronous, memory is not */
import { idKey } from '../model/bson-values.js';
import type { DocumentId } from '../model/document-id.js';
import { OperationResolver } from '../write/operation-resolver.js';
import type { MemoryDatabase } from './memory-database.js';

/** In memory nothing is ever under way: looking is enough. */
export class MemoryOperationResolver extends OperationResolver {
  constructor(private readonly database: MemoryDatabase) {
    super();
  }

  override async resolve(documentId: DocumentId, operationId: string): Promise<number | null> {
    const [event] = this.database.events(idKey(documentId), (history) => history.filter((each) => each.operationId === operationId));
    return event?.serverSeq ?? null;
  }
}
