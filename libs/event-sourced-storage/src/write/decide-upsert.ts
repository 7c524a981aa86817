import { VersionConflictError } from '../errors/version-conflict.error.js';
import { DocumentPurgedError } from '../errors/document-purged.error.js';
import { DocumentValidationError } from '../errors/document-validation.error.js';
import { cloneValue, InvalidValueError } from '../model/bson-values.js';
import { refuseUnnameableFields } from '../model/diff-path.js';
import type { Image } from '../model/diff.js';
import type { DocumentState } from '../read/document-state.js';
import { buildChange } from './build-change.js';
import type { Decision, WriteRequest } from './write-command.js';
import type { WriteTools } from './write-tools.js';

/** What `findOneAndUpsert` answers. */
export interface UpsertResult<T> {
  /** The stored document; the caller's own copy. */
  readonly document: T;
  /** `false`: it existed, it is returned as it is and nothing was recorded. */
  readonly created: boolean;
}

/** Creates the document when it is absent, else answers the existing one. */
export async function decideUpsert(
  request: WriteRequest,
  data: Image,
  expected: 'no-document' | 'any',
  base: DocumentState,
  tools: WriteTools,
): Promise<Decision<UpsertResult<Image>>> {
  const existing = base.image;
  if (existing !== null) {
    if (expected === 'no-document') throw new VersionConflictError({ address: request.address, expected, found: base.version, attempts: 1, advice: 'The document exists already.' });
    return { kind: 'answer', answer: () => ({ document: cloneValue(existing), created: false }) };
  }
  await refuseErased(request, base, tools);
  checkNames(request, data);
  const now = Math.max(tools.now(), base.timestamp);
  const cast = await tools.caster.castNew(request.documentId, data, new Date(now));
  const after: Image = { ...cast, [tools.options.versionField]: base.version + 1 };
  checkNames(request, after);
  return {
    kind: 'change',
    change: buildChange(request, base, after, { operation: 'create', createdDoc: after }, now, tools),
    answer: () => ({ document: cloneValue(after), created: true }),
  };
}

/**
 * A repetition of what was erased would bring it back. Only where a history was before, and the caller chose the `operationId`, it takes a look.
 * @throws DocumentPurgedError
 */
async function refuseErased({ documentId, operationId, mayBeRepeated, address }: WriteRequest, base: DocumentState, tools: WriteTools): Promise<void> {
  if (mayBeRepeated && base.version > 0 && (await tools.streams.wasErased(documentId, operationId))) throw new DocumentPurgedError(address, operationId);
}

/** The server would read such a name as a path or an operator. @throws DocumentValidationError */
function checkNames(request: WriteRequest, image: Image): void {
  try {
    refuseUnnameableFields(image);
  } catch (error) {
    if (error instanceof InvalidValueError) throw new DocumentValidationError(request.address, { [error.path]: error.reason }, { cause: error });
    throw error;
  }
}
