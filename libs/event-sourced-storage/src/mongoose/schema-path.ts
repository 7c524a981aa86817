/** Where a dotted path of a document leads in its schema, and what that means for a change there. */
import { arrayIndex, childOf } from '../model/diff-path.js';
import type { PathType, SchemaShape } from './mongoose-internals.js';

/**
 * How a change of a path is cast:
 * - `value`: by its type alone.
 * - `list`: element by element, by the type of the elements.
 * - `open`: not at all, the schema says nothing about it.
 * - `document`: by a whole Mongoose document, since more than the one value takes part.
 * - `ignored`: never; the schema leaves it out.
 */
export type Route = 'value' | 'list' | 'open' | 'document' | 'ignored';

/** A timestamp field that follows every change below it. */
export interface Stamp {
  readonly path: string;
  readonly field: PathType;
  readonly schema: SchemaShape;
}

export interface SchemaPath {
  readonly route: Route;
  /** The path to be written: of an alias the real one, and shorter than asked where the schema treats a larger value as one. */
  readonly segments: readonly string[];
  /** `segments`, dotted. */
  readonly path: string;
  /** Whether `segments` lead to a larger value than was asked for, which is to be taken as a whole. */
  readonly isWhole: boolean;
  /** How many segments lead to the subdocument that it belongs to; `0`: the document itself. */
  readonly owner: number;
  /** `updatedAt` of the subdocuments it is in. */
  readonly stamps: readonly Stamp[];
  /** For each array of subdocuments it leads through: how many segments lead to the element. */
  readonly elements: readonly number[];
  /** The type at the end of the path, if there is one. */
  readonly type: PathType | undefined;
  /** Whether it is an entry of a Map: taking that away is never against the type of the values. */
  readonly isEntry: boolean;
}

/** The kinds of one value whose setters, casting and validators need no document. */
const valueKinds: ReadonlySet<string> = new Set(
  'String Number Boolean Date ObjectId UUID Decimal128 BigInt Int32 Double Buffer Mixed'.split(' '),
);

/** What stands at a path of a document. */
export function valueAt(document: unknown, segments: readonly string[]): unknown {
  let value = document;
  for (const segment of segments) value = childOf(value, segment);
  return value;
}

/** Follows the path from the document's schema. */
export function schemaPath(schema: SchemaShape, path: string): SchemaPath {
  return new Walk(schema, path.split('.')).run();
}

/** One way down a schema, key by key: from a schema along a local path to a type, through the type to the next schema. */
class Walk {
  /** The position in `segments`, which is also their real number once aliases are replaced. */
  private at = 0;
  private owner = 0;
  private needsDocument = false;
  private isEntry = false;
  private isAlias = false;
  private readonly stamps: Stamp[] = [];
  private readonly elements: number[] = [];

  constructor(
    private schema: SchemaShape,
    private segments: readonly string[],
  ) {}

  run(): SchemaPath {
    for (;;) {
      const type = this.nextType();
      if (type === undefined) return this.outsideOfTypes();
      const end = this.through(type);
      if (end !== undefined) return end;
    }
  }

  /** The type at the shortest local path that has one. `undefined`: an object that is no subdocument, or nothing known. */
  private nextType(): PathType | undefined {
    let local = '';
    while (this.at < this.segments.length) {
      local += (local === '' ? '' : '.') + this.segment(this.at);
      this.at++;
      local = this.withoutAlias(local);
      if (Object.hasOwn(this.schema.paths, local)) return this.schema.paths[local];
      if (!Object.hasOwn(this.schema.nested, local)) return undefined;
    }
    return undefined;
  }

  private withoutAlias(local: string): string {
    const real = Object.hasOwn(this.schema.aliases, local) ? this.schema.aliases[local] : undefined;
    if (real === undefined) return local;
    const keys = real.split('.');
    this.isAlias = true;
    this.segments = [...this.segments.slice(0, this.owner), ...keys, ...this.segments.slice(this.at)];
    this.at = this.owner + keys.length;
    return real;
  }

  /** Goes down through types until there is a schema again (`undefined`) or the path ends. */
  private through(first: PathType): SchemaPath | undefined {
    for (let type: PathType | undefined = first; type !== undefined; ) {
      const isLast = this.at === this.segments.length;
      if (isLast) return this.end(type);
      if (type.instance === 'Mixed') return this.belowMixed(type);
      // the application may have assigned the whole value, which runs its setters; only parts of it differ
      if (type.setters.length > 0) return this.found('document', type);
      if (type.validators.some((validator) => validator.type !== 'required')) this.needsDocument = true;
      if (type.schema !== undefined) return this.enter(type, type.schema);
      type = this.elementOf(type);
    }
    this.at = this.segments.length;
    return this.found('document', undefined);
  }

  private elementOf(type: PathType): PathType | undefined {
    if (type.$isSchemaMap === true) {
      this.at++;
      this.isEntry = this.at === this.segments.length;
      return type.$__schemaType;
    }
    if (type.$isMongooseArray !== true || arrayIndex(this.segment(this.at)) === undefined) return undefined;
    this.at++;
    return type.embeddedSchemaType;
  }

  /** Into a subdocument, or an element of an array of them. */
  private enter(type: PathType, schema: SchemaShape): SchemaPath | undefined {
    if (type.$isMongooseDocumentArray === true) {
      if (arrayIndex(this.segment(this.at)) === undefined) return this.found('document', undefined);
      this.at++;
      this.elements.push(this.at);
      if ((type.embeddedSchemaType?.validators.length ?? 0) > 0) this.needsDocument = true;
      if (this.at === this.segments.length) return this.found('document', type.embeddedSchemaType);
    } else if (type.$isSingleNested !== true) return this.found('document', undefined);
    this.owner = this.at;
    this.schema = schema;
    this.stamp(schema);
    if (type.Constructor?.discriminators === undefined) return undefined;
    this.at = this.segments.length; // which schema goes on depends on the values
    return this.found('document', undefined);
  }

  private stamp(schema: SchemaShape): void {
    const name = schema.$timestamps?.updatedAt;
    const field = typeof name === 'string' ? schema.paths[name] : undefined;
    if (typeof name === 'string' && field !== undefined) this.stamps.push({ path: [...this.segments.slice(0, this.owner), name].join('.'), field, schema });
  }

  private end(type: PathType): SchemaPath {
    if (this.isTime(type) || this.isFixed(type)) return this.found('ignored', type);
    return this.found(this.needsDocument || this.isOfAnother(type) ? 'document' : routeOf(type), type);
  }

  /** Timestamps are the storage's to set: an edit that changes nothing else, or leaves them out, has changed nothing. */
  private isTime(type: PathType): boolean {
    const { createdAt, updatedAt } = this.schema.$timestamps ?? {};
    const local = this.segments.slice(this.owner, this.at).join('.');
    return local === updatedAt || (local === createdAt && type.$immutable === true && this.elements.length === 0);
  }

  /** What differs between elements rather than within one: by its `_id`, and by paths that are immutable, an element is itself. */
  private isOfAnother(type: PathType): boolean {
    return Boolean(type.$immutable) || (this.elements.length > 0 && this.segments.slice(this.owner, this.at).join('.') === '_id');
  }

  /**
   * A path that is immutable in any document keeps its stored value. Below an array the element may be a new one in the place of another,
   * and in strict mode `throw` a change of it is refused: a document decides both.
   */
  private isFixed(type: PathType): boolean {
    return type.$immutable === true && this.elements.length === 0 && this.schema.options.strict !== 'throw';
  }

  /** Validators of a Mixed path judge the whole value, setters change it. */
  private belowMixed(type: PathType): SchemaPath {
    if (type.setters.length > 0 || type.validators.length > 0) return this.found('document', type);
    this.at = this.segments.length;
    return this.found(this.needsDocument ? 'document' : 'open', undefined);
  }

  /** An object of fields, a virtual, or a key that the schema does not know. */
  private outsideOfTypes(): SchemaPath {
    const local = this.segments.slice(this.owner, this.at).join('.');
    const isObject = Object.hasOwn(this.schema.nested, local);
    this.at = this.segments.length;
    if (isObject) return this.found('document', undefined);
    if (Object.hasOwn(this.schema.virtuals, local)) return this.virtual(local);
    const { strict } = this.schema.options;
    if (strict === false) return this.found(this.needsDocument ? 'document' : 'open', undefined);
    return this.found(strict === 'throw' ? 'document' : 'ignored', undefined);
  }

  /** `id` follows `_id` and is not set through it. */
  private virtual(name: string): SchemaPath {
    const hasSetters = (this.schema.virtuals[name]?.setters.length ?? 0) > 0;
    return this.found(hasSetters && name !== 'id' ? 'document' : 'ignored', undefined);
  }

  private found(route: Route, type: PathType | undefined): SchemaPath {
    const { owner, stamps, elements, isEntry } = this;
    const segments = this.segments.slice(0, this.at);
    const isWhole = !this.isAlias && this.at < this.segments.length;
    return { route, segments, path: segments.join('.'), isWhole, owner, stamps, elements, type, isEntry };
  }

  private segment(index: number): string {
    return this.segments[index] ?? '';
  }
}

function routeOf(type: PathType): Route {
  if (valueKinds.has(type.instance)) return 'value';
  const isList = type.$isMongooseArray === true && type.$isMongooseDocumentArray !== true && type.setters.length === 0;
  return isList && valueKinds.has(type.embeddedSchemaType?.instance ?? '') ? 'list' : 'document';
}
