import { LimitExceededError } from '../errors/limit-exceeded.error.js';
import { byteSize, byteSizeAfter } from '../model/bson-values.js';
import type { DiffPaths, Image } from '../model/diff.js';
import type { DocumentState } from '../read/document-state.js';
import type { WriteRequest } from './write-command.js';
import type { WriteTools } from './write-tools.js';

/** Room for the fields of an event beside its content, in bytes; metadata comes on top. */
const envelope = 512;

/**
 * Measures a change before it is sent.
 * @throws LimitExceededError
 */
export function checkLimits(request: WriteRequest, base: DocumentState, after: Image | null, content: DiffPaths | Image, tools: WriteTools): { bytes: number; documentBytes: number } {
  const { maxDocumentBytes, maxEventBytes, warnEventBytes } = tools.options;
  const isUpdate = after !== null && content !== after;
  const document = after === null ? 0 : sizeOf(after, base);
  if (document > maxDocumentBytes) throw new LimitExceededError(request.address, 'maxDocumentBytes', maxDocumentBytes, document);
  const content_ = content === after ? document : byteSize(content);
  const event = content_ + envelope + (request.metadata === undefined ? 0 : byteSize(request.metadata));
  if (isUpdate && event > maxEventBytes) throw new LimitExceededError(request.address, 'maxEventBytes', maxEventBytes, event);
  if (isUpdate && warnEventBytes > 0 && event > warnEventBytes) tools.warn(`${request.address}: an event of ${event} bytes is large (warnEventBytes ${warnEventBytes})`);
  return { bytes: (isUpdate ? content_ : document) + event, documentBytes: document };
}

function sizeOf(after: Image, { image, bytes }: DocumentState): number {
  return image === null || bytes === undefined ? byteSize(after) : byteSizeAfter({ image, bytes }, after);
}
