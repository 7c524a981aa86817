/** Casting and validating one value by its type, without a Mongoose document: a few microseconds instead of more than a hundred. */
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
