/** Casting and validating one value by its type, without a Mongoose document: a few microseconds instead of more than a hundred. */
import type { PathType } from './mongoose-internals.js';
import { type SchemaPath, valueAt } from './schema-path.js';
import { storedValue } from './stored-value.js';

/**
 * The value as it will be stored; `undefined` when it goes away. `edited` is the document that the value is part of.
 * @throws what a setter or caster throws
 */
export function castValue(target: SchemaPath, value: unknown, prior: unknown, edited: unknown): unknown {
  const { route, type, isEntry } = target;
  if (route === 'open' || type === undefined || (isEntry && value === undefined)) return storedValue(value);
  const scope = ownerIn(edited, target);
  if (route === 'value') return storedValue(type.applySetters(value, scope, false, prior));
  if (value === undefined || value === null) return value;
  const element = type.embeddedSchemaType;
  // what is no list becomes one by rules of its own, and an empty one may be left out for the sake of an index
  if (!Array.isArray(value) || value.length === 0 || element === undefined) throw new TypeError(`${target.path} is to be cast by a document`);
  return value.map((item) => storedValue(element.applySetters(item, scope, false)));
}

/** Whether anything would judge the value. */
export function needsValidation({ type, isEntry }: SchemaPath, value: unknown): boolean {
  if (type === undefined || (isEntry && value === undefined)) return false;
  return type.validators.length > 0 || (Array.isArray(value) && (type.embeddedSchemaType?.validators.length ?? 0) > 0);
}

/** Where a type keeps the rules that Mongoose brings along: none of them takes its time. */
const builtIn = ['requiredValidator', 'minValidator', 'maxValidator', 'minlengthValidator', 'maxlengthValidator', 'enumValidator'] as const;

interface Rule {
  readonly type?: string;
  readonly validator?: unknown;
}

interface BuiltInRule extends Rule {
  validator(this: unknown, value: unknown): unknown;
}

/** By the function itself: rules of the application may bear any name. */
function areBuiltIn(type: PathType): boolean {
  return type.validators.every(({ validator }) => typeof validator === 'function' && builtIn.some((name) => type[name] === validator));
}

/**
 * Whether the value keeps the rules of its type, as far as Mongoose itself brought them along; `undefined` where there are others, which may
 * take their time. `false` is no last word: whole documents are asked for the error.
 */
export function keepsRules(target: SchemaPath, value: unknown, document: unknown): boolean | undefined {
  const { type, route } = target;
  if (type === undefined || route === 'list' || !areBuiltIn(type)) return undefined;
  const rules = type.validators as readonly BuiltInRule[];
  const scope = ownerIn(document, target);
  try {
    return rules.every((rule) => (value === undefined && rule.type !== 'required') || isPassed(rule.validator.call(scope, value)));
  } catch {
    return false;
  }
}

/** As Mongoose takes the answer of a rule; an object could be a promise, which only Mongoose waits for. */
function isPassed(verdict: unknown): boolean {
  return verdict === undefined || (typeof verdict !== 'object' && Boolean(verdict));
}

/** @throws ValidatorError of Mongoose */
export async function validateValue(target: SchemaPath, value: unknown, document: unknown): Promise<void> {
  const { path, route, type } = target;
  if (type === undefined || !needsValidation(target, value)) return;
  const scope = ownerIn(document, target);
  await type.doValidate(value, scope, { path });
  if (route !== 'list' || !Array.isArray(value)) return;
  const { embeddedSchemaType: element } = type;
  await Promise.all(value.map(async (item, index) => element?.doValidate(item, scope, { path: `${path}.${index}` })));
}

/** What setters and validators find as `this`: the subdocument that the value is in, or the document. */
function ownerIn(document: unknown, { owner, segments }: SchemaPath): unknown {
  return owner === 0 ? document : valueAt(document, segments.slice(0, owner));
}
