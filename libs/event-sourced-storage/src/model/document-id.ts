/** A BSON value class (ObjectId, UUID, Decimal128 …) recognised by its tag, never by `instanceof`: two copies of the driver may be loaded. */
export interface BsonTyped {
  /** The tag of the BSON library, for example `ObjectId`. */
  readonly _bsontype: string;
  /** The form in addresses, messages and logs. */
  toString(): string;
}

/**
 * What identifies one document inside a feature: the value of its `_id` after the schema has cast it.
 * Never an array, a plain object or `null`: those would be read as query operators or break the key order of the history.
 */
export type DocumentId = string | number | bigint | BsonTyped;
