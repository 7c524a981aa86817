import type { Connection, Schema } from 'mongoose';
import { supportedIdKinds } from './cast-id.js';
import { clientOptions, ownHooks, type SchemaShape, schemaShape } from './mongoose-internals.js';

const hooksNotRun = ['validate', 'save', 'updateOne', 'findOneAndUpdate', 'deleteOne'];

/**
 * What in a schema expects something of Mongoose's `save()` that the storage does otherwise, one sentence each. Nothing of it is wrong in
 * itself: somebody should know.
 */
export function schemaWarnings(schema: Schema, versionField: string): string[] {
  const shape = schemaShape(schema);
  return [...idWarnings(shape), ...hookWarnings(shape), ...versionWarnings(shape, versionField)];
}

/**
 * Client options with which a silent primary stops writes for longer than need be, one sentence each. Measured: with the defaults 38.7 s
 * although a new primary stood after 2.2 s.
 */
export function clientWarnings(connection: Connection): string[] {
  const options = clientOptions(connection);
  if (options === undefined) return [];
  const { socketTimeoutMS = 0, heartbeatFrequencyMS = 10_000 } = options;
  return [
    ...(socketTimeoutMS === 0 ? ['socketTimeoutMS is not set: a server that stops answering holds up writes for half a minute and more. Recommended: 5_000.'] : []),
    ...(heartbeatFrequencyMS >= 10_000 ? [`heartbeatFrequencyMS is ${heartbeatFrequencyMS}: a new primary is noticed late. Recommended: 1_000.`] : []),
  ];
}

function idWarnings(schema: SchemaShape): string[] {
  const kind = schema.paths['_id']?.instance ?? 'nothing';
  return supportedIdKinds.includes(kind) ? [] : [`_id is declared as ${kind}, and every call will refuse its id: the storage knows ${supportedIdKinds.join(', ')}.`];
}

function hookWarnings(schema: SchemaShape): string[] {
  const hooks = new Set(allSchemas(schema).flatMap((each) => ownHooks(each, hooksNotRun)));
  if (hooks.size === 0) return [];
  const list = Array.from(hooks).join(', ');
  return [`The schema has hooks that writes through the storage do not run: ${list}. Move what they do into setters, validators, the edit or an event handler.`];
}

function versionWarnings(schema: SchemaShape, versionField: string): string[] {
  const { versionKey, optimisticConcurrency } = schema.options;
  const kind = Object.hasOwn(schema.nested, versionField) ? 'object' : schema.paths[versionField]?.instance;
  return [
    ...(optimisticConcurrency ? ['optimisticConcurrency has no effect on writes through the storage, which compares versions on every write. Remove it.'] : []),
    ...(kind !== undefined && kind !== 'Number' ? [`The version field "${versionField}" is declared as ${kind}; the storage keeps a number there. Declare it as Number.`] : []),
    ...(typeof versionKey === 'string' && versionKey !== '__v' && versionKey !== versionField
      ? [`The schema's versionKey is "${versionKey}", but the version is kept in "${versionField}"; nothing counts "${versionKey}". Give both the same name.`]
      : []),
  ];
}

/** The schema and those of its subdocuments, each once: a schema may contain itself. */
function allSchemas(schema: SchemaShape, seen: Set<SchemaShape> = new Set<SchemaShape>()): SchemaShape[] {
  if (seen.has(schema)) return [];
  seen.add(schema);
  return [schema, ...schema.childSchemas.flatMap((child) => allSchemas(child.schema, seen))];
}
