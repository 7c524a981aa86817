import { AssertionError } from 'node:assert';
import { inspect } from 'node:util';
import { sameValue } from '../model/bson-values.js';

/**
 * Compares by BSON type: an ObjectId is not its text, an absent field is as good as `undefined`.
 * @throws AssertionError showing both
 */
export function assertSame(actual: unknown, expected: unknown, what = 'the value'): void {
  if (sameValue(actual, expected)) return;
  throw new AssertionError({ message: `${what} is not as expected\n--- expected\n${show(expected)}\n--- actual\n${show(actual)}`, actual, expected });
}

function show(value: unknown): string {
  return inspect(value, { depth: 12, sorted: true, breakLength: 140 });
}
