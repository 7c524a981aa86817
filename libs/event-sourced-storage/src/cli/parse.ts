import { InvalidArgumentError } from 'commander';

const wholeNumber = /^\d{1,15}$/;
/** A date, or a date and a time with its zone: without one, its meaning would depend on the machine. */
const isoDate = /^\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,3})?)?(?:Z|[+-]\d{2}:\d{2}))?$/;

export function integer(text: string): number {
  if (!wholeNumber.test(text)) throw new InvalidArgumentError('A whole number is needed.');
  return Number(text);
}

export function positiveInteger(text: string): number {
  const number = integer(text);
  if (number === 0) throw new InvalidArgumentError('A whole number above 0 is needed.');
  return number;
}

export function fraction(text: string): number {
  const number = Number(text);
  if (text.trim() === '' || !(number > 0 && number <= 1)) throw new InvalidArgumentError('A number above 0 and up to 1 is needed.');
  return number;
}

export function date(text: string): Date {
  const parsed = new Date(isoDate.test(text) ? text : Number.NaN);
  if (Number.isNaN(parsed.getTime())) throw new InvalidArgumentError('A date is needed: 2026-01-31, or with time and zone 2026-01-31T12:00:00Z.');
  return parsed;
}

/** Where a durable handler begins. */
export function start(text: string): 'beginning' | 'now' | Date {
  return text === 'beginning' || text === 'now' ? text : date(text);
}
