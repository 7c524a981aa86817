import mongoose from 'mongoose';

const { BSON } = mongoose.mongo;

/**
 * A value as one text, with the BSON type of everything in it and without the order of keys: two texts are equal exactly when the stored
 * values are. A comparison of objects would also compare how a class of the driver keeps its bytes.
 */
export function canonical(value: unknown): string {
  const stored = BSON.deserialize(BSON.serialize({ value }, { ignoreUndefined: true }), { promoteValues: false });
  return JSON.stringify(sorted(JSON.parse(BSON.EJSON.stringify(stored, { relaxed: false }))));
}

/** The same, but a number is one value whatever its type, and −0 is 0: what the driver hands out as the same number. */
export function canonicalNumbers(value: unknown): string {
  return canonical(value).replaceAll(/\{"":\[\["\$number(?:Int|Long|Double)","([^"]*)"\]\]\}/g, (_, text: string) => `#${numberText(text)}`);
}

/** `5.0` is `5`; what is no safe integer keeps its digits. */
function numberText(text: string): string {
  const number = Number(text) + 0;
  return Number.isInteger(number) && !Number.isSafeInteger(number) && /^-?\d+$/.test(text) ? text : String(number);
}

/** Objects as sorted pairs in a wrapper: an object would put keys that look like numbers first, and a list without it would look like an array. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map((item) => sorted(item));
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return { '': entries.map(([key, item]) => [key, sorted(item)]) };
}
