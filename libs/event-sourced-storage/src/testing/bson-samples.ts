import type { Image } from '../model/diff.js';

/** The BSON classes of a driver: `mongoose.mongo`. */
export interface BsonClasses {
  readonly ObjectId: new (hex: string) => unknown;
  readonly Decimal128: { fromString(text: string): unknown };
  readonly Long: { fromString(text: string): unknown };
  readonly Binary: new (bytes: Uint8Array, subType: number) => unknown;
  readonly UUID: new (text: string) => unknown;
  readonly Timestamp: new (parts: { t: number; i: number }) => unknown;
}

/** A document's fields with one value of every type that a store can lose, and the values at the edges of the others. */
export function bsonSamples({ ObjectId, Decimal128, Long, Binary, UUID, Timestamp }: BsonClasses): Image {
  return {
    objectId: new ObjectId('665f00112233445566778899'),
    date: new Date(Date.UTC(2026, 1, 3, 4, 5, 6, 789)),
    dateBefore1970: new Date(-1),
    decimal: Decimal128.fromString('12345678901234567.890'),
    long: Long.fromString('9007199254740993'),
    binary: new Binary(new Uint8Array([0, 1, 127, 128, 255]), 0),
    uuid: new UUID('00112233-4455-6677-8899-aabbccddeeff'),
    timestamp: new Timestamp({ t: 1_700_000_000, i: 7 }),
    integers: [0, -1, 2_147_483_647, 2_147_483_648, 9_007_199_254_740_991],
    doubles: [0.1, -1.5e300, Number.NaN, Number.POSITIVE_INFINITY],
    texts: ['', 'ä€😀', 'a.b', '$a', 'line\nbreak'],
    truth: [true, false, null],
    empty: { object: {}, array: [] },
    nested: { list: [{ id: new ObjectId('665f0011223344556677889a'), at: new Date(0) }, [1, [2, [3]]]] },
    regexp: /^a.b$/i,
  };
}
