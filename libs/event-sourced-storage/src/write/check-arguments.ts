import { InvalidArgumentError } from '../errors/invalid-argument.error.js';
import { byteSize } from '../model/bson-values.js';
import type { EventMetadata } from '../model/document-event.js';
import { isDocumentLike, storable } from './run-edit.js';

const longestName = 200;
const mostMetadataBytes = 16_384;
/** Node's timers fire at once above this. */
const longestTimeoutMs = 2_147_483_647;
/** Line breaks and other control characters have no place in a name that ends up in logs and headers. */
// oxlint-disable-next-line no-control-regex
const controlCharacters = /[\u0000-\u001f\u007f]/;

/** @throws InvalidArgumentError unless it is a string of 1 to 200 characters without control characters */
export function checkName(value: unknown, argument: string): string {
  if (typeof value === 'string' && value.length >= 1 && value.length <= longestName && !controlCharacters.test(value)) return value;
  const found = typeof value === 'string' ? `${value.length} characters${controlCharacters.test(value) ? ' with control characters' : ''}` : typeof value;
  throw new InvalidArgumentError(argument, `a string of 1 to ${longestName} characters is needed, got ${found}`);
}

/** @throws InvalidArgumentError unless it is an integer from `least` to `most` */
export function checkInteger(value: unknown, argument: string, least: number, most: number = Number.MAX_SAFE_INTEGER): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= least && value <= most) return value;
  throw new InvalidArgumentError(argument, `an integer from ${least} to ${most} is needed, got ${shown(value)}`);
}

/** @throws InvalidArgumentError unless it is a time in milliseconds that a timer can wait for */
export function checkTimeout(value: unknown): number {
  return checkInteger(value, 'timeoutMs', 0, longestTimeoutMs);
}

/** @throws InvalidArgumentError unless it is a valid date */
export function checkDate(value: unknown, argument: string): Date {
  // by tag: a Date of another realm is one too
  if (Object.prototype.toString.call(value) === '[object Date]' && !Number.isNaN((value as Date).getTime())) return value as Date;
  throw new InvalidArgumentError(argument, `a valid Date is needed, got ${shown(value)}`);
}

/** @throws InvalidArgumentError unless it is an object whose `signal`, if there is one, is an AbortSignal */
export function checkOptions<O extends object>(options: O): O {
  const given: unknown = options;
  if (typeof given !== 'object' || given === null || Array.isArray(given)) throw new InvalidArgumentError('options', `an object is needed, got ${shown(given)}`);
  const { signal } = given as { readonly signal?: unknown };
  // by shape: a signal of another realm is one too
  const isSignal = typeof signal === 'object' && signal !== null && 'aborted' in signal && 'addEventListener' in signal;
  if (signal !== undefined && !isSignal) throw new InvalidArgumentError('signal', `an AbortSignal is needed, got ${shown(signal)}`);
  return options;
}

/** @throws InvalidArgumentError unless it is one of the words or a version */
export function checkExpected<W extends string>(value: unknown, words: readonly W[], numbers: boolean): W | number {
  if (words.includes(value as W)) return value as W;
  if (numbers && typeof value === 'number' && Number.isSafeInteger(value) && value >= 1) return value;
  const wanted = [...(numbers ? ['a version from 1'] : []), ...words.map((word) => `"${word}"`)].join(' or ');
  throw new InvalidArgumentError('expectedVersion', `${wanted} is needed, got ${shown(value)}`);
}

/** The metadata as it will be stored. @throws InvalidArgumentError unless it is a plain object of at most 16 KiB */
export function checkMetadata(value: unknown): EventMetadata | undefined {
  if (value === undefined) return undefined;
  if (!isDocumentLike(value)) throw new InvalidArgumentError('metadata', `a plain object is needed, got ${shown(value)}`);
  const metadata = storable(value, 'metadata');
  const odd = Object.keys(metadata).find((key) => key.startsWith('$') || key.includes('.') || key === '');
  if (odd !== undefined) throw new InvalidArgumentError('metadata', `the key "${odd}" cannot be stored: no "." in keys and no "$" in front`);
  const bytes = byteSize(metadata);
  if (bytes > mostMetadataBytes) throw new InvalidArgumentError('metadata', `${bytes} bytes are over the limit of ${mostMetadataBytes}`);
  return metadata;
}

function shown(value: unknown): string {
  if (value === null || value === undefined || typeof value === 'number' || typeof value === 'boolean') return String(value);
  if (typeof value === 'string') return value.length > 40 ? `a string of ${value.length} characters` : JSON.stringify(value);
  return Array.isArray(value) ? 'an array' : Object.prototype.toString.call(value) === '[object Date]' ? 'an invalid date' : `a ${typeof value}`;
}
