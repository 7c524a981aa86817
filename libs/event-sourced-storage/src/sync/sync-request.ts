import type { Position } from './catch-up.js';

/** A request that is refused: status and body are all that the client learns. */
export class Refusal extends Error {
  constructor(
    readonly status: 400 | 401 | 403 | 404 | 410 | 413 | 429 | 503,
    readonly body: Readonly<Record<string, unknown>>,
    /** Seconds, for 429 and 503. */
    readonly retryAfter?: number,
  ) {
    super(`refused with ${status}`);
  }
}

export const badRequest = (field: string): Refusal => new Refusal(400, { error: 'bad-request', field });
export const forbidden = (): Refusal => new Refusal(403, { error: 'forbidden' });
/** The same for what is absent and for what is hidden. */
export const notFound = (): Refusal => new Refusal(404, { error: 'not-found' });
export const tooLarge = (): Refusal => new Refusal(413, { error: 'too-large' });
export const tooMany = (limit: string, retryAfter = 5): Refusal => new Refusal(429, { error: 'too-many', limit }, retryAfter);
export const unavailable = (retryAfter = 1): Refusal => new Refusal(503, { error: 'unavailable' }, retryAfter);

const epochForm = /^[\w-]{1,16}$/;
const wholeNumber = /^(?:0|[1-9]\d{0,15})$/;

/** @throws Refusal */
export function wholeNumberOf(text: unknown, field: string, most: number = Number.MAX_SAFE_INTEGER): number {
  const value = typeof text === 'string' && wholeNumber.test(text) ? Number(text) : Number.NaN;
  if (Number.isSafeInteger(value) && value <= most) return value;
  throw badRequest(field);
}

/** @throws Refusal */
export function epochOf(text: unknown, field = 'epoch'): string {
  if (typeof text === 'string' && epochForm.test(text)) return text;
  throw badRequest(field);
}

/** `epoch.v`. @throws Refusal */
export function cursorOf(text: string, field: string): Position {
  const dot = text.indexOf('.');
  if (dot < 0) throw badRequest(field);
  return { kind: 'after', epoch: epochOf(text.slice(0, dot), field), after: wholeNumberOf(text.slice(dot + 1), field) };
}

/** The query of a request. A key twice, or one that is not known, is refused: it would mean something else to somebody. */
export class Query {
  private readonly values = new Map<string, string>();

  /** @throws Refusal */
  constructor(url: string, known: readonly string[]) {
    const start = url.indexOf('?');
    for (const [key, value] of new URLSearchParams(start < 0 ? '' : url.slice(start + 1))) {
      if (!known.includes(key) || this.values.has(key)) throw badRequest(known.includes(key) ? key : 'query');
      this.values.set(key, value);
    }
  }

  get(key: string): string | undefined {
    return this.values.get(key);
  }

  /** @throws Refusal */
  number(key: string, most?: number): number | undefined {
    const text = this.values.get(key);
    return text === undefined ? undefined : wholeNumberOf(text, key, most);
  }

  /** @throws Refusal */
  oneOf<W extends string>(key: string, words: readonly W[], otherwise: W): W {
    const text = this.values.get(key);
    if (text === undefined) return otherwise;
    if ((words as readonly string[]).includes(text)) return text as W;
    throw badRequest(key);
  }
}

/**
 * Where the client of a single document is: `Last-Event-ID` wins over the query, since a browser repeats its first address for ever.
 * @throws Refusal
 */
export function positionOf(query: Query, lastEventId: unknown): Position {
  if (lastEventId !== undefined && lastEventId !== '') {
    if (typeof lastEventId !== 'string') throw badRequest('last-event-id');
    return cursorOf(lastEventId, 'last-event-id');
  }
  const after = query.get('after');
  const epoch = query.get('epoch') === undefined ? undefined : epochOf(query.get('epoch'));
  if (after === undefined) {
    if (epoch !== undefined) throw badRequest('after');
    return { kind: 'nothing' };
  }
  if (after === 'now') return { kind: 'now' };
  const number = wholeNumberOf(after, 'after');
  // a number without its epoch cannot notice an erasure
  if (number > 0 && epoch === undefined) throw badRequest('epoch');
  return { kind: 'after', after: number, epoch };
}

/** One entry of the body of a request for many documents. @throws Refusal */
export function positionOfEntry(entry: unknown): Position {
  if (entry === null) return { kind: 'nothing' };
  if (!isRecord(entry) || Object.keys(entry).some((key) => key !== 'v' && key !== 'epoch')) throw badRequest('docs');
  const { v, epoch } = entry;
  if (typeof v !== 'number' || !Number.isSafeInteger(v) || v < 0) throw badRequest('docs');
  if (v === 0 && epoch === undefined) return { kind: 'after', after: 0, epoch: undefined };
  return { kind: 'after', after: v, epoch: epochOf(epoch, 'docs') };
}

/** The `docs` of a body, by ref as it was written. @throws Refusal */
export function docsOf(body: unknown, known: readonly string[], most: number): Map<string, Position> {
  if (!isRecord(body)) throw badRequest('body');
  if (Object.keys(body).some((key) => !known.includes(key))) throw badRequest('body');
  const { docs } = body;
  if (!isRecord(docs)) throw badRequest('docs');
  const entries = Object.entries(docs);
  if (entries.length === 0 || entries.length > most) throw badRequest('docs');
  return new Map(entries.map(([ref, entry]) => [ref, positionOfEntry(entry)]));
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
