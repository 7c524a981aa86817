import { InvalidArgumentError } from '../errors/invalid-argument.error.js';
import { cloneValue, InvalidValueError, isPlainObject, normalizeImage } from '../model/bson-values.js';
import { isThenable, type MaybePromise } from '../model/promises.js';
import type { Image } from '../model/diff.js';

/** What an edit is told beside the document. */
export interface EditContext {
  /** Which call of the edit this is, from 1: it runs again when another writer was faster. */
  readonly attempt: number;
}

/**
 * Changes a document: mutate the copy you are given, or return the new document; may be async. It may run more than once, each time
 * on a fresh copy, so it must have no effect but on the document.
 */
export type Edit<T> = (document: T, context: EditContext) => T | void | Promise<T | void>;

/**
 * Runs the edit on a copy of its own and returns the image it leaves.
 * @throws InvalidArgumentError when it returns something that is no document, or values that cannot be stored
 * @throws whatever the edit throws
 */
export function runEdit(edit: Edit<Image>, image: Image, context: EditContext): MaybePromise<Image> {
  const copy = cloneValue(image);
  const returned = edit(copy, context);
  const left = (result: Image | void): Image => storable(result === undefined ? copy : documentOf(result), "the edit's result", image);
  return isThenable(returned) ? Promise.resolve(returned).then(left) : left(returned);
}

/** The value as plain BSON shape, sharing with `before` what is the same there. @throws InvalidArgumentError naming the path that cannot be stored */
export function storable(value: unknown, argument: string, before?: Image): Image {
  try {
    return normalizeImage(value, before);
  } catch (error) {
    if (error instanceof InvalidValueError) throw new InvalidArgumentError(argument, `${error.path || 'the document'} ${error.reason}`, { cause: error });
    throw error;
  }
}

function documentOf(returned: unknown): Image {
  if (isDocumentLike(returned)) return returned;
  const found = returned === null ? 'null' : Array.isArray(returned) ? 'an array' : `a ${typeof returned}`;
  throw new InvalidArgumentError("the edit's result", `an edit must change its document or return the new one, it returned ${found}`);
}

/** A plain object, a class instance without BSON or built-in meaning, or a Mongoose document. */
export function isDocumentLike(value: unknown): value is Image {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  if (isPlainObject(value)) return true;
  const tag = Object.prototype.toString.call(value);
  return tag === '[object Object]' && !('_bsontype' in value) && !('then' in value);
}
