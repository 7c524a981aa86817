/* oxlint-disable typescript/require-await -- the port is asynchronous, memory is not */
import { DocumentValidationError } from '../errors/document-validation.error.js';
import { InvalidArgumentError } from '../errors/invalid-argument.error.js';
import { applyDiff } from '../model/apply-diff.js';
import { idKey, InvalidValueError, normalizeImage } from '../model/bson-values.js';
import type { DiffPaths, Image } from '../model/diff.js';
import type { DocumentId } from '../model/document-id.js';
import { DocumentCaster } from '../write/document-caster.js';

/** Casts nothing: every id and every value that can be stored is right as it is. */
export class PlainCaster extends DocumentCaster {
  /** @param generateId makes the ids of documents that come without one; left out, every document must bring its own */
  constructor(
    private readonly generateId?: () => DocumentId,
    private readonly collection = 'documents',
  ) {
    super();
  }

  override castId(id: unknown): DocumentId {
    try {
      idKey(id as DocumentId); // refuses what is none
      return id as DocumentId;
    } catch (error) {
      throw new InvalidArgumentError('id', 'expected a string, a number or a BSON value such as an ObjectId', { cause: error });
    }
  }

  override newId(): DocumentId {
    if (this.generateId === undefined) throw new InvalidArgumentError('id', 'there is no generator for ids, so every document needs one of its own');
    return this.generateId();
  }

  override async castNew(id: DocumentId, data: Image): Promise<Image> {
    try {
      const { _id: _given, ...fields } = data;
      return normalizeImage({ _id: id, ...fields });
    } catch (error) {
      if (!(error instanceof InvalidValueError)) throw error;
      throw new DocumentValidationError(`${this.collection}/${String(id)}`, { [error.path]: error.reason }, { cause: error });
    }
  }

  override castChanges(before: Image, _edited: Image, changes: DiffPaths): Image {
    return applyDiff(before, changes);
  }
}
