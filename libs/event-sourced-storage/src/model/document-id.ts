/** A BSON value class (ObjectId, UUID, Decimal128 …) recognised by its tag, never by `instanceof`: two copies of the driver may be loaded. */
export interface BsonTyped {
  readonly _bsontype: string;
  toString(): string;
}

/**
 * What identifies one document inside a feature: the value of its `_id` after the schema has cast it.
 * Never an array, a plain object or `null`: those would be read as query operators or break the key order of the history.
 */
export type DocumentId = string | number | bigint | BsonTyped;
