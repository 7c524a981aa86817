import mongoose from 'mongoose';
import { DocumentValidationError } from '../errors/document-validation.error.js';
import { cloneValue, sameValue } from '../model/bson-values.js';
import type { DiffPaths, Image } from '../model/diff.js';
import { withOwnFields, withUntouched } from './kept-elements.js';
import { isLiveDocument, type LiveDocument, type LiveModel } from './mongoose-internals.js';
import { type SchemaPath, valueAt } from './schema-path.js';
import { hasChildTimestamps, stampChangedSubdocuments } from './schema-timestamps.js';
import { refuseUnstorable, storedValue } from './stored-value.js';
import { problemsByPath } from './validation-problems.js';

/** One path that an edit changed. */
export interface PathEdit {
  readonly target: SchemaPath;
  /** The value as the edit left it; `undefined`: taken away. */
  readonly value: unknown;
}

/** What stays the same for all edits of one document. */
export interface DocumentCast {
  readonly model: LiveModel;
  readonly before: Image;
  readonly edited: Image;
  readonly edits: readonly PathEdit[];
  /** Top-level fields that no edit changes, whatever setters do. */
  readonly protectedFields: ReadonlySet<string>;
  readonly now: Date;
  readonly address: string;
}

/** Everything as stored: what Mongoose's own `save()` asks for, but for empty objects, which an update keeps. */
const plainOptions = {
  transform: false,
  virtuals: false,
  getters: false,
  depopulate: true,
  minimize: false,
  flattenMaps: true,
  flattenDecimals: false,
  flattenObjectIds: false,
  flattenUUIDs: false,
  schemaFieldsOnly: false,
  useProjection: false,
  versionKey: true,
} as const;

/**
 * Casts and validates changed paths by a Mongoose document: for what the type of one value cannot decide, such as arrays of subdocuments,
 * Maps, immutable paths and objects of required fields. About 100 times as slow as a single value.
 * @returns what is left of the change; nothing else of what Mongoose fills in
 * @throws DocumentValidationError
 */
export async function castByDocument(cast: DocumentCast): Promise<DiffPaths> {
  const { model, before, edited, protectedFields, now, address } = cast;
  refuseUnstorable(cast.edits.map(({ value }) => value));
  const document = model.hydrate(cloneValue(before));
  const asRead = hasChildTimestamps(document.$__schema) ? document.toObject(plainOptions) : undefined;
  const edits = wholeElements(cast.edits, before, edited);
  forgetStoredErrors(document);
  const markedByReading = new Set(document.directModifiedPaths());
  for (const edit of edits) apply(edit, document, before);
  await validate(document, address);
  if (asRead !== undefined) stampChangedSubdocuments(document, asRead, now, plainOptions);
  const changedBySetters = document.directModifiedPaths().filter((path) => !markedByReading.has(path));
  const paths = [...edits.map(({ target }) => target.path), ...changedBySetters];
  const after = document.toObject(plainOptions);
  return difference(before, withoutCovered(paths, protectedFields), (path) => valueIn(after, path, edits, before));
}

/**
 * An element whose `_id` changed is another one in the same place: it is taken as a whole, so that paths which are immutable in an
 * element do not keep the values of its predecessor.
 */
function wholeElements(edits: readonly PathEdit[], before: Image, edited: Image): readonly PathEdit[] {
  const byPath = new Map<string, PathEdit>();
  for (const edit of edits) {
    const { target } = edit;
    const length = target.elements.find((end) => isOther(target.segments.slice(0, end), before, edited)) ?? ownerWithoutId(edit);
    const whole = length === undefined ? edit : wholeOf(target, length, edited);
    byPath.set(whole.target.path, whole);
  }
  return Array.from(byPath.values());
}

function wholeOf(target: SchemaPath, length: number, edited: Image): PathEdit {
  const segments = target.segments.slice(0, length);
  return { target: { ...target, segments, path: segments.join('.'), owner: 0, type: undefined }, value: valueAt(edited, segments) };
}

function isOther(element: readonly string[], before: Image, edited: Image): boolean {
  const path = [...element, '_id'];
  return !sameValue(valueAt(before, path), valueAt(edited, path));
}

/** A subdocument that lost its `_id` was replaced by a new one, which gets an `_id` of its own. */
export function ownerWithoutId({ target, value }: PathEdit): number | undefined {
  const isOwnId = value === undefined && target.owner > 0 && target.owner === target.segments.length - 1 && target.segments.at(-1) === '_id';
  return isOwnId ? target.owner : undefined;
}

/** What is stored and does not fit the schema is not this edit's fault. */
function forgetStoredErrors(document: LiveDocument): void {
  for (const path of Object.keys(document.$__.validationError?.errors ?? {})) document.$markValid(path);
}

function apply({ target, value }: PathEdit, document: LiveDocument, before: Image): void {
  const { segments, path, owner, type } = target;
  const parent = owner === 0 ? document : document.get(segments.slice(0, owner).join('.'), null, { getters: false });
  const prior = valueAt(before, segments);
  // in a subdocument that is new all paths may be set, also immutable ones; Mongoose takes it for as old as the document
  const overwriteImmutable = (prior === undefined || prior === null) && !type?.$immutable;
  const kept = withOwnFields(value, prior, type);
  // through the subdocument itself: a path from the top compares immutable values with the wrong document
  if (isLiveDocument(parent)) parent.$set(segments.slice(owner).join('.'), kept, undefined, { overwriteImmutable });
  else document.$set(path, kept, undefined, { overwriteImmutable });
}

/** Errors of casting are asked for before: a path that could not be set does not count as modified, and only such are validated. */
async function validate(document: LiveDocument, address: string): Promise<void> {
  const notCast = { ...document.$__.validationError?.errors }; // a copy: validating takes out of it what is not modified
  const invalid = await validationErrors(document);
  const problems = problemsByPath({ ...notCast, ...invalid?.errors });
  if (Object.keys(problems).length > 0) throw new DocumentValidationError(address, problems, { cause: invalid ?? Object.values(notCast)[0] });
}

async function validationErrors(document: LiveDocument): Promise<mongoose.Error.ValidationError | undefined> {
  try {
    await document.validate({ validateModifiedOnly: true, middleware: false });
    return undefined;
  } catch (error) {
    if (error instanceof mongoose.Error.ValidationError) return error;
    throw error;
  }
}

/** Each path once, none with one above it. */
function withoutCovered(paths: readonly string[], protectedFields: ReadonlySet<string>): readonly string[] {
  const all = new Set(paths);
  return Array.from(all).filter((path) => {
    const segments = path.split('.');
    return !protectedFields.has(segments[0] ?? '') && !segments.some((_, index) => index > 0 && all.has(segments.slice(0, index).join('.')));
  });
}

/** What is to be written at a path, after the setters, casting and validation of the document. */
function valueIn(after: Image, path: string, edits: readonly PathEdit[], before: Image): unknown {
  const segments = path.split('.');
  const cast = storedValue(valueAt(after, segments));
  const edit = edits.find(({ target }) => target.path === path);
  return withUntouched(cast, edit?.value, valueAt(before, segments), edit?.target.type);
}

function difference(before: Image, paths: readonly string[], valueOf: (path: string) => unknown): DiffPaths {
  const set: Record<string, unknown> = {};
  const unset: string[] = [];
  for (const path of paths) {
    const value = valueOf(path);
    const prior = valueAt(before, path.split('.'));
    if (value === undefined && prior !== undefined) unset.push(path);
    else if (value !== undefined && !sameValue(value, prior)) set[path] = value;
  }
  return { set, unset };
}
