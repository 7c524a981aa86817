import mongoose, { type Connection, type SchemaDefinitionProperty } from 'mongoose';
import type { CollectionNames } from './collections.js';
import { exitCodes } from './exit-codes.js';
import { Refusal } from './refusal.js';

/** Kinds of ids on a command line, and their names in a schema. */
const kinds = { objectId: 'ObjectId', uuid: 'UUID', string: 'String', number: 'Number', long: 'BigInt', decimal: 'Decimal128' } as const;
export type IdKind = keyof typeof kinds;

export const idKinds: readonly string[] = Object.keys(kinds);

export function idType(kind: IdKind): SchemaDefinitionProperty {
  return mongoose.Schema.Types[kinds[kind]] as SchemaDefinitionProperty;
}

/** By the look of one document, else of one event; ObjectIds where nothing is stored yet. */
export async function findIdKind(connection: Connection, { documents, events }: CollectionNames): Promise<IdKind> {
  const document = await connection.collection(documents).findOne({}, { projection: { _id: 1 } });
  if (document !== null) return kindOf(document._id, documents);
  const event = await connection.collection(events).findOne({}, { projection: { _id: 1 } });
  return event === null ? 'objectId' : kindOf((event._id as { readonly d?: unknown }).d, events);
}

function kindOf(id: unknown, collection: string): IdKind {
  if (typeof id === 'string') return 'string';
  if (typeof id === 'number') return 'number';
  const { _bsontype: tag, sub_type: subType } = (id ?? {}) as { readonly _bsontype?: string; readonly sub_type?: number };
  if (tag === 'ObjectId') return 'objectId';
  if (tag === 'Binary' && subType === 4) return 'uuid';
  if (tag === 'Long') return 'long';
  if (tag === 'Decimal128') return 'decimal';
  throw new Refusal(`The ids in "${collection}" are of a kind that the storage does not know; say --id-type if others are meant.`, exitCodes.usage);
}
