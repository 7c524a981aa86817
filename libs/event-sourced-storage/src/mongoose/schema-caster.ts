import { applyDiff } from '../model/apply-diff.js';
import { cloneValue, sameValue } from '../model/bson-values.js';
import type { DiffPaths, Image } from '../model/diff.js';
import type { DocumentId } from '../model/document-id.js';
import { DocumentCaster, type TimestampFields } from '../write/document-caster.js';
import { castByDocument, ownerWithoutId, type PathEdit } from './cast-by-document.js';
import { castId, newId } from './cast-id.js';
import { castValue, keepsRules, needsValidation, validateValue } from './cast-value.js';
import { type AnyModel, isLiveDocument, liveModel, type LiveModel, type PathType, type SchemaShape } from './mongoose-internals.js';
import { schemaPath, type SchemaPath, type Stamp, valueAt } from './schema-path.js';
import { documentStamp, stampNew, stampValue, timestampNames } from './schema-timestamps.js';
import { refuseUnstorable, storedValue } from './stored-value.js';
import { validationError } from './validation-problems.js';

/** As Mongoose's `save()` asks a new document for what it inserts; empty objects go the way the schema says. */
const insertOptions = {
  transform: false,
  virtuals: false,
  getters: false,
  depopulate: true,
  flattenDecimals: false,
  flattenObjectIds: false,
  flattenUUIDs: false,
  useProjection: false,
  versionKey: true,
  bson: true,
  _skipDepopulateTopLevel: true,
} as const;

/** How many paths are remembered per schema; beyond, all are looked up anew. An index in an array makes a path of its own. */
const rememberedPaths = 2_000;

/** What is known of one schema: the model's own, or of one of its discriminators. */
interface SchemaFacts {
  readonly schema: SchemaShape;
  readonly paths: Map<string, SchemaPath>;
  /** Top-level fields that no edit changes. */
  readonly protectedFields: ReadonlySet<string>;
  readonly stamp: Stamp | undefined;
}

/**
 * Ids and values by a Mongoose schema: casting, setters, defaults, validators, `strict`, `immutable`, aliases, discriminators and
 * timestamps act as in Mongoose. Hooks do not run.
 */
export class SchemaCaster extends DocumentCaster {
  private readonly model: LiveModel;
  private readonly idType: PathType;
  private readonly facts = new Map<SchemaShape, SchemaFacts>();

  /** @param collection name of the collection, for error messages */
  constructor(
    model: AnyModel,
    private readonly collection: string,
    private readonly versionField: string,
  ) {
    super();
    this.model = liveModel(model);
    const idType = this.model.schema.paths['_id'];
    if (idType === undefined) throw new Error(`The schema of ${collection} has no _id.`);
    this.idType = idType;
  }

  castId(id: unknown): DocumentId {
    return castId(this.idType, id);
  }

  newId(): DocumentId {
    return newId(this.idType);
  }

  async castNew(id: DocumentId, data: Image, now: Date): Promise<Image> {
    const ours = [this.versionField, ...this.versionKey()];
    try {
      const given = without(plainData(data), ours);
      refuseUnstorable([given]);
      const document = new this.model({ ...given, _id: id });
      stampNew(document, now);
      await document.validate({ middleware: false, pathsToSkip: ours });
      const { _id, ...image } = storedValue(document.toObject(insertOptions)) as Image; // an object goes in, an object comes out
      return { _id, ...without(image, ours) };
    } catch (error) {
      throw validationError(this.address(id), error);
    }
  }

  castChanges(before: Image, edited: Image, changes: DiffPaths, now: Date): Promise<Image> | Image {
    const facts = this.factsOf(before);
    const edits = plan(facts, edited, changes);
    if (edits.length === 0) return before;
    const byDocument = (): Promise<Image> => this.castByDocument(facts, before, edited, edits, now);
    if (edits.some((edit) => edit.target.route === 'document' || ownerWithoutId(edit) !== undefined)) return byDocument();
    const cast = castValues(edits, before, edited);
    if (cast === undefined) return byDocument();
    if (cast.length === 0) return before;
    const image = (): Image => applyStamped(before, diffOf(cast), facts, cast, now);
    const judged = cast.filter(({ target, value }) => needsValidation(target, value));
    if (judged.length === 0) return image();
    const document = withValues(edited, diffOf(cast));
    if (document === undefined) return byDocument();
    const verdicts = judged.map(({ target, value }) => keepsRules(target, value, document));
    if (verdicts.every((verdict) => verdict === true)) return image();
    if (verdicts.includes(false)) return byDocument();
    // whoever fails is asked again with a whole document as `this`, whose word is final
    return Promise.all(judged.map(({ target, value }) => validateValue(target, value, document))).then(image, byDocument);
  }

  override timestamps(image: Image): TimestampFields {
    const { schema, stamp } = this.factsOf(image);
    return { ...(stamp === undefined ? {} : { updatedAt: stamp.path }), names: timestampNames(schema) };
  }

  private async castByDocument(facts: SchemaFacts, before: Image, edited: Image, edits: readonly PathEdit[], now: Date): Promise<Image> {
    const { model } = this;
    const { protectedFields } = facts;
    const address = this.address(before['_id'] as DocumentId);
    try {
      const diff = await castByDocument({ model, before, edited, edits, protectedFields, now, address });
      if (Object.keys(diff.set).length === 0 && diff.unset.length === 0) return before;
      return applyStamped(before, diff, facts, [], now);
    } catch (error) {
      throw validationError(address, error);
    }
  }

  private factsOf(image: Image): SchemaFacts {
    const schema = this.schemaOf(image);
    const known = this.facts.get(schema);
    if (known !== undefined) return known;
    const facts = { schema, paths: new Map<string, SchemaPath>(), protectedFields: this.protectedFields(schema), stamp: documentStamp(schema) };
    this.facts.set(schema, facts);
    return facts;
  }

  /** The discriminator's schema, where the document says that it is one. */
  private schemaOf(image: Image): SchemaShape {
    const { schema, discriminators } = this.model;
    const value = schema.discriminatorMapping === undefined ? undefined : image[schema.discriminatorMapping.key];
    if (value === undefined || discriminators === undefined) return schema;
    const named = typeof value === 'string' && Object.hasOwn(discriminators, value) ? discriminators[value] : undefined;
    const found = named ?? Object.values(discriminators).find((each) => sameValue(each.schema.discriminatorMapping?.value, value));
    return found?.schema ?? schema;
  }

  /** What the storage or Mongoose decides about a document: its identity, number and kind. */
  private protectedFields(schema: SchemaShape): ReadonlySet<string> {
    const fields = new Set(['_id', this.versionField, ...this.versionKey()]);
    if (schema.discriminatorMapping !== undefined) fields.add(schema.discriminatorMapping.key);
    return fields;
  }

  private versionKey(): string[] {
    const { versionKey } = this.model.schema.options;
    return typeof versionKey === 'string' ? ['__v', versionKey] : ['__v'];
  }

  private address(id: DocumentId): string {
    return `${this.collection}/${String(id)}`;
  }
}

/** Which values are to be cast, each once. */
function plan(facts: SchemaFacts, edited: Image, { set, unset }: DiffPaths): readonly PathEdit[] {
  const edits = new Map<string, PathEdit>();
  for (const path of Object.keys(set)) addEdit(edits, facts, edited, path, set[path]);
  for (const path of unset) addEdit(edits, facts, edited, path, undefined);
  return Array.from(edits.values());
}

function addEdit(edits: Map<string, PathEdit>, facts: SchemaFacts, edited: Image, path: string, value: unknown): void {
  const target = lookUp(facts, path);
  if (target.route === 'ignored' || facts.protectedFields.has(target.segments[0] ?? '')) return;
  edits.set(target.path, { target, value: target.isWhole ? valueAt(edited, target.segments) : value });
}

function lookUp({ schema, paths }: SchemaFacts, path: string): SchemaPath {
  const known = paths.get(path);
  if (known !== undefined) return known;
  const found = schemaPath(schema, path);
  if (paths.size >= rememberedPaths) paths.clear();
  paths.set(path, found);
  return found;
}

/** The values that are left of the change. `undefined` when one of them cannot be cast. */
function castValues(edits: readonly PathEdit[], before: Image, edited: Image): readonly PathEdit[] | undefined {
  const cast: PathEdit[] = [];
  try {
    for (const { target, value } of edits) {
      const prior = valueAt(before, target.segments);
      const stored = castValue(target, value, prior, edited);
      if (!sameValue(stored, prior)) cast.push({ target, value: stored });
    }
    return cast;
  } catch {
    return undefined;
  }
}

/** The document that validators see: as edited, with the values as they will be stored. `undefined`: one of them has no place in it. */
function withValues(edited: Image, cast: DiffPaths): Image | undefined {
  try {
    return applyDiff(edited, cast);
  } catch {
    return undefined;
  }
}

function diffOf(cast: readonly PathEdit[]): DiffPaths {
  const set: Record<string, unknown> = {};
  const unset: string[] = [];
  for (const { target, value } of cast) {
    if (value === undefined) unset.push(target.path);
    else set[target.path] = value;
  }
  return { set, unset };
}

/**
 * The image after the changes, with `updatedAt` of the document and of the subdocuments that the values are in. Time is told last,
 * whatever the edit put there.
 */
function applyStamped(before: Image, diff: DiffPaths, { stamp }: SchemaFacts, cast: readonly PathEdit[], now: Date): Image {
  const inner: Record<string, unknown> = {};
  for (const { target } of cast) {
    for (const each of target.stamps) inner[each.path] = stampValue(each, now);
  }
  const changed = applyDiff(applyDiff(before, diff), { set: inner, unset: [] });
  if (stamp === undefined) return changed;
  const time = stampValue(stamp, now);
  return stamp.path.includes('.') ? applyDiff(changed, { set: { [stamp.path]: time }, unset: [] }) : { ...changed, [stamp.path]: time };
}

/** Data of the application, which is not changed: a copy, of a Mongoose document its plain form. */
function plainData(data: Image): Image {
  return isLiveDocument(data) ? data.toObject(insertOptions) : cloneValue(data);
}

function without(image: Image, names: readonly string[]): Image {
  return Object.fromEntries(Object.entries(image).filter(([name]) => !names.includes(name)));
}
