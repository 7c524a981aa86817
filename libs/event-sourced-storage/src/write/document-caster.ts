import type { DiffPaths, Image } from '../model/diff.js';
import type { DocumentId } from '../model/document-id.js';

/** The fields that the schema fills with the time of a change. */
export interface TimestampFields {
  /** The path of the document's own `updatedAt`. */
  readonly updatedAt?: string;
  /** What such fields are called, in the document and in what is inside. */
  readonly names: ReadonlySet<string>;
}

/** PORT. What the application's schema says about ids and values. */
export abstract class DocumentCaster {
  /**
   * The id as stored.
   * @throws InvalidArgumentError when it is none: a wrong type, an operator object, an array, nothing.
   */
  abstract castId(id: unknown): DocumentId;

  /** A new id, for a document that was given none. @throws InvalidArgumentError when the schema's id type has no generator. */
  abstract newId(): DocumentId;

  /**
   * The full image of a new document: cast, with defaults and timestamps, validated; without the version. `data` is not changed.
   * @throws DocumentValidationError
   */
  abstract castNew(id: DocumentId, data: Image, now: Date): Promise<Image>;

  /**
   * The image to be written: `before` with the changed paths of `edited` cast and validated. Equal to `before` in every value when the
   * schema leaves nothing of the change; then it is `before` itself.
   * @throws DocumentValidationError
   */
  abstract castChanges(before: Image, edited: Image, changes: DiffPaths, now: Date): Promise<Image> | Image;

  /** Which fields of this document follow the clock. By default none. */
  timestamps(_image: Image): TimestampFields {
    return { names: new Set() };
  }
}
