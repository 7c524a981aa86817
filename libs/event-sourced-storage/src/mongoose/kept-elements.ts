/** Elements of an array of subdocuments that an edit keeps. Mongoose takes every element of an array that is set for a new one. */
import { sameValue } from '../model/bson-values.js';
import { childOf } from '../model/diff-path.js';
import type { PathType, SchemaShape } from './mongoose-internals.js';

/** The element that has the `_id` of the given one; `undefined` when none has, or when it has no `_id`. Looks at its index first. */
export function sameElement(elements: readonly unknown[], element: unknown, index: number): unknown {
  const id = childOf(element, '_id');
  if (id === undefined) return undefined;
  const isSame = (other: unknown): boolean => sameValue(childOf(other, '_id'), id);
  return isSame(elements[index]) ? elements[index] : elements.find((other) => isSame(other));
}

/** The array to be set, in which kept elements have their stored immutable fields and the time of their last change. */
export function withOwnFields(value: unknown, prior: unknown, type: PathType | undefined): unknown {
  if (!isElements(type) || !Array.isArray(value) || !Array.isArray(prior)) return value;
  const names = ownFields(type.schema);
  if (names.length === 0) return value;
  return value.map((element: unknown, index) => {
    const old = sameElement(prior, element, index);
    return old === undefined ? element : { ...(element as object), ...pick(old, names) }; // it has an `_id`, so it is an object
  });
}

/** The array as cast, in which elements that the edit left as they were are as stored: casting fills in defaults in all of them. */
export function withUntouched(cast: unknown, value: unknown, prior: unknown, type: PathType | undefined): unknown {
  if (!isElements(type) || !Array.isArray(cast) || !Array.isArray(value) || !Array.isArray(prior)) return cast;
  return cast.map((element: unknown, index): unknown => {
    const old: unknown = sameElement(prior, value[index], index) ?? prior[index];
    return sameValue(old, value[index]) ? old : element;
  });
}

function isElements(type: PathType | undefined): type is PathType {
  return type?.$isMongooseDocumentArray === true;
}

function ownFields(schema: SchemaShape | undefined): readonly string[] {
  if (schema === undefined) return [];
  const { paths, $timestamps } = schema;
  return Object.keys(paths).filter((path) => !path.includes('.') && (paths[path]?.$immutable === true || path === $timestamps?.updatedAt));
}

function pick(element: unknown, names: readonly string[]): object {
  return Object.fromEntries(names.map((name) => [name, childOf(element, name)]));
}
