/**
 * What the caster uses of Mongoose beyond its typings, read in the source of 9.12 and held by the caster's specs. Mongoose is cast to these
 * types in this file only.
 */
import type { Connection } from 'mongoose';
import type { Image } from '../model/diff.js';

/** One path of a schema: how its values are cast and validated. */
export interface PathType {
  /** The name of its kind: `String`, `ObjectId`, `Array` … */
  readonly instance: string;
  readonly path: string;
  readonly validators: readonly { readonly type?: string; readonly validator?: unknown }[];
  readonly setters: readonly unknown[];
  /** Truthy when a stored value may not be changed; a function decides per document. */
  readonly $immutable?: unknown;
  readonly $isMongooseArray?: boolean;
  readonly $isMongooseDocumentArray?: boolean;
  readonly $isSingleNested?: boolean;
  readonly $isSchemaMap?: boolean;
  /** Of arrays: the type of the elements. */
  readonly embeddedSchemaType?: PathType;
  /** Of Maps: the type of the values. */
  readonly $__schemaType?: PathType;
  /** Of subdocuments and arrays of them. */
  readonly schema?: SchemaShape;
  readonly Constructor?: { readonly discriminators?: object };
  readonly defaultValue?: unknown;
  readonly requiredValidator?: unknown;
  readonly minValidator?: unknown;
  readonly maxValidator?: unknown;
  readonly minlengthValidator?: unknown;
  readonly maxlengthValidator?: unknown;
  readonly enumValidator?: unknown;
  cast(value: unknown): unknown;
  /** Runs the setters, then casts. `scope` is their `this`. */
  applySetters(value: unknown, scope: unknown, init: boolean, prior?: unknown): unknown;
  doValidate(value: unknown, scope: unknown, options: { readonly path: string }): Promise<void>;
  getDefault(scope: unknown, init: boolean): unknown;
}

/** A schema, as far as its paths go. */
export interface SchemaShape {
  readonly paths: Readonly<Record<string, PathType>>;
  /** Dotted paths of objects that are no subdocuments. */
  readonly nested: Readonly<Record<string, true>>;
  readonly virtuals: Readonly<Record<string, { readonly setters: readonly unknown[] }>>;
  /** Real path by alias. */
  readonly aliases: Readonly<Record<string, string>>;
  readonly childSchemas: readonly { readonly schema: SchemaShape }[];
  readonly discriminatorMapping?: { readonly key: string; readonly value: unknown };
  /** Names of the timestamp fields, after the schema option was worked out. */
  readonly $timestamps?: { readonly createdAt?: string | null; readonly updatedAt?: string | null };
  readonly options: {
    readonly strict?: boolean | 'throw';
    readonly versionKey?: string | false;
    readonly discriminatorKey?: string;
    readonly optimisticConcurrency?: unknown;
    readonly timestamps?: unknown;
  };
  /** Hooks by name, in the order in which they run. */
  readonly s: { readonly hooks: { readonly _pres?: HookLists; readonly _posts?: HookLists } };
}

type HookLists = ReadonlyMap<unknown, readonly { readonly fn: object }[]>;

/** A document, or a subdocument with its own, shorter paths. */
export interface LiveDocument {
  readonly $isNew: boolean;
  readonly $__schema: SchemaShape;
  /** Errors of setting, kept until the next validation. */
  readonly $__: { readonly validationError?: { readonly errors: Readonly<Record<string, Error>> } | null };
  /** A subdocument knows where it stands, with indexes; of a document itself it is missing. */
  $__fullPathWithIndexes?(): string;
  $__getValue(path: string): unknown;
  get(path: string, type: null, options: { readonly getters: false }): unknown;
  $set(path: string, value: unknown, type: undefined, options: { readonly overwriteImmutable: boolean }): unknown;
  $markValid(path: string): void;
  $getAllSubdocs(): readonly LiveDocument[];
  directModifiedPaths(): string[];
  validate(options: { readonly middleware: false; readonly validateModifiedOnly?: boolean; readonly pathsToSkip?: readonly string[] }): Promise<void>;
  toObject(options: object): Image;
}

/** A model, as the maker of such documents. */
export interface LiveModel {
  readonly schema: SchemaShape;
  readonly discriminators?: Readonly<Record<string, { readonly schema: SchemaShape }>>;
  new (data: Image): LiveDocument;
  hydrate(stored: Image): LiveDocument;
}

/** Any model of the application, whatever its documents. */
export interface AnyModel {
  readonly modelName: string;
  readonly schema: object;
}

/** The typings leave out what the caster needs, or require the type of the documents. */
export function liveModel(model: AnyModel): LiveModel {
  return model as unknown as LiveModel;
}

/** The typings leave out hooks, nested paths and aliases. */
export function schemaShape(schema: unknown): SchemaShape {
  return schema as SchemaShape;
}

/** Whether a value is a document or subdocument of Mongoose: these only have a `$__` of their own. */
export function isLiveDocument(value: unknown): value is LiveDocument {
  return typeof value === 'object' && value !== null && '$__' in value && '$__schema' in value;
}

/** Mongoose marks its own hooks with it, to tell them from the application's. */
const builtInMiddleware = Symbol.for('mongoose:built-in-middleware');

const isOwn = ({ fn }: { readonly fn: object }): boolean => !(builtInMiddleware in fn);

/** Names of the given hooks for which the application, or a plugin of it, has registered something. */
export function ownHooks(schema: SchemaShape, names: readonly string[]): string[] {
  const { _pres: pres, _posts: posts } = schema.s.hooks;
  return names.flatMap((name) => [
    ...(pres?.get(name)?.some(isOwn) === true ? [`pre('${name}')`] : []),
    ...(posts?.get(name)?.some(isOwn) === true ? [`post('${name}')`] : []),
  ]);
}

/** Settings of the connection's client in force; `undefined` before the connection was opened. */
export function clientOptions(connection: Connection): { readonly socketTimeoutMS?: number; readonly heartbeatFrequencyMS?: number } | undefined {
  const client = connection.getClient() as ReturnType<Connection['getClient']> | undefined; // the typings promise one too early
  return client?.options;
}
